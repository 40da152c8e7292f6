// npm's `graphql-sse`: a connection an operation, one connection for all, and both over HTTP/2.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-sse";
import { joined } from "../lib/clients.js";
import { overHttp2 } from "../lib/real-clients/http.js";
import { once, opened } from "../lib/real-clients/stream.js";
import { holdsFor } from "../lib/real-clients/suite.js";
import { TICKS, inWorld } from "../lib/real-clients/world.js";
import { sample } from "../lib/router.js";
import { until } from "../lib/wait.js";

const at = inWorld();

/** `asked` keeps the method of every request it makes, `GET` only where a stream is opened. */
function graphqlSse(router, options = {}) {
  const asked = [];
  const { fetchFn = fetch, ...rest } = options;
  const client = createClient({
    url: router.url,
    retryAttempts: 200,
    retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
    fetchFn: (url, request) => {
      asked.push(request.method);
      return fetchFn(url, request);
    },
    ...rest,
  });
  const subscribe = (query, sink) => client.subscribe({ query }, sink);
  return { asked, subscribe, query: (query) => once((sink) => subscribe(query, sink)), dispose: () => client.dispose() };
}

holdsFor(at, { name: "graphql-sse", protocol: "sse", comesBack: true, open: (router) => graphqlSse(router) });

// Here a refusal is the answer to a request. The client takes it for a fault of the network, asks again as often as it may,
// and shows no more than the status; clients-curl looks at the body.
const single = (t, options) => opened(t, graphqlSse(at.router, { singleConnection: true, retryAttempts: 0, ...options }));

test("graphql-sse, single connection: many operations share one stream, each gets its own, and one end is one end", async (t) => {
  const streams = async () => {
    const { text } = await at.router.ask("/metrics");
    return sample(text, "downstream_connections", { protocol: "sse" }) + sample(text, "downstream_connections", { protocol: "sse-single" });
  };
  const before = await streams();
  const client = single(t);
  const all = Array.from({ length: 5 }, () => client.watch(TICKS));
  const updates = client.watch("subscription { employeeUpdated(employeeID: 3) { id isAvailable } }");
  await joined(at.router, 6);
  assert.equal(client.asked.filter((method) => method === "GET").length, 1);
  assert.equal(client.asked.filter((method) => method === "PUT").length, 1);
  assert.equal((await streams()) - before, 1, "one stream connection for six operations");
  await at.tick(1, 2, 3);
  await at.publish({ id: 3 }, "employeeUpdated.3");
  for (const one of all) assert.deepEqual((await one.first(3)) && one.sequences(), [1, 2, 3]);
  assert.deepEqual(await updates.first(1), [{ employeeUpdated: { id: 3, isAvailable: true } }]);
  all[0].leave();
  await joined(at.router, 5);
  assert.ok(client.asked.includes("DELETE"));
  await at.tick(4);
  await all[1].first(4);
  assert.deepEqual([all[0].sequences(), all[1].sequences()], [[1, 2, 3], [1, 2, 3, 4]]);
  client.dispose();
  await joined(at.router, 0);
});

test("graphql-sse, single connection: queries and mutations come over the stream, and complete", async (t) => {
  const client = single(t, { lazy: false });
  const query = client.watch("{ employees { id } }");
  await until("its end", () => query.isOver);
  assert.deepEqual([query.results[0].employees.length, query.results.length, query.errors], [3, 1, []]);
  const updates = client.watch("subscription { employeeUpdated(employeeID: 2) { id } }");
  await joined(at.router, 1);
  const { data } = await client.query("mutation { touchEmployee(id: 2) { success } }");
  assert.equal(data.touchEmployee.success, true);
  assert.deepEqual(await updates.first(1), [{ employeeUpdated: { id: 2 } }]);
  client.dispose();
  await joined(at.router, 0);
});

test("graphql-sse, single connection: a refused operation ends with the answer to its request, the others stay", async (t) => {
  const client = single(t, { lazy: false });
  const stays = client.watch(TICKS);
  await joined(at.router, 1);
  const refused = client.watch("subscription { nothing }");
  await until("its end", () => refused.isOver);
  assert.deepEqual([refused.results, refused.errors.length], [[], 1]);
  assert.match(refused.errors[0], /Server responded with (200|400)/);
  await at.tick(1);
  await stays.first(1);
  assert.deepEqual([stays.sequences(), stays.isOver], [[1], false]);
  client.dispose();
  await joined(at.router, 0);
});

test("graphql-sse, single connection: leaving the last operation closes the stream, and the next one opens another", async (t) => {
  const client = single(t);
  for (const sequence of [1, 2]) {
    const ticks = client.watch(TICKS);
    await joined(at.router, 1);
    await at.tick(sequence);
    await ticks.first(1);
    assert.deepEqual(ticks.sequences(), [sequence]);
    ticks.leave();
    await joined(at.router, 0);
    await until("its end", () => ticks.isOver);
  }
  assert.equal(client.asked.filter((method) => method === "GET").length, 2);
  client.dispose();
});

test("graphql-sse, single connection: it lives through quiet, and comes back by itself after a restart", async (t) => {
  const client = opened(t, graphqlSse(at.router, { singleConnection: true }));
  const [one, two] = [0, 1].map(() => client.watch(TICKS));
  await joined(at.router, 2);
  await sleep(1500); // the quiet itself
  assert.deepEqual([one.results, one.errors, one.isOver, client.asked.filter((it) => it === "GET").length], [[], [], false, 1]);
  await at.tick(1);
  await Promise.all([one.first(1), two.first(1)]);
  await at.restart();
  await joined(at.router, 2);
  await at.tick(2);
  await Promise.all([one.first(2), two.first(2)]);
  assert.deepEqual([one.sequences(), two.sequences(), one.isOver, two.isOver], [[1, 2], [1, 2], false, false]);
  client.dispose();
  await joined(at.router, 0);
});

for (const singleConnection of [false, true]) {
  test(`graphql-sse over HTTP/2 by prior knowledge, singleConnection: ${singleConnection}`, async (t) => {
    const h2 = overHttp2(new URL(at.router.url).origin);
    t.after(() => h2.destroy());
    const client = opened(t, graphqlSse(at.router, { singleConnection, fetchFn: h2.fetch }));
    const many = Array.from({ length: 10 }, () => client.watch(TICKS));
    await joined(at.router, 10);
    await at.tick(1, 2, 3);
    for (const one of many) assert.deepEqual((await one.first(3)) && one.sequences(), [1, 2, 3]);
    many[0].leave();
    await joined(at.router, 9);
    assert.equal((await client.query("{ employees { id } }")).data.employees.length, 3);
    client.dispose();
    await joined(at.router, 0);
  });
}
