// Many subscribers: one broker subscription, one request per event, every event once and in order, and nothing left behind.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { crowd, joined, rawWs } from "../lib/clients.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

let world;
let tasksAtRest;
before(async () => {
  // A burst is published faster than a test client in one Node process reads, so its outbox must hold the burst.
  const limits = { outbox_frames_max: 20_000, outbox_bytes_max: "64MiB", group_backlog_max: 20_000 };
  world = await startWorld({ config: { limits } });
  tasksAtRest = await world.router.metric("runtime_tasks");
});
after(() => world?.stop());

async function nothingIsLeft(subject) {
  await joined(world.router, 0);
  await until("no trigger", async () => (await world.router.metric("triggers_active")) === 0);
  assert.equal(await world.router.metric("groups_active"), 0);
  await until("a census of zeroes", async () => {
    const { text } = await world.router.ask("/census");
    const counts = text.match(/:\s*-?\d+/g) ?? [];
    if (counts.length === 0) throw new Error(`no counts in ${text}`);
    return counts.every((count) => /^:\s*0$/.test(count));
  });
  await until("no broker subscription", async () => (await world.nats.subscriptions(subject)) === 0);
  await until("no task", async () => (await world.router.metric("runtime_tasks")) <= tasksAtRest);
}

test("1,000 identical subscribers cost one broker subscription and one _entities request per event", async () => {
  const query = "subscription { employeeUpdated(employeeID: 7) { id details { forename } } }";
  const all = await crowd(world.router, 20, 50, query);
  assert.equal(await world.nats.subscriptions("employeeUpdated.7"), 1);
  const before = world.employees.entityRequests;
  for (let event = 1; event <= 5; event++) {
    await world.publish("employeeUpdated.7", { __typename: "Employee", id: 7 });
    await until(`event ${event} at all`, () => all.received === event * all.size);
  }
  assert.equal(world.employees.entityRequests - before, 5);
  assert.deepEqual(all.failed, []);
  await all.leave();
  await nothingIsLeft("employeeUpdated.7");
  assert.equal(all.received, 5 * all.size, "nobody was sent anything twice");
});

test("10,000 subscribers of one subject are one broker subscription; when they leave, zero", async () => {
  const all = await crowd(world.router, 100, 100, "subscription { ticks { sequence } }");
  assert.equal(await world.nats.subscriptions("ticks"), 1);
  assert.equal(await world.router.metric("triggers_active"), 1);
  await world.publish("ticks", { sequence: 1 });
  await until("10,000 deliveries", () => all.received === 10_000);
  await all.leave();
  await nothingIsLeft("ticks");
});

/** Publishes this many numbered events at once and checks that each connection saw each number, in order. */
async function burst({ connections, each, events, query, subject, field, event }) {
  const next = Array.from({ length: connections }, () => new Array(each).fill(0));
  const faults = [];
  const pattern = new RegExp(`"${field}":(\\d+)`);
  const all = await crowd(world.router, connections, each, query, {
    onNext(connection, text) {
      const member = Number(/"id":"(\d+)"/.exec(text)[1]);
      const sequence = Number(pattern.exec(text)[1]);
      const expected = next[connection][member]++;
      if (sequence !== expected) faults.push(`${connection}/${member}: ${sequence} instead of ${expected}`);
    },
  });
  for (let sequence = 0; sequence < events; sequence++) world.client.publish(subject, JSON.stringify(event(sequence)));
  await world.client.flush();
  const total = events * all.size;
  await until(`${total} deliveries`, () => {
    if (all.failed.length) throw Object.assign(new Error(all.failed[0]), { isFinal: true });
    return all.received >= total || faults.length > 0;
  }, 300_000);
  assert.deepEqual(faults.slice(0, 5), []);
  assert.equal(all.received, total);
  await all.leave();
  await nothingIsLeft(subject);
}

test("2,000 events in a burst reach 50 subscribers complete and in order, each resolved in a subgraph", () => burst({
  connections: 10,
  each: 5,
  events: 2_000,
  subject: "seen",
  query: "subscription { employeeSeen { sequence: id details { forename } } }",
  field: "sequence",
  event: (id) => ({ __typename: "Employee", id }),
}));

test("10,000 events reach 100 subscribers: 1,000,000 deliveries, none lost, in order", () => burst({
  connections: 20,
  each: 5,
  events: 10_000,
  subject: "ticks",
  query: "subscription { ticks { sequence } }",
  field: "sequence",
  event: (sequence) => ({ sequence }),
}));

test("a client that never reads does not delay the others", async () => {
  const query = "subscription { ticks { sequence text } }";
  const stuck = await rawWs(world.router);
  stuck.subscribe(0, query);
  await joined(world.router, 1);
  stuck.socket.pause();
  let last = -1;
  const reader = await rawWs(world.router, {
    onMessage(text) { last = Number(/"sequence":(\d+)/.exec(text)[1]); },
  });
  reader.subscribe(0, query);
  await joined(world.router, 2);
  // 128 MiB: more than the kernel and the outbox can hold for the one that does not read.
  const text = "x".repeat(64 * 1024);
  for (let sequence = 0; sequence < 2_048; sequence++) {
    await world.publish("ticks", { sequence, text });
    if (sequence % 64 === 63) await until(`event ${sequence} at the reader`, () => last === sequence);
  }
  await until("the stuck client to be let go", async () => (await world.router.metric("subscriptions_active")) === 1);
  stuck.socket.terminate();
  await reader.close();
  await nothingIsLeft("ticks");
});
