// Python's gql over every transport it has: HTTP, both WebSocket sub-protocols on both of its WebSocket libraries, multipart.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { joined } from "../lib/clients.js";
import { startPython } from "../lib/real-clients/python.js";
import { opened } from "../lib/real-clients/stream.js";
import { holdsFor } from "../lib/real-clients/suite.js";
import { publish } from "../lib/streams.js";
import { TICKS, WHY, inWorld } from "../lib/real-clients/world.js";

const at = inWorld();
let python;
before(() => { python = startPython(); });
after(() => python?.stop());

// It closes a connection itself that shows no life for so long.
const LIFE_S = 1;

const webSocket = (transport, subprotocol) => ({
  name: `gql ${transport} ${subprotocol}`,
  protocol: subprotocol === "graphql-transport-ws" ? "transport-ws" : "graphql-ws",
  comesBack: true,
  open: (router) => python.open(transport, router.wsUrl, {
    options: { subprotocols: [subprotocol], keep_alive_timeout: subprotocol === "graphql-ws" ? LIFE_S : null },
    session: { reconnecting: true, retry_connect: true },
    again: true,
  }),
});

for (const transport of ["websockets", "aiohttp-websockets"]) {
  for (const subprotocol of ["graphql-transport-ws", "graphql-ws"]) holdsFor(at, webSocket(transport, subprotocol));
}
holdsFor(at, {
  name: "gql aiohttp multipart",
  protocol: "multipart",
  open: (router) => python.open("aiohttp", router.url),
});

test("gql aiohttp multipart: an event comes at once, and not with the next part", async (t) => {
  const router = await at.beside({ multipart: { heartbeat: "10m" } });
  t.after(() => router.stop());
  const ticks = opened(t, await python.open("aiohttp", router.url)).watch(TICKS);
  await joined(router, 1);
  for (const sequence of [1, 2]) {
    await publish(router, { sequence });
    assert.equal((await ticks.first(sequence))[sequence - 1].ticks.sequence, sequence);
  }
});

for (const transport of ["aiohttp", "httpx", "requests"]) {
  test(`gql ${transport}: queries, mutations and refusals`, async (t) => {
    const { query } = opened(t, await python.open(transport, at.router.url));
    assert.equal((await query("{ employees { id details { forename } } }")).data.employees[0].details.forename, "First1");
    assert.equal((await query("mutation { touchEmployee(id: 1) { success } }")).data.touchEmployee.success, true);
    assert.match((await query("{ nothing }")).errors.join("; "), /nothing/);
  });
}

test("gql offers both sub-protocols where nobody says which, the legacy one first, and gets that", async (t) => {
  const ended = () => at.metric("downstream_streams_ended", { protocol: "graphql-ws" });
  const before = await ended();
  const client = opened(t, await python.open("websockets", at.router.wsUrl));
  const ticks = client.watch(TICKS);
  await joined(at.router, 1);
  await at.tick(1);
  await ticks.first(1);
  ticks.leave();
  await joined(at.router, 0);
  assert.equal((await ended()) - before, 1);
});

test("gql's own pings over graphql-transport-ws are answered", async (t) => {
  const options = { subprotocols: ["graphql-transport-ws"], ping_interval: 0.1, pong_timeout: 5 };
  const ticks = opened(t, await python.open("websockets", at.router.wsUrl, { options })).watch(TICKS);
  await joined(at.router, 1);
  await new Promise((resolve) => setTimeout(resolve, 500)); // several pings
  await at.tick(1);
  assert.equal((await ticks.first(1))[0].ticks.sequence, 1);
  ticks.leave();
  await joined(at.router, 0);
});

test("gql aiohttp multipart is told why a restart ended its subscription", async (t) => {
  const ticks = opened(t, await python.open("aiohttp", at.router.url)).watch(TICKS);
  await joined(at.router, 1);
  await at.tick(1);
  await ticks.first(1);
  await at.restart();
  assert.match(await ticks.refusal(), WHY);
  assert.deepEqual([ticks.sequences(), ticks.isOver], [[1], true]);
});
