// Every message in every state of both WebSocket sub-protocols; how one is chosen; and what time does to a connection.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { joined } from "../lib/clients.js";
import { dial, request } from "../lib/raw-socket.js";
import { providers, serve } from "../lib/router.js";
import { publish } from "../lib/streams.js";
import { until } from "../lib/wait.js";
import { graphqlWs } from "../lib/websocket-states/graphql-ws.js";
import { QUERY, STATES, TEXT, TICKS } from "../lib/websocket-states/outcomes.js";
import { encoded, idsAlive, masked, play } from "../lib/websocket-states/play.js";
import { transportWs } from "../lib/websocket-states/transport-ws.js";
import { CLOSE, openWire } from "../lib/websocket-wire.js";
import { startWorld } from "../lib/world.js";

const DIALECTS = [transportWs, graphqlWs];

let world;
before(async () => {
  // No ping and no `ka` falls into the tables.
  const websocket = { ping_interval: "10m", connection_init_timeout: "10m" };
  world = await startWorld({ provider: "memory", config: { websocket } });
});
after(() => world?.stop());

for (const dialect of DIALECTS) {
  test(`${dialect.subprotocol}: every message in every state`, async (t) => {
    const players = await play(world.router, dialect);
    assert.equal(players.length, dialect.rows.length * STATES.length);
    for (const player of players) {
      const { row, state, expected, answers, close, later, alive } = player;
      await t.test(`${row.what}, ${state}`, () => {
        assert.equal(player.violation, undefined);
        if (expected.isResetFine && ["EPIPE", "ECONNRESET"].includes(close?.close)) {
          assert.deepEqual(answers, []);
        } else if (expected.code) {
          const reason = masked(close?.reason, expected.reason);
          assert.deepEqual([answers, close?.close, reason], [[], expected.code, expected.reason], "the close alone");
        } else {
          assert.deepEqual([masked(answers, expected.messages), close], [expected.messages, undefined]);
          assert.deepEqual(later, [], "nothing more");
          assert.deepEqual(alive, [...idsAlive(player), "probe"].sort(), "who gets the next event");
        }
      });
    }
  });
}

test("the sub-protocol is the first of the client's that is known; with none, 4406", async (t) => {
  const offers = [
    { offered: ["graphql-transport-ws", "graphql-ws"], chosen: "graphql-transport-ws" },
    { offered: ["graphql-ws", "graphql-transport-ws"], chosen: "graphql-ws" },
    { offered: ["mqtt", "graphql-ws"], chosen: "graphql-ws" },
    { offered: ["mqtt", "graphql-transport-ws-2", "graphql-transport-ws"], chosen: "graphql-transport-ws" },
    { offered: ["mqtt"], chosen: "" },
    { offered: ["Graphql-WS"], chosen: "" },
    { offered: [], chosen: "" },
  ];
  for (const { offered, chosen } of offers) {
    await t.test(`${JSON.stringify(offered)}: ${chosen || "4406"}`, async () => {
      // `ws` refuses a handshake that chooses none of what it offered; to the server that is all the same.
      const socket = new WebSocket(world.router.wsUrl, offered);
      const seen = {};
      socket.on("upgrade", ({ headers }) => { seen.chosen = headers["sec-websocket-protocol"] ?? ""; });
      socket.on("error", (error) => { seen.error = error; });
      socket.on("close", (code, reason) => Object.assign(seen, { code, reason: reason.toString() }));
      await until("the handshake", () => seen.chosen !== undefined);
      assert.equal(seen.chosen, chosen);
      if (chosen) return socket.terminate();
      if (offered.length > 0) return until("the client gives up", () => seen.error);
      await until("the close", () => seen.code);
      assert.deepEqual([seen.code, seen.reason], [4406, "Subprotocol not acceptable"]);
    });
  }
  await t.test("4406 is the first frame for whoever offers only others, too", async () => {
    const frames = await rawFrames("mqtt, soap");
    assert.equal(frames.readUInt16BE(2), 4406);
    assert.equal(frames[0], 0x80 | CLOSE);
  });
});

/** What follows the head of a handshake that offers these, to the end of the connection. */
async function rawFrames(offered) {
  const raw = await dial(world.router.port);
  raw.write(request("GET", "/graphql", {
    Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13,
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": offered,
  }));
  await raw.until(/\r\n\r\n[^]{4}/);
  const bytes = raw.bytes().subarray(raw.bytes().indexOf("\r\n\r\n") + 4);
  raw.destroy();
  return bytes;
}

test("what a client sends in one segment with connection_init", async (t) => {
  const together = async (dialect, ...messages) => {
    const wire = await openWire(world.router, dialect.subprotocol);
    await wire.write(Buffer.concat(messages.map(encoded)));
    return wire;
  };
  const texts = ({ events }) => events.filter(({ text }) => text).map(({ text }) => JSON.parse(text));
  await t.test("graphql-transport-ws: a subscribe before the acknowledgement is unauthorized", async () => {
    const wire = await together(transportWs, transportWs.init, transportWs.start("1", QUERY));
    await wire.closed();
    const close = wire.events.find((event) => "close" in event);
    assert.deepEqual([close.close, close.reason], [4401, "Unauthorized"]);
    await wire.leave();
  });
  await t.test("graphql-ws: starts are held, and begin in their order behind the acknowledgement", async () => {
    const { init, start, stop } = graphqlWs;
    const wire = await together(graphqlWs, init, start("1", TICKS), start("2", TICKS), stop("1"));
    await wire.heard(3);
    const [ack, ka, complete] = texts(wire);
    assert.deepEqual([ack, ka, complete], [...graphqlWs.acknowledgement, { id: "1", type: "complete" }]);
    await joined(world.router, 1);
    await publish(world.router, { sequence: 9 });
    await wire.heard(4);
    assert.deepEqual(texts(wire).slice(3), [{ id: "2", type: "data", payload: { data: { ticks: { sequence: 9 } } } }]);
    await wire.leave();
    await joined(world.router, 0);
  });
  await t.test("graphql-ws: a second connection_init behind the first closes with 4429", async () => {
    const wire = await together(graphqlWs, graphqlWs.init, graphqlWs.init);
    await wire.closed();
    assert.equal(wire.events.find((event) => "close" in event).close, 4429);
    await wire.leave();
  });
});

test("time", async (t) => {
  const websocket = { connection_init_timeout: "300ms", ping_interval: "100ms" };
  const router = await serve(world.folder, world.supergraph, { events: providers.memory(), websocket });
  t.after(() => router.stop());
  for (const dialect of DIALECTS) {
    const name = dialect.subprotocol;
    const count = (wire, kind) => wire.events.filter((event) => kind in event).length;
    const acknowledged = async () => {
      const wire = await openWire(router, name);
      await wire.write(encoded(dialect.init));
      await wire.heard(1);
      return wire;
    };
    await t.test(`${name}: without connection_init, 4408`, async () => {
      const wire = await openWire(router, name);
      await wire.closed();
      assert.deepEqual(wire.events, [{ close: 4408, reason: "Connection initialisation timeout" }]);
      await wire.leave();
    });
    await t.test(`${name}: who answers no ping is dropped after the second, and its subscription with it`, async () => {
      const before = await router.metric("downstream_closes", { reason: "ping_timeout" });
      const wire = await acknowledged();
      await wire.write(encoded(dialect.start("1", TICKS)));
      await joined(router, 1);
      await wire.ended();
      assert.ok(count(wire, "ping") >= 2, `after ${count(wire, "ping")} pings`);
      assert.equal(count(wire, "violation"), 0);
      await joined(router, 0);
      assert.equal((await router.metric("downstream_closes", { reason: "ping_timeout" })) - before, 1);
      await wire.leave();
    });
    await t.test(`${name}: who answers stays, and is sent what its protocol has for quiet connections`, async () => {
      const seen = { pings: 0, kas: 0, others: [], closed: undefined };
      const socket = new WebSocket(router.wsUrl, name);
      socket.on("open", () => socket.send(JSON.stringify(dialect.init)));
      socket.on("ping", () => { seen.pings += 1; });
      socket.on("message", (data) => {
        if (data.toString() === '{"type":"ka"}') seen.kas += 1;
        else seen.others.push(JSON.parse(data));
      });
      socket.on("close", (code) => { seen.closed = code; });
      await until("ten pings", () => seen.pings >= 10 || seen.closed);
      // One behind the acknowledgement, and then one with every ping.
      const kas = name === "graphql-ws" ? seen.pings : 0;
      assert.ok(Math.abs(seen.kas - kas) <= (kas ? 1 : 0), `${seen.kas} ka, ${seen.pings} pings`);
      assert.deepEqual([seen.others, seen.closed], [[{ type: "connection_ack" }], undefined]);
      socket.terminate();
    });
  }
});
