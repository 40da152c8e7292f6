// graphql-sse's single connection mode by hand, request by request, as its PROTOCOL.md has it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "../lib/clients.js";
import { accept, byGet, curl, json } from "../lib/real-clients/curl.js";
import { TICKS, inWorld } from "../lib/real-clients/world.js";
import { until } from "../lib/wait.js";

const at = inWorld({ sse: { heartbeat: "200ms", reservation_timeout: "1s" } });

const by = {
  header: { token: (token) => ["-H", `X-GraphQL-Event-Stream-Token: ${token}`], url: () => at.router.url },
  "search parameter": { token: () => [], url: (token) => `${at.router.url}?token=${encodeURIComponent(token)}` },
};

/** One that ends by itself. */
const ask = (...args) => curl(...args).end();

async function reserve() {
  const got = await ask("-X", "PUT", at.router.url);
  assert.equal(got.status, 201);
  assert.match(got.head, /^content-type: text\/plain/m);
  const token = got.body;
  assert.match(token, /^[\x21-\x7e]{16,}$/, "a token that nobody guesses, and nothing around it");
  return token;
}

/** A stream behind a reservation, and the requests that belong to it. */
async function connect(t, how = by.header) {
  const token = await reserve();
  const stream = curl(...accept("text/event-stream"), ...how.token(token), how.url(token));
  t.after(stream.leave);
  await stream.until("the opening", () => stream.body.startsWith(":\n\n"));
  const operation = (query, id) => ({ query, ...(id === undefined ? {} : { extensions: { operationId: id } }) });
  return {
    token,
    stream,
    run: (query, id, ...more) => ask(...how.token(token), ...json(operation(query, id)), ...more, how.url(token)),
    runByGet: (query, id) => ask(...how.token(token), ...byGet(operation(query, id)), how.url(token)),
    stop(id) {
      const url = new URL(how.url(token));
      url.searchParams.set("operationId", id);
      return ask("-X", "DELETE", ...how.token(token), url.toString());
    },
    of: (id) => stream.events().filter(({ data }) => data).map(({ event, data }) => ({ event, ...JSON.parse(data) })).filter((one) => one.id === id),
  };
}

for (const [name, how] of Object.entries(by)) {
  test(`the token as ${name}: operations are accepted with 202, their results come by id, DELETE ends one with 200`, async (t) => {
    const { stream, run, runByGet, stop, of } = await connect(t, how);
    assert.match(stream.head, /^content-type: text\/event-stream/m);
    for (const id of ["one", "two"]) assert.equal((await run(TICKS, id)).status, 202);
    await joined(at.router, 2);
    await at.tick(1, 2, 3);
    await stream.until("all of both", () => of("one").length === 3 && of("two").length === 3);
    assert.deepEqual(of("one").map(({ event, payload }) => [event, payload.data.ticks.sequence]), [["next", 1], ["next", 2], ["next", 3]]);
    assert.equal((await stop("one")).status, 200);
    await joined(at.router, 1);
    await at.tick(4);
    await stream.until("the fourth", () => of("two").length === 4);
    assert.equal(of("one").filter(({ event }) => event === "next").length, 3);
    // A query by GET is an operation as well, and completes by itself.
    assert.equal((await runByGet("{ employees { id } }", "query")).status, 202);
    await stream.until("its end", () => of("query").length === 2);
    const [next, complete] = of("query");
    assert.equal(next.payload.data.employees.length, 3);
    assert.deepEqual(complete, { event: "complete", id: "query" });
    await stream.leave();
    await joined(at.router, 0);
  });
}

test("an operation before the stream is open is held for it", async (t) => {
  const token = await reserve();
  const operation = { query: "{ employees { id } }", extensions: { operationId: "early" } };
  assert.equal((await ask(...by.header.token(token), ...json(operation), at.router.url)).status, 202);
  const stream = curl(...accept("text/event-stream"), ...by.header.token(token), at.router.url);
  t.after(stream.leave);
  await stream.until("its result and end", () => stream.events().filter(({ data }) => data?.includes('"early"')).length === 2);
});

test("heartbeats come by their interval from the opening on, however long a reservation may last", async (t) => {
  const every = "2s";
  const sse = { heartbeat: every, reservation_timeout: "10m" };
  const router = await at.beside({ sse, websocket: { ping_interval: every }, multipart: { heartbeat: every } });
  t.after(() => router.stop());
  const { body: token } = await ask("-X", "PUT", router.url);
  const stream = curl(...accept("text/event-stream"), ...by.header.token(token), router.url);
  t.after(stream.leave);
  await until("a heartbeat behind the opening", () => stream.events().filter(({ comment }) => comment === "").length >= 2, 10_000);
});

test("what is refused, and with which status", async (t) => {
  const { token, run, stop, of, stream } = await connect(t);
  assert.equal((await run(TICKS, "one")).status, 202);
  await joined(at.router, 1);
  const stranger = by.header.token("no-such-token-no-such-token");
  const cases = [
    ["no operationId", 400, () => run(TICKS)],
    ["an operationId that is no text", 400, () => run(TICKS, 7)],
    ["an id that is in use", 409, () => run(TICKS, "one")],
    ["an unknown token", 404, () => ask(...stranger, ...json({ query: TICKS, extensions: { operationId: "x" } }), at.router.url)],
    ["a stream with an unknown token", 404, () => ask(...accept("text/event-stream"), ...stranger, at.router.url)],
    ["DELETE with an unknown token", 404, () => ask("-X", "DELETE", ...stranger, `${at.router.url}?operationId=one`)],
    ["DELETE without operationId", 400, () => ask("-X", "DELETE", ...by.header.token(token), at.router.url)],
    ["a second stream", 409, () => ask(...accept("text/event-stream"), ...by.header.token(token), at.router.url)],
    ["a syntax error", 400, () => run("{", "bad", ...accept("application/graphql-response+json"))],
    ["a field that is not there", 400, () => run("{ nothing }", "bad", ...accept("application/graphql-response+json"))],
  ];
  for (const [what, status, refused] of cases) {
    const got = await refused();
    assert.equal(got.status, status, `${what}: ${got.body}`);
  }
  assert.match((await run("{ nothing }", "bad", ...accept("application/graphql-response+json"))).body, /nothing/);
  // None of it reached the stream, or the operation that runs there.
  await at.tick(1);
  await stream.until("the event", () => of("one").length === 1);
  assert.deepEqual(of("bad"), []);
  assert.equal((await stop("never-there")).status, 200, "who stops what is over already has what they want");
});

test("DELETE without a token is refused", async () => {
  const { status } = await ask("-X", "DELETE", `${at.router.url}?operationId=one`);
  assert.ok(status >= 400 && status < 500, `${status}`);
});

test("a reservation that nobody opens is forgotten, and so is one whose stream has ended", async (t) => {
  const token = await reserve();
  const stopping = (one) => ask("-X", "DELETE", ...by.header.token(one), `${at.router.url}?operationId=one`);
  assert.equal((await stopping(token)).status, 200, "it is there");
  await until("it is forgotten", async () => (await stopping(token)).status === 404, 10_000);
  const { stream, token: open, run } = await connect(t);
  assert.equal((await run(TICKS, "one")).status, 202);
  await joined(at.router, 1);
  await stream.leave();
  await joined(at.router, 0);
  await until("it is forgotten", async () => (await stopping(open)).status === 404, 10_000);
});
