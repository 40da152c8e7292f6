// The two protocols as the npm clients live them: retries, races, ids, connections opened ahead.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";
import { joined, rawWs } from "../lib/clients.js";
import { providers, serve } from "../lib/router.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const TICKS = "subscription { ticks { sequence text } }";
const limits = { outbox_frames_max: 4, outbox_bytes_max: "64KiB" };
// graphql-sse connects again only after a stream that was not completed.
const shutdown = { event_streams: "reconnect" };

let world;
before(async () => {
  world = await startWorld({ provider: "memory", config: { limits, shutdown } });
});
after(() => world?.stop());

async function publish(event, router = world.router) {
  const answer = await fetch(`${router.admin}/publish?subject=ticks`, { method: "POST", body: JSON.stringify(event) });
  assert.equal(answer.status, 200);
}

/** A client that retries at once, what it got, and the sockets it opened. */
function patient(options = {}) {
  const seen = { sockets: [], closes: [], sequences: [], errors: [], completed: 0 };
  const client = createWs({
    url: world.router.wsUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 200,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    // While nobody listens connecting fails with an ErrorEvent, which the default takes as final.
    shouldRetry: () => true,
    on: { connected: (socket) => seen.sockets.push(socket), closed: ({ code }) => seen.closes.push(code) },
    ...options,
  });
  seen.subscribe = (query = TICKS) => client.subscribe({ query }, {
    next: ({ data }) => seen.sequences.push(data?.ticks?.sequence),
    error: (error) => seen.errors.push(error),
    complete: () => { seen.completed += 1; },
  });
  seen.dispose = () => client.dispose();
  return seen;
}

const alone = () => until("nobody is connected", async () => JSON.parse((await world.router.ask("/census")).text).connections === 0);

test("graphql-ws comes back by itself after 1013, and gets what is live then", async () => {
  const seen = patient();
  seen.subscribe();
  await joined(world.router, 1);
  seen.sockets[0].pause();
  const text = "x".repeat(500_000);
  await until("the slow one is closed", async () => {
    await publish({ sequence: 1, text });
    return (await world.router.metric("downstream_closes", { reason: "slow_consumer" })) === 1;
  });
  seen.sockets[0].resume();
  await until("it is back", () => seen.sockets.length === 2);
  await joined(world.router, 1);
  await publish({ sequence: 2 });
  await until("the event after it", () => seen.sequences.at(-1) === 2);
  assert.deepEqual([seen.closes, seen.errors, seen.completed], [[1013], [], 0]);
  await seen.dispose();
  await alone();
});

test("both clients come back by themselves after a restart", async () => {
  const port = Number(new URL(world.router.url).port);
  const seen = patient();
  seen.subscribe();
  const client = createSse({ url: world.router.url, retryAttempts: 200, retry: () => new Promise((resolve) => setTimeout(resolve, 50)) });
  const streamed = [];
  client.subscribe({ query: TICKS }, {
    next: ({ data }) => { if (data) streamed.push(data.ticks.sequence); },
    error: (error) => seen.errors.push(error),
    complete: () => { seen.completed += 1; },
  });
  await joined(world.router, 2);
  await publish({ sequence: 1 });
  await until("the first event at both", () => seen.sequences.length === 1 && streamed.length === 1);
  await world.router.stop("SIGTERM");
  world.router = await serve(world.folder, world.supergraph, { events: providers.memory(), limits, shutdown }, [], port);
  await joined(world.router, 2);
  await publish({ sequence: 2 });
  await until("the second event at both", () => seen.sequences.length === 2 && streamed.length === 2);
  assert.deepEqual([seen.sequences, streamed, seen.errors, seen.completed], [[1, 2], [1, 2], [], 0]);
  assert.equal(seen.closes[0], 1012);
  client.dispose();
  await seen.dispose();
  await alone();
});

test("a connection opened ahead waits for its first subscription, and one that is lazy ends with its last", async () => {
  const eager = patient({ lazy: false });
  await until("it is connected", () => eager.sockets.length === 1);
  await joined(world.router, 0);
  const lazy = patient();
  assert.equal(lazy.sockets.length, 0);
  const [leaveEager, leaveLazy] = [eager.subscribe(), lazy.subscribe()];
  await joined(world.router, 2);
  leaveEager();
  leaveLazy();
  await until("the lazy one is gone", () => lazy.closes.length === 1);
  await joined(world.router, 0);
  assert.deepEqual([eager.closes, lazy.closes, eager.sockets.length], [[], [1000], 1]);
  await eager.dispose();
  await alone();
});

test("an id is free again once either side has completed it, whoever was first", async () => {
  const seen = patient({ lazy: false, generateID: () => "ü😀\"\\\n" });
  for (let round = 0; round < 200; round++) {
    const leave = seen.subscribe(round % 2 ? TICKS : "{ __typename }");
    if (round % 3) await new Promise((resolve) => setImmediate(resolve));
    if (round % 2) leave();
    else await until("the query is answered", () => seen.sequences.length === round / 2 + 1);
  }
  seen.subscribe();
  await joined(world.router, 1);
  await publish({ sequence: 7 });
  await until("an event", () => seen.sequences.at(-1) === 7);
  assert.deepEqual([seen.errors, seen.closes], [[], []]);
  await seen.dispose();
  await alone();
});

test("a second subscribe with a live id closes with 4409, a binary message with 4400, and nothing is left", async () => {
  const cases = [
    [4409, (connection) => connection.subscribe("1", TICKS)],
    [4400, (connection) => connection.socket.send(Buffer.from('{"type":"ping"}'))],
  ];
  for (const [code, misbehave] of cases) {
    const connection = await rawWs(world.router);
    connection.subscribe("1", TICKS);
    await joined(world.router, 1);
    misbehave(connection);
    await until(`close ${code}`, () => connection.closed);
    assert.equal(connection.closed.code, code);
    await alone();
    await joined(world.router, 0);
  }
});
