// One client that never reads, reads a byte a second, or stops amid a frame changes nothing for the others; and whoever
// loses events is told how many, by each overflow policy and in each protocol.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { certificate, serveWith } from "../lib/certificates.js";
import { joined } from "../lib/clients.js";
import { compose, folder } from "../lib/router.js";
import { relay } from "../lib/relay.js";
import { KINDS, openStream, publish } from "../lib/streams.js";
import { subgraph } from "../lib/subgraph.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const LARGE = "x".repeat(100_000);
const PACE_MS = 20;
const EVENTS = 200;

let world;
before(async () => { world = await startWorld({ provider: "memory", config: { shutdown: { spread: "0s" } } }); });
after(() => world?.stop());

/** Streams, relays, sessions and routers of one test, ended with it. */
function opened(t, router) {
  const closing = [];
  const close = async () => { for (const end of closing.splice(0).reverse()) await end(); };
  t.after(close);
  return {
    close,
    async relay() {
      const it = await relay(router.port);
      closing.push(() => it.stop());
      return it;
    },
    session(port, settings = {}) {
      const session = http2.connect(`http://127.0.0.1:${port}`, { settings });
      const window = settings.initialWindowSize;
      if (window > 0) session.once("connect", () => session.setLocalWindowSize(window));
      session.on("error", () => {});
      closing.push(() => session.destroy());
      return { session };
    },
    async stream(kind, place, options) {
      const stream = await openStream(kind, { port: router.port, ...place }, options);
      closing.push(() => stream.cut());
      return stream;
    },
  };
}

async function routerOf(t, config, http = {}) {
  const router = await serveWith(world, http, config);
  t.after(() => router.stop());
  return router;
}

const slowOnes = (router, protocol) => router.metric("downstream_streams_ended", { protocol, reason: "slow_consumer" });

// ---- isolation

const HALF_FRAME = Buffer.from([0x81, 0xfe, 0x00, 0xc8, 1, 2, 3, 4, 0x7a, 0x20]);
const HALF_HEAD = Buffer.from("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Le");
const HALF_HTTP2_FRAME = Buffer.from([0x00, 0x40, 0x00, 0x00, 0x00]);
const HALF_RECORD = Buffer.from([0x17, 0x03, 0x03, 0x40, 0x00, 1, 2, 3]);
const isolated = [
  { what: "WebSocket", kind: "transport-ws", half: HALF_FRAME },
  { what: "SSE", kind: "sse", half: HALF_HEAD },
  { what: "multipart", kind: "multipart", half: HALF_HEAD },
  { what: "SSE over HTTP/2", kind: "sse", isHttp2: true, half: HALF_HTTP2_FRAME },
  { what: "WebSocket over TLS", kind: "transport-ws", isTls: true, half: HALF_RECORD },
];

for (const { what, kind, isHttp2, isTls, half } of isolated) {
  test(`${what}: ten healthy clients get all of ${EVENTS} events of 100 KB beside three broken ones`, async (t) => {
    const { ca, ...files } = isTls ? await certificate(world.folder) : {};
    const router = isTls ? await routerOf(t, {}, { tls: files }) : world.router;
    const all = opened(t, router);
    const sequence = { digest: ({ data }) => data.ticks.sequence };
    const open = (port = router.port, settings) =>
      all.stream(kind, { port, tls: isTls && { ca }, ...(isHttp2 ? all.session(port, settings) : {}) }, sequence);
    const before = await slowOnes(router, kind);

    const healthy = [];
    for (let n = 0; n < 10; n++) healthy.push(await open());
    const [frozen, dripping, stopped] = [await all.relay(), await all.relay(), await all.relay()];
    // Over HTTP/2 the client reads its socket, and never lets the stream send.
    if (isHttp2) await open(router.port, { initialWindowSize: 0 });
    else await open(frozen.port);
    await open(dripping.port);
    // With its windows open for good, an HTTP/2 client has no need to send, as it no longer can.
    const amidFrame = await open(stopped.port, { initialWindowSize: 2 ** 31 - 1 });
    await joined(router, 13);
    frozen.freeze();
    dripping.trickle();
    stopped.inject(half);

    for (let event = 0, due = Date.now(); event < EVENTS; event++, due += PACE_MS) {
      await publish(router, { sequence: event, text: LARGE });
      await sleep(Math.max(0, due - Date.now()));
    }
    // What stopped amid a frame still reads, so it is owed as much as the others.
    const expected = Array.from({ length: EVENTS }, (_, event) => event);
    for (const stream of [...healthy, amidFrame]) {
      await stream.first(EVENTS);
      assert.deepEqual([stream.results, stream.others, stream.ended], [expected, [], undefined]);
    }
    await until("the two that do not read are let go", async () => (await slowOnes(router, kind)) - before === 2);
    await joined(router, 11);
    await all.close();
    await joined(router, 0);
  });
}

// ---- policies

/** What a client knows after a result: the event's number and how many were lost before it. */
const skippedOf = ({ extensions }) => extensions?.tidegate?.skipped ?? 0;
const told = { digest: (result) => ({ event: Object.values(result.data)[0].sequence, skipped: skippedOf(result) }) };
const sum = (results) => results.reduce((total, { skipped }) => total + 1 + skipped, 0);

/** A healthy client on every shard: once each has an event, it has reached or filled everybody else's outbox too. */
async function witnesses(all, query) {
  const four = [];
  for (let n = 0; n < 4; n++) four.push(await all.stream("transport-ws", {}, { query, digest: () => 1 }));
  let count = 0;
  return async (router, event, subject) => {
    await publish(router, event, subject);
    count += 1;
    await Promise.all(four.map((stream) => stream.reach(count)));
  };
}

const small = { limits: { outbox_frames_max: 8 } };
const disconnected = [
  { what: "transport-ws", kind: "transport-ws" },
  { what: "graphql-ws", kind: "graphql-ws" },
  { what: "SSE", kind: "sse" },
  { what: "multipart", kind: "multipart" },
  { what: "SSE over HTTP/2", kind: "sse", isHttp2: true },
];
for (const { what, kind, isHttp2 } of disconnected) {
  test(`disconnect, ${what}: the last frame tells how many events were not sent`, async (t) => {
    const router = await routerOf(t, small);
    const all = opened(t, router);
    const slowly = await all.relay();
    const slow = await all.stream(kind, { port: slowly.port, ...(isHttp2 ? all.session(slowly.port) : {}) }, told);
    const send = await witnesses(all);
    await joined(router, 5);
    slowly.freeze();
    let published = 0;
    while ((await slowOnes(router, kind)) === 0) {
      await send(router, { sequence: published++, text: LARGE });
      assert.ok(published < 1_000, "the slow one was never let go");
    }
    await joined(router, 4);
    slowly.thaw();
    await slow.end();
    const received = slow.results.map(({ event }) => event);
    assert.deepEqual(received, Array.from(received.keys()), "what did arrive is the beginning, without a gap");
    const missed = published - received.length;
    assert.ok(received.length > 0 && missed > 0);
    if (kind.endsWith("-ws")) {
      assert.equal(slow.ended.close, 1013);
      assert.deepEqual(slow.ended.reason.match(/\d+/g), [String(missed)], slow.ended.reason);
      assert.deepEqual(slow.others, [], "the close alone says it");
    } else {
      assert.equal(slow.others.length, 1, JSON.stringify(slow.others));
      const [error] = slow.others[0].errors;
      assert.deepEqual(error.extensions, { code: "SUBSCRIPTION_LAGGED", skipped: missed });
      assert.equal(slow.terminal, kind === "sse" ? "complete" : "terminator");
    }
  });
}

/** Lets a frozen client read on until it has the last of so many events; none may be unaccounted for. */
async function catchUp(slowly, slow, published) {
  slowly.thaw();
  await until(`event ${published - 1}`, () => slow.results.at(-1)?.event === published - 1 || slow.ended);
  assert.equal(slow.ended, undefined);
  assert.equal(sum(slow.results), published, "received and skipped are all that was published");
  const events = slow.results.map(({ event }) => event);
  assert.deepEqual(events, events.toSorted((a, b) => a - b));
}

for (const kind of ["transport-ws", "graphql-ws", "sse", "sse-single", "multipart", "incremental"]) {
  test(`latest, ${kind}: skips to the newest, and the payload after the gap says how many were lost`, async (t) => {
    const router = await routerOf(t, { ...small, subscriptions: { overflow: { fields: { ticks: "latest" } } } });
    const all = opened(t, router);
    const slowly = await all.relay();
    const slow = await all.stream(kind, { port: slowly.port }, told);
    await joined(router, 1);
    slowly.freeze();
    for (let sequence = 0; sequence < 150; sequence++) await publish(router, { sequence, text: LARGE });
    await catchUp(slowly, slow, 150);
    assert.ok(slow.results.some(({ skipped }) => skipped > 0), "nothing was lost, so nothing was tried");
    for (const [at, { event, skipped }] of slow.results.entries()) {
      assert.equal(event, (slow.results[at - 1]?.event ?? -1) + 1 + skipped, "the loss is told where it is");
    }
  });
}

test("conflate: the newest of each entity is kept; other fields have their own policy", async (t) => {
  let version = 0;
  const place = await folder();
  t.after(() => place.remove());
  const versioned = () => ({ details: { forename: LARGE, surname: String(version) } });
  const employees = await subgraph("employees", versioned, { employees: () => [] });
  t.after(() => employees.stop());
  const supergraph = await compose(place.path, [employees, world.availability]);
  const overflow = { default: "disconnect", fields: { ticks: "latest", employeeSeen: "conflate" } };
  const router = await serveWith({ folder: place.path, supergraph }, {}, { ...small, subscriptions: { overflow } });
  t.after(() => router.stop());
  const all = opened(t, router);
  const slowly = await all.relay();
  const query = "subscription { employeeSeen { id details { forename surname } } }";
  const digest = (result) => {
    const { id, details } = result.data.employeeSeen;
    return { id, event: Number(details.surname), skipped: skippedOf(result) };
  };
  const slow = await all.stream("transport-ws", { port: slowly.port }, { query, digest });
  const red = { query: 'subscription { tickOf(colours: ["red"]) { text } }' };
  const other = await all.stream("transport-ws", { port: slowly.port }, red);
  const send = await witnesses(all, query);
  await joined(router, 6);
  slowly.freeze();
  for (; version < 120; version++) await send(router, { __typename: "Employee", id: 1 + (version % 3) }, "seen");
  while ((await slowOnes(router, "transport-ws")) === 0) {
    await publish(router, { sequence: 0, colour: "red", text: LARGE });
  }
  await catchUp(slowly, slow, 120);
  const tail = slow.results.slice(-3).map(({ id, event }) => [id, event]);
  assert.deepEqual(tail, [[1, 117], [2, 118], [3, 119]], "the newest of each");
  assert.ok(slow.results.some(({ skipped }) => skipped > 0));
  await other.end();
  assert.equal(other.ended.close, 1013);
});

for (const fields of [1, 2]) {
  test(`broadcast_capacity: five events may wait for each of ${fields} subscriptions of a connection`, async (t) => {
    const router = await routerOf(t, { subscriptions: { broadcast_capacity: 5 } });
    const all = opened(t, router);
    const slowly = await all.relay();
    const results = { ticks: [], again: [] };
    const digest = (result) => results[Object.keys(result.data)[0]].push(told.digest(result));
    const slow = await all.stream("transport-ws", { port: slowly.port }, { digest });
    const query = "subscription { again: ticks { sequence text } }";
    if (fields === 2) slow.send({ id: "2", type: "subscribe", payload: { query } });
    const send = await witnesses(all);
    await joined(router, 4 + fields);
    slowly.freeze();
    let published = 0;
    while ((await router.metric("downstream_payloads_dropped")) === 0) {
      await send(router, { sequence: published++, text: LARGE });
      assert.ok(published < 1_000, "nothing was ever dropped");
    }
    slowly.thaw();
    for (const [name, seen] of Object.entries(results).slice(0, fields)) {
      await until(`the newest of ${name}`, () => seen.at(-1)?.event === published - 1 || slow.ended);
      assert.equal(sum(seen), published);
    }
    const gaps = Object.values(results).flat().map(({ skipped }) => skipped).filter((skipped) => skipped > 0);
    assert.deepEqual([...new Set(gaps)], [5], "the five that waited made way for the newest");
    assert.equal(slow.ended, undefined);
  });
}

test("flush_interval: events that wait to share a write all arrive, in order, whatever may wait for a slow client", async (t) => {
  const router = await routerOf(t, { subscriptions: { flush_interval: "300ms", broadcast_capacity: 5 } });
  const all = opened(t, router);
  const streams = [];
  for (const kind of KINDS) streams.push(await all.stream(kind));
  await joined(router, KINDS.length);
  for (let sequence = 0; sequence < 23; sequence++) await publish(router, { sequence });
  for (const stream of streams) {
    const results = await stream.first(23);
    assert.deepEqual(results.map(({ data }) => data.ticks.sequence), [...Array(23).keys()], stream.kind);
    assert.ok(results.every(({ extensions }) => extensions === undefined), `${stream.kind}: none was skipped`);
  }
  assert.equal(await router.metric("downstream_payloads_dropped"), 0);
});
