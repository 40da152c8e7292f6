// What a WebSocket client can be answered with, and the states it can be in: the words of the two tables.
// Owns nothing but names, and the odd texts that both tables send.

export const STATES = ["opened", "acknowledged", "live", "completed", "closing"];

/** The operation that is live in one state and over in another, and of all that are started to last. */
export const TICKS = "subscription { ticks { sequence } }";
export const QUERY = "{ __typename }";
export const RESULT = { data: { __typename: "Query" } };

/** Stands for any text but an empty one. */
export const TEXT = Symbol("a text");

/** Exactly these messages. */
export const says = (...messages) => ({ messages });
export const silent = says();
export const closes = (code, reason) => ({ code, reason });
/** No answer, and from now on events under this id. */
export const streams = (id) => ({ messages: [], begins: id });
/** These messages, and no more events for the operation of the live state. */
export const ends = (...messages) => ({ messages, endsLive: true });

/** The row of a message: what it is, its text, and the outcome by state; what is not given is as in `acknowledged`. */
export function row(what, message, opened, acknowledged = opened, others = {}) {
  const { live = acknowledged, completed = acknowledged } = others;
  // After its own close a client is told nothing but the server's close.
  return { what, message, opened, acknowledged, live, completed, closing: closes(1000, "") };
}

/** 10,000 levels of JSON. */
export const nested = (open, close) => open.repeat(10_000) + close.repeat(10_000);
const LONG_ID = "i".repeat(1 << 20);

/** Texts and bytes that neither protocol has a meaning for. */
export const nonsense = [
  ["not JSON", "hello"],
  ["half of a JSON object", '{"type":"pi'],
  ["a JSON array", '[{"type":"ping"}]'],
  ["a JSON number", "7"],
  ["a JSON string", '"ping"'],
  ["a JSON null", "null"],
  ["an empty text", ""],
  ["white space", " \n"],
  ["objects 10,000 deep", `{"type":"ping","payload":${nested('{"a":', "}").replace(":}", ":1}")}}`],
  ["lists 10,000 deep", `{"type":"ping","payload":{"a":${nested("[", "]")}}}`],
  ["a brace 10,000 times", "{".repeat(10_000)],
  ["half of a surrogate pair", '{"type":"ping","payload":{"a":"\\ud800"}}'],
  ["the other half of a surrogate pair", '{"type":"ping","payload":{"a":"\\udc00x"}}'],
  ["half of a surrogate pair as an id", '{"id":"\\ud800","type":"complete"}'],
  ["a bare NUL", '{"type":"ping","payload":{"a":"\0"}}'],
  ["the number 1e400", '{"type":"ping","payload":{"a":1e400}}'],
];

/** A message that would have a meaning with an id shorter than 1 MB. */
export function longId(what, type, payload, opened, acknowledged) {
  const message = JSON.stringify({ id: LONG_ID, type, payload });
  // Behind its own close a client owes silence (RFC 6455 §5.5.1); with so much unread, closing resets the connection.
  return { ...row(what, message, opened, acknowledged), closing: { code: 1000, reason: "", isResetFine: true } };
}
