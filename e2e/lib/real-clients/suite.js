// The same questions to every client: it queries, publishes, subscribes, is refused, leaves, lives through quiet, comes back.
//
// A client is `{ name, protocol, open(router), comesBack, queries }`: `open` gives `{ query, subscribe, dispose }`, where
// `query(text)` resolves to `{ data, errors }` and `subscribe(text, sink)` gives the function to leave. `protocol` is the
// name under which the router counts its streams, so that a client that fell back to another one is found out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { joined } from "../clients.js";
import { until } from "../wait.js";
import { opened } from "./stream.js";
import { TICKS } from "./world.js";

const UPDATED = "subscription { employeeUpdated(employeeID: 2) { id isAvailable } }";
const QUIET_MS = 1500;

export function holdsFor(at, kind) {
  const { name, protocol, comesBack = false } = kind;
  const check = (what, body) => test(`${name}: ${what}`, async (t) => {
    await body(opened(t, await kind.open(at.router)));
    await joined(at.router, 0);
  });

  check("a query", async (client) => {
    const { data, errors } = await client.query("{ employees { id } }");
    assert.deepEqual(errors ?? [], []);
    assert.deepEqual(data.employees.map(({ id }) => id), [1, 2, 3]);
  });

  check("a query that is refused says why", async (client) => {
    const { data, errors } = await client.query("{ nothing }");
    assert.equal(data ?? undefined, undefined);
    assert.match(errors.join("; "), /nothing/);
  });

  check("a mutation publishes, and the event comes with fields of a subgraph", async (client) => {
    const updates = client.watch(UPDATED);
    await joined(at.router, 1);
    const { data, errors } = await client.query("mutation { touchEmployee(id: 2) { success } }");
    assert.deepEqual(errors ?? [], []);
    assert.equal(data.touchEmployee.success, true);
    const [{ employeeUpdated }] = await updates.first(1);
    assert.deepEqual([employeeUpdated.id, employeeUpdated.isAvailable], [2, false]);
    updates.leave();
    await joined(at.router, 0);
  });

  check("events in order, and leaving ends the subscription", async (client) => {
    const ticks = client.watch(TICKS);
    await joined(at.router, 1);
    await at.tick(1, 2, 3, 4, 5);
    await ticks.first(5);
    ticks.leave();
    await joined(at.router, 0);
    assert.deepEqual([ticks.sequences(), ticks.errors], [[1, 2, 3, 4, 5], []]);
  });

  check(`its streams are counted as ${protocol}`, async (client) => {
    const ended = () => at.metric("downstream_streams_ended", { protocol });
    const before = await ended();
    const ticks = client.watch(TICKS);
    await joined(at.router, 1);
    ticks.leave();
    await until("the end is counted", async () => (await ended()) === before + 1, 10_000);
  });

  check("a subscription that is refused says why, and nothing is left", async (client) => {
    assert.match(await client.watch("subscription { nothing }").refusal(), /nothing/);
    await joined(at.router, 0);
  });

  check("one subscription's error and end leave another alone", async (client) => {
    const stays = client.watch(TICKS);
    const goes = client.watch(UPDATED);
    await joined(at.router, 2);
    await client.watch("subscription { nothing }").refusal();
    goes.leave();
    await joined(at.router, 1);
    await at.tick(7);
    await stays.first(1);
    assert.deepEqual([stays.sequences(), stays.isOver, stays.errors], [[7], false, []]);
    stays.leave();
    await joined(at.router, 0);
  });

  check("quiet with heartbeats loses nothing, shows nothing and keeps its connection", async (client) => {
    const ticks = client.watch(TICKS);
    await joined(at.router, 1);
    await at.tick(1);
    await ticks.first(1);
    const connections = await at.metric("downstream_connections");
    await sleep(QUIET_MS); // the quiet itself: several heartbeats pass
    assert.deepEqual([ticks.results.length, ticks.errors, ticks.isOver], [1, [], false]);
    assert.equal(await at.metric("downstream_connections"), connections, "nobody had to connect again");
    await at.tick(2);
    await ticks.first(2);
    assert.deepEqual(ticks.sequences(), [1, 2]);
    ticks.leave();
    await joined(at.router, 0);
  });

  if (!comesBack) return;
  check("it comes back by itself after a restart", (client) => comesBackAfterRestart(at, client.watch(TICKS)));
}

/** A subscription to `TICKS` that a restart interrupts, and that goes on without a word from its user. */
export async function comesBackAfterRestart(at, ticks) {
  await joined(at.router, 1);
  await at.tick(1);
  await ticks.first(1);
  await at.restart();
  await joined(at.router, 1);
  await at.tick(2);
  await ticks.first(2);
  assert.deepEqual([ticks.sequences(), ticks.isOver], [[1, 2], false]);
  ticks.leave();
  await joined(at.router, 0);
}
