// What only Redis has: exact channels and patterns, and streams with a place to begin at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pubsub, streams } from "../lib/brokers/redis.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const employee = (id) => JSON.stringify({ __typename: "Employee", id });
const ids = (results, field) => results.map(({ data }) => data[field].id);

test("Redis Pub/Sub", async (t) => {
  const on = (field, channel, more = "") =>
    `${field}: Employee! @edfs__redisSubscribe(channels: ["${channel}"], providerId: "redis"${more})`;
  const world = await startBrokerWorld(pubsub, {
    schema: { subscriptions: `${on("exact", "news.*", ", patterns: false")} ${on("pattern", "news.*")} ${on("plain", "news.a")}` },
  });
  t.after(() => world.stop());
  const { broker: { client }, router } = world;

  await t.test("a channel is exact, and a pattern only where the schema declares one", async () => {
    const [exact, pattern, plain] = ["exact", "pattern", "plain"].map((field) => ws(router).subscribe(`subscription { ${field} { id } }`));
    await joined(router, 3);
    assert.equal(await client.pubSubNumPat(), 1);
    await client.publish("news.a", employee(1));
    await client.publish("news.*", employee(2));
    await client.publish("news.b", employee(3));
    assert.deepEqual(ids(await pattern.first(3), "pattern"), [1, 2, 3]);
    assert.deepEqual(ids(await exact.first(1), "exact"), [2]);
    assert.deepEqual(ids(await plain.first(1), "plain"), [1]);
    assert.deepEqual([exact, plain].map((stream) => stream.results.length), [1, 1]);
    for (const stream of [exact, pattern, plain]) stream.leave();
    await joined(router, 0);
    await until("nothing subscribed", async () => (await client.pubSubNumPat()) === 0 && (await client.pubSubChannels()).length === 0);
  });

  await t.test("many subscribers are one subscription at Redis", async () => {
    const many = Array.from({ length: 50 }, () => ws(router).subscribe("subscription { plain { id } }"));
    await joined(router, 50);
    assert.deepEqual({ ...(await client.pubSubNumSub(["news.a"])) }, { "news.a": 1 });
    for (const stream of many) stream.leave();
    await joined(router, 0);
  });
});

test("Redis Streams: what was there before is for who asks for it", async (t) => {
  const world = await startBrokerWorld(streams);
  t.after(() => world.stop());
  const { broker, router } = world;
  const first = [];
  for (let id = 1; id <= 3; id++) first.push(await broker.publish("seen", employee(id)));
  const latest = ws(router).subscribe("subscription { seen { id } }");
  await joined(router, 1);
  await broker.publish("seen", employee(4));
  assert.deepEqual(ids(await latest.first(1), "seen"), [4]);
  await broker.client.xAdd("redis-streams.seen", "*", { __typename: "Employee", id: "5" });
  await broker.publish("seen", employee(6));
  // An entry without a field for the event is the event itself: its values are texts, and `id` is an Int here.
  await latest.first(3);
  assert.deepEqual([latest.results[1].data, latest.results[2].data.seen.id], [null, 6]);
  latest.leave();
});

for (const { start, expected } of [{ start: "earliest", expected: [1, 2, 3] }, { start: "second", expected: [2, 3] }]) {
  test(`Redis Streams: start_position ${start}`, async (t) => {
    // The entries are there before the router is, under ids of our own.
    const world = await startBrokerWorld(streams, { provider: { start_position: start === "second" ? "1000-2" : start } });
    t.after(() => world.stop());
    for (let id = 1; id <= 3; id++) await world.broker.client.xAdd("redis-streams.seen", `1000-${id}`, { data: employee(id) });
    const stream = ws(world.router).subscribe("subscription { seen { id } }");
    assert.deepEqual(ids(await stream.first(expected.length), "seen"), expected);
  });
}
