// The two WebSocket clients of npm: `graphql-ws` for graphql-transport-ws, and `subscriptions-transport-ws`, which nobody
// maintains and many still ship, for the legacy graphql-ws.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-ws";
import transport from "subscriptions-transport-ws";
import WebSocket from "ws";
import { joined } from "../lib/clients.js";
import { once, opened } from "../lib/real-clients/stream.js";
import { holdsFor } from "../lib/real-clients/suite.js";
import { TICKS, inWorld } from "../lib/real-clients/world.js";
import { until } from "../lib/wait.js";

const at = inWorld();

function graphqlWs(router, options = {}) {
  const client = createClient({
    url: router.wsUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 200,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true, // also where nobody listens
    ...options,
  });
  const subscribe = (query, sink) => client.subscribe({ query }, sink);
  return { subscribe, query: (query) => once((sink) => subscribe(query, sink)), dispose: () => client.dispose() };
}

/** Keeps every message of its connections in `frames`; closes one itself that shows no life for 700 ms. */
function legacy(router, options = {}) {
  const frames = [];
  class Recorded extends WebSocket {
    constructor(...how) {
      super(...how);
      this.on("message", (data) => frames.push(JSON.parse(data)));
      this.on("error", () => {}); // so that one that is given up while it connects is no uncaught error
      this.on("close", (code) => frames.push({ type: "close", code }));
    }
  }
  const client = new transport.SubscriptionClient(router.wsUrl, { reconnect: true, timeout: 700, ...options }, Recorded);
  const subscribe = (query, sink) => {
    const running = client.request({ query }).subscribe(sink);
    return () => running.unsubscribe();
  };
  const dispose = () => {
    client.reconnect = false;
    client.close();
    // Which close() forgets between two attempts to connect.
    for (const clear of ["clearTryReconnectTimeout", "clearCheckConnectionInterval", "clearMaxConnectTimeout"]) client[clear]();
  };
  return { frames, subscribe, query: (query) => once((sink) => subscribe(query, sink)), dispose };
}

holdsFor(at, { name: "graphql-ws", protocol: "transport-ws", comesBack: true, open: (router) => graphqlWs(router) });
holdsFor(at, { name: "graphql-ws, not lazy", protocol: "transport-ws", open: (router) => graphqlWs(router, { lazy: false }) });
holdsFor(at, { name: "subscriptions-transport-ws", protocol: "graphql-ws", comesBack: true, open: (router) => legacy(router) });
holdsFor(at, { name: "subscriptions-transport-ws, lazy", protocol: "graphql-ws", open: (router) => legacy(router, { lazy: true }) });

test("the router pings by its interval from the ack on, however long connection_init may take", async (t) => {
  const every = "2s";
  const websocket = { ping_interval: every, connection_init_timeout: "10m" };
  const router = await at.beside({ websocket, sse: { heartbeat: every }, multipart: { heartbeat: every } });
  t.after(() => router.stop());
  const pinged = ["graphql-transport-ws", "graphql-ws"].map(async (subprotocol) => {
    const socket = new WebSocket(router.wsUrl, subprotocol);
    t.after(() => socket.terminate());
    let pings = 0;
    socket.on("ping", () => { pings += 1; });
    socket.once("open", () => socket.send('{"type":"connection_init"}'));
    await until(`a ping over ${subprotocol}`, () => pings > 0, 10_000);
  });
  await Promise.all(pinged);
});

test("graphql-ws: its own pings are answered", async (t) => {
  const pongs = [];
  opened(t, graphqlWs(at.router, {
    lazy: false,
    keepAlive: 50,
    on: { pong: (isReceived) => { if (isReceived) pongs.push(isReceived); } },
  }));
  await until("three pongs", () => pongs.length >= 3);
});

test("subscriptions-transport-ws: the ack, one ka right behind it, more by the interval, and none of them is data", async (t) => {
  const { frames } = opened(t, legacy(at.router));
  await until("several ka", () => frames.length >= 4);
  assert.deepEqual(frames.slice(0, 4).map(({ type }) => type), ["connection_ack", "ka", "ka", "ka"]);
});

test("subscriptions-transport-ws: stop is answered by complete, and a query is data and then complete", async (t) => {
  const { frames, watch, query } = opened(t, legacy(at.router));
  const ticks = watch(TICKS);
  await joined(at.router, 1);
  ticks.leave();
  const of = (id) => frames.filter((frame) => frame.id === id).map(({ type }) => type);
  await until("complete", () => of("1").includes("complete"));
  assert.deepEqual(of("1"), ["complete"]);
  await query("{ __typename }");
  await until("complete", () => of("2").includes("complete"));
  assert.deepEqual(of("2"), ["data", "complete"]);
});

test("subscriptions-transport-ws: a refused operation is one error object, and no complete follows it", async (t) => {
  const { frames, watch } = opened(t, legacy(at.router));
  await watch("subscription { nothing }").refusal();
  await watch("{ __typename }").first(1);
  const [error, ...more] = frames.filter((frame) => frame.id === "1");
  assert.equal(error.type, "error");
  assert.match(error.payload.message, /nothing/);
  assert.deepEqual(more, []);
});

test("subscriptions-transport-ws: close() terminates politely, and the router forgets the connection", async (t) => {
  const { frames, watch, dispose } = opened(t, legacy(at.router));
  watch(TICKS);
  await joined(at.router, 1);
  dispose();
  await joined(at.router, 0);
  await until("its close", () => frames.some(({ type }) => type === "close"));
  assert.ok([1000, 1005].includes(frames.find(({ type }) => type === "close").code));
});
