// What RFC 9110, 9112, 9113 and 6455 and GraphQL over HTTP say of every request and answer, whatever it carries: one row per sentence.

import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { dial, request } from "../lib/raw-socket.js";
import { startWorld } from "../lib/world.js";

const QUERY = "/graphql?query=%7B__typename%7D";
const MUTATION = "/graphql?query=mutation%7BtouchEmployee(id:1)%7Bsuccess%7D%7D";
const SUBSCRIPTION = "/graphql?query=subscription%7Bticks%7Bsequence%7D%7D";
const APOLLO = "multipart/mixed;subscriptionSpec=1.0";
const UPGRADE = ["Host: a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Protocol: graphql-transport-ws"];
const KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
const VERSION = "Sec-WebSocket-Version: 13";

let world;
before(async () => { world = await startWorld({ provider: "memory" }); });
after(() => world?.stop());

const plain = (version, lines, path = QUERY) => `GET ${path} HTTP/${version}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
const post = (headers, body) => request("POST", "/graphql", { "Content-Type": "application/json", ...headers }, body);
const get = (path, headers) => request("GET", path, headers);

const rows = [
  ["HTTP/1.1 without a host", plain("1.1", []), 400],
  ["two hosts", plain("1.1", ["Host: a", "Host: a"]), 400],
  ["a host that is none", plain("1.1", ["Host: a b/c"]), 400],
  ["a host with its user", plain("1.1", ["Host: me@a"]), 400],
  ["an empty host", plain("1.1", ["Host: "]), 200],
  ["HTTP/1.0 needs no host", plain("1.0", []), 200],
  ["a handshake without a host", plain("1.1", [...UPGRADE.slice(1), KEY, VERSION]), 400],
  ["a handshake over HTTP/1.0 is none", plain("1.0", [...UPGRADE, KEY, VERSION]), 200],
  ["a handshake", plain("1.1", [...UPGRADE, KEY, VERSION]), 101, { upgrade: "websocket", connection: "Upgrade" }],
  ["a handshake of an older version", plain("1.1", [...UPGRADE, KEY, "Sec-WebSocket-Version: 8"]), 426,
    { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13" }],
  ["two keys", plain("1.1", [...UPGRADE, KEY, KEY, VERSION]), 400],
  ["two versions", plain("1.1", [...UPGRADE, KEY, VERSION, VERSION]), 400],
  ["a query", get(QUERY), 200, { date: /GMT$/ }],
  ["an event stream", get(SUBSCRIPTION, { Accept: "text/event-stream" }), 200, { date: /GMT$/, connection: "close" }],
  ["Apollo's multipart", get(SUBSCRIPTION, { Accept: APOLLO }), 200, { date: /GMT$/, connection: "close" }],
  ["another version of Apollo's multipart", get(SUBSCRIPTION, { Accept: "multipart/mixed;subscriptionSpec=2.0" }), 406],
  ["any multipart", get(SUBSCRIPTION, { Accept: "multipart/*" }), 200, { "content-type": /^multipart\/mixed;boundary="-"/ }],
  ["OPTIONS", request("OPTIONS", "/graphql"), 204, { allow: /GET, POST/ }],
  ["HEAD of a page that is not there", request("HEAD", "/nothing"), 404, { "content-length": "9" }],
  ["a body in an encoding", post({ "Content-Encoding": "gzip" }, '{"query":"{ __typename }"}'), 415],
  ["a body in the identity encoding", post({ "Content-Encoding": "identity" }, '{"query":"{ __typename }"}'), 200],
  ["a body over the bound", post({ "Content-Length": 1 << 30 }), 413, { connection: "close" }],
  ["a mutation by GET", get(MUTATION), 405, { allow: "POST" }],
  ...[APOLLO, "multipart/mixed"].flatMap((accept) => [
    [`a mutation by GET for ${accept}`, get(MUTATION, { Accept: accept }), 405, { allow: "POST" }],
    [`a refusal for ${accept}`, get("/graphql?query=%7Bnothing%7D", { Accept: accept }), 400,
      { "content-type": /graphql-response/ }],
    [`a refusal for ${accept} or JSON`, get("/graphql?query=%7Bnothing%7D", { Accept: `${accept}, application/json` }), 200,
      { "content-type": /^application\/json/ }],
    [`no JSON, for ${accept}`, post({ Accept: accept }, "{"), 400],
  ]),
];

for (const [what, bytes, status, headers = {}] of rows) {
  test(`${what}: ${status}`, async () => {
    const raw = await dial(world.router.port);
    raw.write(bytes);
    await raw.until(/\r\n\r\n/);
    const [head] = raw.text().split("\r\n\r\n");
    assert.match(head, new RegExp(`^HTTP/1.[01] ${status} `));
    const shown = Object.fromEntries(head.split("\r\n").slice(1).map((line) => line.split(/: (.*)/, 2)));
    for (const [name, value] of Object.entries(headers)) {
      assert.ok(value instanceof RegExp ? value.test(shown[name]) : shown[name] === value, `${name} in ${head}`);
    }
    raw.destroy();
  });
}

const malformed = {
  "a query string without a query": get("/graphql?variables=%7B%7D", { Accept: "text/event-stream" }),
  "variables that are no JSON": get(`${QUERY}&variables=%7B`, { Accept: "text/event-stream" }),
  "variables that are a list": get(`${QUERY}&variables=[1]`, { Accept: "text/event-stream" }),
  "a body that is no JSON": post({ Accept: "text/event-stream" }, "{"),
  "a body without a query": post({ Accept: "text/event-stream" }, "{}"),
};
for (const [what, bytes] of Object.entries(malformed)) {
  test(`${what} is refused inside an event stream, where a browser can read it`, async () => {
    const raw = await dial(world.router.port);
    raw.write(bytes);
    const whole = await raw.until(/event: complete\ndata:\n\n/);
    assert.match(whole, /^HTTP\/1.1 200 OK\r\ncontent-type: text\/event-stream[^]*event: next\ndata: \{"errors":\[\{"message":/);
    raw.destroy();
  });
}

test("HTTP/2: HEAD has the length and no content, and a head over the bound a status", async (t) => {
  const session = http2.connect(`http://127.0.0.1:${world.router.port}`, { maxSendHeaderBlockLength: 1 << 20 });
  t.after(() => session.destroy());
  const ask = async (headers) => {
    const stream = session.request(headers, { endStream: true });
    const [[answer], body] = await Promise.all([once(stream, "response"), text(stream)]);
    return { answer, body };
  };
  for (const [path, status] of [["/graphql", 405], ["/nothing", 404]]) {
    const { answer, body } = await ask({ ":method": "HEAD", ":path": path });
    assert.deepEqual([answer[":status"], body], [status, ""], path);
    assert.ok(Number(answer["content-length"]) > 0, path);
  }
  const { answer, body } = await ask({ ":path": QUERY, "x-large": "x".repeat(66 << 10) });
  assert.equal(answer[":status"], 431);
  assert.match(body, /limits\.request_head_bytes_max/);
  assert.equal((await ask({ ":path": QUERY })).answer[":status"], 200);
});
