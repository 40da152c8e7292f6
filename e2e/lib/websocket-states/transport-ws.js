// Every message in every state of graphql-transport-ws, and its exact answer, as the protocol's document has it.

import { QUERY, RESULT, TEXT, TICKS } from "./outcomes.js";
import { closes, ends, longId, nested, nonsense, row, says, silent, streams } from "./outcomes.js";

const ACK = { type: "connection_ack" };
const invalid = closes(4400, TEXT);
const unauthorized = closes(4401, "Unauthorized");
const tooMany = closes(4429, "Too many initialisation requests");
const duplicate = closes(4409, "Subscriber for 1 already exists");
const answered = (id) => says({ id, type: "next", payload: RESULT }, { id, type: "complete" });
const refused = (id) => says({ id, type: "error", payload: [{ message: TEXT }] });
const subscribe = (id, query, more) => ({ id, type: "subscribe", payload: { query, ...more } });

export const transportWs = {
  subprotocol: "graphql-transport-ws",
  init: { type: "connection_init" },
  acknowledgement: [ACK],
  start: (id, query) => subscribe(id, query),
  stop: (id) => ({ id, type: "complete" }),
  stopped: [],
  dataType: "next",
  rows: [
    row("connection_init", { type: "connection_init" }, says(ACK), tooMany),
    row("connection_init with a payload", { type: "connection_init", payload: { token: "x" } }, says(ACK), tooMany),
    row("connection_init, payload null", { type: "connection_init", payload: null }, says(ACK), tooMany),
    row("connection_init, payload a text", { type: "connection_init", payload: "x" }, invalid),
    row("connection_init, payload a list", { type: "connection_init", payload: [] }, invalid),
    row("connection_init, payload a number", { type: "connection_init", payload: 1 }, invalid),
    row("ping", { type: "ping" }, says({ type: "pong" })),
    row("ping with a payload", { type: "ping", payload: { a: [1] } }, says({ type: "pong", payload: { a: [1] } })),
    row("ping, payload a text", { type: "ping", payload: "x" }, invalid),
    row("pong", { type: "pong" }, silent),
    row("pong with a payload", { type: "pong", payload: { a: 1 } }, silent),
    row("pong, payload a list", { type: "pong", payload: [] }, invalid),
    row("subscribe, a query", subscribe("1", QUERY), unauthorized, answered("1"), { live: duplicate }),
    row("subscribe, a query with another id", subscribe("2", QUERY), unauthorized, answered("2")),
    row("subscribe, a subscription", subscribe("1", TICKS), unauthorized, streams("1"), { live: duplicate }),
    row("subscribe, a subscription with another id", subscribe("2", TICKS), unauthorized, streams("2")),
    row("subscribe, all optional parts null",
      subscribe("2", QUERY, { operationName: null, variables: null, extensions: null }), unauthorized, answered("2")),
    row("subscribe, an unknown field", subscribe("2", "{ nothing }"), unauthorized, refused("2")),
    row("subscribe, not GraphQL", subscribe("2", "{"), unauthorized, refused("2")),
    row("subscribe, an unknown field with the live id", subscribe("1", "{ nothing }"), unauthorized, refused("1"),
      { live: duplicate }),
    row("subscribe without an id", { type: "subscribe", payload: { query: QUERY } }, invalid),
    row("subscribe, id empty", subscribe("", QUERY), invalid),
    row("subscribe, id a number", subscribe(1, QUERY), invalid),
    row("subscribe, id null", subscribe(null, QUERY), invalid),
    row("subscribe without a payload", { id: "2", type: "subscribe" }, invalid),
    row("subscribe, payload null", { id: "2", type: "subscribe", payload: null }, invalid),
    row("subscribe, payload a text", { id: "2", type: "subscribe", payload: QUERY }, invalid),
    row("subscribe without a query", { id: "2", type: "subscribe", payload: { variables: {} } }, invalid),
    row("subscribe, query a number", subscribe("2", 7), invalid),
    ...Object.entries({ operationName: [7, {}], variables: ["x", 7, [1]], extensions: ["x", 7, [1]] }).flatMap(([field, values]) =>
      values.map((value) => row(`subscribe, ${field} ${JSON.stringify(value)}`,
        { id: "2", type: "subscribe", payload: { query: QUERY, [field]: value } }, invalid))),
    row("complete of the known id", { id: "1", type: "complete" }, silent, silent, { live: ends() }),
    row("complete of an unknown id", { id: "nobody", type: "complete" }, silent),
    row("complete without an id", { type: "complete" }, invalid),
    row("complete, id a number", { id: 1, type: "complete" }, invalid),
    ...["start", "stop"].map((type) => row(type, { id: "1", type, payload: { query: QUERY } }, invalid)),
    row("connection_terminate", { type: "connection_terminate" }, invalid),
    ...["next", "error", "data"].map((type) =>
      row(`${type}, which only servers send`, { id: "1", type, payload: {} }, invalid)),
    ...["connection_ack", "connection_error", "ka"].map((type) =>
      row(`${type}, which only servers send`, { type }, invalid)),
    row("an unknown type", { type: "hello" }, invalid),
    row("an unknown type with an id", { id: "1", type: "hello" }, invalid),
    row("a type in capitals", { type: "PING" }, invalid),
    row("no type", { payload: {} }, invalid),
    row("type a number", { type: 1 }, invalid),
    ...nonsense.map(([what, message]) => row(what, message, invalid)),
    row("a binary message", Buffer.from('{"type":"ping"}'), invalid),
    row("subscribe, variables 10,000 deep",
      `{"id":"2","type":"subscribe","payload":{"query":"{ a }","variables":{"a":${nested("[", "]")}}}}`, invalid),
    // Before the acknowledgement a message may have `limits.connection_init_bytes_max`.
    longId("subscribe, an id of 1 MB", "subscribe", { query: QUERY }, closes(1009, TEXT), invalid),
    longId("complete, an id of 1 MB", "complete", undefined, closes(1009, TEXT), invalid),
    // The last of two equal keys counts, as with JSON.parse.
    row("type twice", '{"type":"ping","type":"pong"}', silent),
    row("id twice",
      '{"id":"1","id":"2","type":"subscribe","payload":{"query":"{ __typename }"}}', unauthorized, answered("2")),
    row("a surrogate pair",
      '{"type":"ping","payload":{"a":"\\ud83d\\ude00"}}', says({ type: "pong", payload: { a: "😀" } })),
    row("an escaped NUL", '{"type":"ping","payload":{"a":"\\u0000"}}', says({ type: "pong", payload: { a: "\0" } })),
    row("an escaped NUL as an id", subscribe("\0", QUERY), unauthorized, answered("\0")),
    row("the number 2^53",
      '{"type":"ping","payload":{"a":9007199254740992}}', says({ type: "pong", payload: { a: 2 ** 53 } })),
  ],
};
