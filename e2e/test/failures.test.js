// Peers that fail: a subgraph is slow, down or talks nonsense; a broker is not there yet, or goes away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { joined, post, rawWs, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const NAMES = "subscription { employeeUpdated(employeeID: 1) { id details { forename } } }";
const PRESENCE = "subscription { employeeUpdated(employeeID: 1) { id isAvailable } }";

test("subgraphs", async (t) => {
  const world = await startWorld({ config: { traffic_shaping: { all: { request_timeout: "2s" } } } });
  t.after(() => world.stop());
  const event = () => world.publish("employeeUpdated.1", { __typename: "Employee", id: 1 });
  const named = { data: { employeeUpdated: { id: 1, details: { forename: "First1" } } } };
  const present = { data: { employeeUpdated: { id: 1, isAvailable: true } } };

  const breaks = {
    slow: { begin: () => { world.availability.mode = "slow"; }, end: () => { world.availability.mode = "ok"; } },
    down: { begin: () => world.availability.stop(), end: () => world.availability.start() },
    "not JSON": { begin: () => { world.availability.mode = "garbage"; }, end: () => { world.availability.mode = "ok"; } },
    "status 500": { begin: () => { world.availability.mode = "error500"; }, end: () => { world.availability.mode = "ok"; } },
    "answering errors": { begin: () => { world.availability.mode = "errors"; }, end: () => { world.availability.mode = "ok"; } },
  };
  for (const [what, { begin, end }] of Object.entries(breaks)) {
    await t.test(`${what}: errors with a path for the group that asks it; the other group gets its data`, async () => {
      const names = ws(world.router).subscribe(NAMES);
      const presence = ws(world.router).subscribe(PRESENCE);
      await joined(world.router, 2);
      await begin();
      await event();
      assert.deepEqual(await names.first(1), [named]);
      if (what === "slow") assert.equal(presence.results.length, 0, "the healthy group did not wait for the slow one");
      const [failed] = await presence.first(1);
      assert.deepEqual(failed.data, { employeeUpdated: { id: 1, isAvailable: null } });
      assert.equal(failed.errors[0].path[0], "employeeUpdated");
      assert.ok(failed.errors[0].extensions.code);
      assert.doesNotMatch(JSON.stringify(failed), /127\.0\.0\.1/, "no address of a subgraph reaches a client");
      await end();
      await event();
      assert.deepEqual((await presence.first(2))[1], present);
      assert.deepEqual(await names.first(2), [named, named]);
      names.leave();
      presence.leave();
      await joined(world.router, 0);
    });
  }
});

test("a broker that is not there at the start: degraded and ready all the same, then events", async (t) => {
  const world = await startWorld({ broker: false });
  t.after(() => world.stop());
  await until("serving", async () => (await world.router.ask("/health/ready")).status === 200);
  const report = JSON.parse((await world.router.ask("/health/ready")).text);
  assert.equal(report.degraded, true);
  assert.deepEqual(report.providers.map(({ id, up }) => ({ id, up })), [{ id: "default", up: false }]);
  assert.equal((await world.router.ask("/health/ready?providers=up")).status, 503, "for whoever asks for its brokers too");
  assert.equal((await world.router.ask("/health/live")).status, 200);
  const answer = await post(world.router, "{ employees { id } }");
  assert.equal(answer.data.employees.length, 3, "what needs no broker works");
  await world.nats.start();
  await world.connect();
  t.after(() => world.client.close());
  await until("connected", () => world.router.connected());
  const names = ws(world.router).subscribe(NAMES);
  await joined(world.router, 1);
  await world.publish("employeeUpdated.1", { id: 1 });
  assert.equal((await names.first(1))[0].data.employeeUpdated.id, 1);
});

test("a broker that goes away: subscribers stay, and events flow when it is back", async (t) => {
  const world = await startWorld();
  t.after(() => world.stop());
  const names = ws(world.router).subscribe(NAMES);
  await joined(world.router, 1);
  await world.publish("employeeUpdated.1", { id: 1 });
  await names.first(1);
  await world.client.close();
  await world.nats.stop("SIGKILL");
  await until("not connected", async () => !(await world.router.connected()));
  assert.equal(await world.router.metric("broker_up", { provider: "default" }), 0);
  assert.equal((await world.router.ask("/health/ready")).status, 200, "a provider that is down takes no router away");
  assert.equal(await world.router.metric("subscriptions_active"), 1);
  await world.nats.start();
  await until("the subscription at the broker", async () => (await world.nats.subscriptions("employeeUpdated.1")) === 1);
  await until("connected", () => world.router.connected());
  await world.connect();
  t.after(() => world.client.close());
  await world.publish("employeeUpdated.1", { id: 1 });
  assert.equal((await names.first(2)).length, 2);
  assert.equal(names.done, false);
});

test("a query that takes for ever, and a client that stops amid a frame, hold up nobody", async (t) => {
  const world = await startWorld({ provider: "memory" });
  t.after(() => world.stop());
  world.employees.mode = "slow";
  const slow = post(world.router, "{ employees { id } }").catch(() => {});
  const waiting = await rawWs(world.router);
  waiting.subscribe(0, "{ employees { id } }");
  const stuck = await rawWs(world.router);
  // The head of a masked text frame of 200 bytes, and two bytes of it.
  stuck.socket._socket.write(Buffer.from([0x81, 0xfe, 0x00, 0xc8, 1, 2, 3, 4, 0x7a, 0x20]));
  const pongs = [];
  const other = await rawWs(world.router, { onMessage: (text) => pongs.push(text) });
  for (let n = 1; n <= 20; n++) {
    other.socket.send(JSON.stringify({ type: "ping", payload: { n } }));
    await until(`pong ${n}`, () => pongs.length === n);
  }
  assert.equal(pongs[19], '{"type":"pong","payload":{"n":20}}');
  assert.deepEqual([waiting.closed, stuck.closed], [null, null], "both are as they were");
  for (const { socket } of [waiting, stuck]) socket.terminate();
  world.employees.mode = "ok";
  await world.router.stop();
  await slow;
});
