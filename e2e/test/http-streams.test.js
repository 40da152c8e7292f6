// The forms in which HTTP clients want their streams, and the ways in which they keep or share a connection.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { joined } from "../lib/clients.js";
import { ACCEPTS, TEXTS } from "../lib/http-tables.js";
import { dial, operation, request } from "../lib/raw-socket.js";
import { providers, serve } from "../lib/router.js";
import { KINDS, ask, openStream, publish } from "../lib/streams.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const TICKS = "subscription { ticks { sequence } }";
const BODIES = KINDS.filter((kind) => !kind.endsWith("-ws"));
const GOOD = { data: { __typename: "Query" } };
const JSON_ONLY = { Accept: "application/json" };

let world, router;
before(async () => {
  world = await startWorld({ provider: "memory" });
  router = world.router;
});
after(() => world?.stop());

test("the form of an answer is the best of what its client accepts, for a subscription always a stream", async (t) => {
  for (const [accept, forSubscription, forQuery] of ACCEPTS) {
    const cases = [[TICKS, forSubscription], ["{ __typename }", forQuery]];
    for (const [query, wanted] of cases.filter(([, wanted]) => wanted)) {
      await t.test(`${JSON.stringify(accept)}: ${query}`, async () => {
        const headers = accept === undefined ? {} : { accept };
        const answer = await ask(router, { headers, body: JSON.stringify({ query }) });
        const served = answer.status === 200 ? answer.headers["content-type"] : answer.status;
        answer.cut();
        assert.equal(served, wanted);
      });
    }
  }
  await joined(router, 0);
});

for (const kind of BODIES) {
  test(`${kind}: texts that look like framing arrive as they were`, async () => {
    const stream = await openStream(kind, router, { digest: ({ data }) => data.ticks.text });
    await joined(router, 1);
    for (const [sequence, text] of TEXTS.entries()) await publish(router, { sequence, text });
    await publish(router, '{\r\n\t"sequence":\r\n 1,\n\n"text": "white\\nspace"\r}');
    assert.deepEqual(await stream.first(TEXTS.length + 1), [...TEXTS, "white\nspace"]);
    assert.deepEqual([stream.others, stream.ended, stream.terminal], [[], undefined, undefined]);
    stream.cut();
    await joined(router, 0);
  });

  test(`${kind}: a head before the first event, nothing that proxies keep, heartbeats that are no results`, async (t) => {
    const config = { sse: { heartbeat: "50ms" }, multipart: { heartbeat: "50ms" }, shutdown: { spread: "0s" } };
    const quiet = await serve(world.folder, world.supergraph, { events: providers.memory(), ...config });
    t.after(() => quiet.stop());
    const stream = await openStream(kind, quiet);
    let bytes = "";
    stream.body.on("data", (chunk) => { bytes += chunk; });
    assert.equal(stream.status, 200);
    assert.match(stream.headers["cache-control"], /no-cache/);
    assert.equal(stream.headers["x-accel-buffering"], "no");
    assert.equal(stream.headers["content-encoding"], undefined);
    assert.equal(stream.headers["transfer-encoding"], "chunked");
    await joined(quiet, 1);
    await until("five heartbeats", () => (kind === "incremental" ? /^ {5}/m.test(bytes) : stream.beats >= 5));
    await publish(quiet, { sequence: 1 });
    assert.equal((await stream.first(1))[0].data.ticks.sequence, 1);
    assert.deepEqual(stream.others, []);
    stream.cut();
  });
}

test("a client that takes gzip gets every event at once all the same", async () => {
  const headers = { accept: "text/event-stream", "accept-encoding": "gzip, br, deflate" };
  const answer = await ask(router, { headers, body: JSON.stringify({ query: TICKS }) });
  let text = "";
  answer.body.on("data", (chunk) => { text += chunk; });
  await joined(router, 1);
  for (let sequence = 1; sequence <= 3; sequence++) {
    await publish(router, { sequence });
    await until(`event ${sequence} as text`, () => text.includes(`"sequence":${sequence}`));
  }
  assert.equal(answer.headers["content-encoding"], undefined);
  answer.cut();
  await joined(router, 0);
});

test("pipelining: answers come in the order of their requests; a stream takes the connection for good", async () => {
  const raw = await dial(router.port);
  const names = Array.from({ length: 50 }, (_, n) => `a${n}`);
  raw.write(names.map((name) => operation(`{ ${name}: __typename }`, JSON_ONLY)).join(""));
  const answered = (await raw.answers(50)).map(({ body }) => Object.keys(JSON.parse(body).data)[0]);
  assert.deepEqual(answered, names);
  raw.write(operation(TICKS, { Accept: "text/event-stream" }) + operation("{ late: __typename }", JSON_ONLY));
  await joined(router, 1);
  await publish(router, { sequence: 1 });
  await raw.until(/"sequence":1/);
  assert.doesNotMatch(raw.text(), /late/);
  raw.destroy();
  await joined(router, 0);
});

test("HTTP/1.0: an answer without chunks, and a stream that its connection ends", async () => {
  const old = (text) => text.replace("HTTP/1.1", "HTTP/1.0");
  const raw = await dial(router.port);
  raw.write(old(operation("{ __typename }", JSON_ONLY)));
  const [answer] = await raw.answers(1);
  await raw.end();
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, GOOD]);
  assert.equal(answer.headers["transfer-encoding"], undefined);
  const streamed = await dial(router.port);
  streamed.write(old(operation(TICKS, { Accept: "text/event-stream" })));
  await joined(router, 1);
  await publish(router, { sequence: 1 });
  const text = await streamed.until(/"sequence":1/);
  assert.doesNotMatch(text, /transfer-encoding|content-length/i);
  assert.match(text, /\r\n\r\n:\n\nevent: next\ndata: \{"data":\{"ticks":\{"sequence":1\}\}\}\n\n$/);
  streamed.destroy();
  await joined(router, 0);
});

test("a connection is kept after refusals, and after HEAD", async () => {
  const raw = await dial(router.port);
  const sse = { Accept: "text/event-stream" };
  const asked = [
    [request("POST", "/graphql", { ...JSON_ONLY, "Content-Type": "application/json" }, "no JSON"), 400],
    [request("POST", "/graphql", { ...sse, "Content-Type": "application/json" }, "no JSON"), 200],
    [request("POST", "/graphql", { ...sse, "Content-Type": "text/plain" }, '{"query":"{ __typename }"}'), 415],
    [request("GET", "/graphql", JSON_ONLY), 400],
    [request("GET", "/graphql", sse), 200],
    [operation(TICKS, JSON_ONLY), 406],
    [operation("{ __typename }", { Accept: "image/png" }), 406],
    [request("PATCH", "/graphql", sse), 405],
    [request("GET", "/nowhere", sse), 404],
    [operation("{ __typename }", JSON_ONLY), 200],
  ];
  for (const [at, [text, status]] of asked.entries()) {
    raw.write(text);
    assert.equal((await raw.answers(at + 1))[at]?.status, status, text);
  }
  const before = raw.text().length;
  raw.write(request("HEAD", "/graphql", sse) + operation("{ __typename }", JSON_ONLY));
  await raw.until(/HTTP\/1\.1 405[^]*HTTP\/1\.1 405[^]*HTTP\/1\.1 200/);
  const [head, next] = raw.text().slice(before).split(/(?<=\r\n\r\n)(?=HTTP)/);
  assert.match(head, /^HTTP\/1\.1 405 [^]*\r\nallow: [^]*\r\n\r\n$/i, "a head and nothing else");
  assert.match(next, /^HTTP\/1\.1 200/);
  raw.destroy();
});
