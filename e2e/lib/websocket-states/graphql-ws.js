// Every message in every state of the legacy graphql-ws, and its exact answer: lenient where its document is.

import { QUERY, RESULT, TEXT, TICKS } from "./outcomes.js";
import { closes, ends, longId, nested, nonsense, row, says, silent, streams } from "./outcomes.js";

const ACK = { type: "connection_ack" };
const KA = { type: "ka" };
const acknowledged = says(ACK, KA);
const invalid = says({ type: "connection_error", payload: { message: TEXT } });
const unauthorized = closes(4401, "Unauthorized");
const tooMany = closes(4429, "Too many initialisation requests");
const gone = closes(1000, "");
const result = (id) => [{ id, type: "data", payload: RESULT }, { id, type: "complete" }];
const answered = (id) => says(...result(id));
const failure = (id) => ({ id, type: "error", payload: { message: TEXT } });
const start = (id, query, more) => ({ id, type: "start", payload: { query, ...more } });

export const graphqlWs = {
  subprotocol: "graphql-ws",
  init: { type: "connection_init" },
  acknowledgement: [ACK, KA],
  start: (id, query) => start(id, query),
  stop: (id) => ({ id, type: "stop" }),
  stopped: [{ id: "1", type: "complete" }],
  dataType: "data",
  rows: [
    row("connection_init", { type: "connection_init" }, acknowledged, tooMany),
    row("connection_init with a payload", { type: "connection_init", payload: { token: "x" } }, acknowledged, tooMany),
    row("connection_init, payload null", { type: "connection_init", payload: null }, acknowledged, tooMany),
    ...[["a text", "x"], ["a list", []], ["a number", 1]].map(([what, payload]) =>
      row(`connection_init, payload ${what}`, { type: "connection_init", payload }, invalid, tooMany)),
    row("start, a query", start("1", QUERY), unauthorized, answered("1"), { live: ends(...result("1")) }),
    row("start, a query with another id", start("2", QUERY), unauthorized, answered("2")),
    // A live one under the same id makes way without a word.
    row("start, a subscription", start("1", TICKS), unauthorized, streams("1"), { live: { ...ends(), begins: "1" } }),
    row("start, a subscription with another id", start("2", TICKS), unauthorized, streams("2")),
    row("start, all optional parts null", start("2", QUERY, { operationName: null, variables: null, extensions: null }),
      unauthorized, answered("2")),
    row("start, an unknown field", start("2", "{ nothing }"), unauthorized, says(failure("2"))),
    row("start, not GraphQL", start("2", "{"), unauthorized, says(failure("2"))),
    row("start, two unknown fields", start("2", "{ nothing never }"), unauthorized, says(failure("2"))),
    row("start, an unknown field with the live id", start("1", "{ nothing }"), unauthorized, says(failure("1")),
      { live: ends(failure("1")) }),
    row("start without an id", { type: "start", payload: { query: QUERY } }, unauthorized, invalid),
    row("start, id empty", start("", QUERY), invalid),
    row("start, id a number", start(1, QUERY), invalid),
    row("start, id null", start(null, QUERY), invalid),
    // With an id there is somebody to tell.
    ...[
      ["without a payload", { id: "2", type: "start" }],
      ["payload null", { id: "2", type: "start", payload: null }],
      ["payload a text", { id: "2", type: "start", payload: QUERY }],
      ["without a query", { id: "2", type: "start", payload: { variables: {} } }],
      ["query a number", start("2", 7)],
    ].map(([what, message]) => row(`start, ${what}`, message, unauthorized, says(failure("2")))),
    row("stop of the known id", { id: "1", type: "stop" }, silent, silent,
      { live: ends({ id: "1", type: "complete" }) }),
    row("stop of an unknown id", { id: "nobody", type: "stop" }, silent),
    row("stop without an id", { type: "stop" }, invalid),
    row("stop, id a number", { id: 1, type: "stop" }, invalid),
    row("connection_terminate", { type: "connection_terminate" }, gone),
    ...["subscribe", "complete", "data", "error"].map((type) =>
      row(`${type}, which clients do not send here`, { id: "2", type, payload: { query: QUERY } }, says(failure("2")))),
    ...["ping", "pong", "ka", "connection_ack", "connection_error"].map((type) =>
      row(`${type}, which clients do not send here`, { type }, invalid)),
    row("an unknown type", { type: "hello" }, invalid),
    row("an unknown type with an id", { id: "2", type: "hello" }, says(failure("2"))),
    row("a type in capitals", { id: "2", type: "START", payload: { query: QUERY } }, says(failure("2"))),
    row("no type", { payload: {} }, invalid),
    row("type a number", { type: 1 }, invalid),
    ...nonsense.map(([what, message]) => row(what, message, invalid)),
    row("a binary message", Buffer.from('{"type":"connection_init"}'), closes(4400, TEXT)),
    row("start, variables 10,000 deep",
      `{"id":"2","type":"start","payload":{"query":"{ __typename }","variables":{"a":${nested("[", "]")}}}}`, invalid),
    // Before the acknowledgement a message may have `limits.connection_init_bytes_max`.
    longId("start, an id of 1 MB", "start", { query: QUERY }, closes(1009, TEXT), invalid),
    longId("stop, an id of 1 MB", "stop", undefined, closes(1009, TEXT), invalid),
    // The last of two equal keys counts, as with JSON.parse.
    row("type twice", '{"type":"connection_terminate","type":"stop","id":"nobody"}', silent),
    row("id twice",
      '{"id":"1","id":"2","type":"start","payload":{"query":"{ __typename }"}}', unauthorized, answered("2")),
    row("a surrogate pair as an id",
      '{"id":"\\ud83d\\ude00","type":"start","payload":{"query":"{ __typename }"}}', unauthorized, answered("😀")),
    row("an escaped NUL as an id", start("\0", QUERY), unauthorized, answered("\0")),
  ],
};
