// SIGTERM and every other end: what clients are told, in which order, and how the operator learns why a stream is over.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient as createSse } from "graphql-sse";
import { serveWith } from "../lib/certificates.js";
import { joined, post } from "../lib/clients.js";
import { dial, operation } from "../lib/raw-socket.js";
import { relay } from "../lib/relay.js";
import { compose, folder, providers, serve } from "../lib/router.js";
import { KINDS, ask, openStream, publish, whole } from "../lib/streams.js";
import { subgraph } from "../lib/subgraph.js";
import { until, within } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const LOG = { level: "info,downstream=debug" };
const NOTE = { data: { note: "noted" } };
const ADDED = { data: { addNote: "more" } };
const MUTATION = 'mutation { addNote(text: "more") }';

let world, place, notes;
/** What the notes subgraph's answers wait for. */
let held = { promise: Promise.resolve() };
before(async () => {
  world = await startWorld({ provider: "memory" });
  place = await folder();
  notes = await subgraph("notes", () => ({}), {
    note: () => held.promise.then(() => "noted"),
    addNote: ({ text }) => held.promise.then(() => text),
  });
  world.withNotes = await compose(place.path, [world.employees, world.availability, notes]);
});
after(async () => {
  await notes?.stop();
  await place?.remove();
  await world?.stop();
});

async function routerOf(t, config) {
  const router = await serveWith({ folder: place.path, supergraph: world.withNotes }, {}, { log: LOG, ...config });
  t.after(() => router.stop("SIGKILL"));
  return router;
}

/** From here on answers wait; gives what lets them go. */
function hold(t) {
  let release;
  held = { promise: new Promise((resolve) => { release = resolve; }) };
  t.after(() => release());
  notes.requests.length = 0;
  return release;
}

const asked = (count) => until(`${count} requests at the subgraph`, () => notes.requests.length === count);
const signal = (router, name) => router.process.child.kill(name);
const isReady = async (router) => (await router.ask("/health/ready")).status === 200;
const refused = (router) => until("connections are refused", async () => {
  const raw = await dial(router.port).catch((error) => error);
  raw.destroy?.();
  return raw.code === "ECONNREFUSED";
});
/** How many lines of the log tell of an end with this reason. */
const linesOf = (router, kind, reason) => {
  const words = `a stream ended protocol="${kind}" reason="${reason}"`;
  return router.output().split("\n").filter((line) => line.includes(words)).length;
};
const drained = (one) => one.errors?.[0]?.extensions?.code === "SUBSCRIPTION_SERVER_DRAIN";

test("SIGTERM: not ready, then nobody new, then stream after stream ends with its protocol's last words", async (t) => {
  const router = await routerOf(t, { shutdown: { delay: "1s", spread: "2s", timeout: "60s" } });
  const streams = [];
  const sequence = { digest: ({ data }) => data.ticks.sequence };
  for (const kind of [...KINDS, ...KINDS, ...KINDS]) streams.push(await openStream(kind, router, sequence));
  const session = http2.connect(`http://127.0.0.1:${router.port}`);
  for (let n = 0; n < 3; n++) streams.push(await openStream("sse", { session }, sequence));
  await joined(router, streams.length);
  const release = hold(t);
  const slow = post(router, "{ note }");
  await asked(1);

  signal(router, "SIGTERM");
  await until("not ready", async () => !(await isReady(router)));
  assert.deepEqual(streams.filter(({ ended }) => ended), [], "every stream outlives the readiness");
  assert.equal((await post(router, "{ __typename }")).status, 200, "until the delay is over, so does the rest");
  await refused(router);
  assert.ok(streams.some(({ ended }) => !ended), "streams outlive the listener");
  // Events go on for whoever is still there, and so tell who was there for longer.
  let published = 0;
  while (streams.some(({ ended }) => !ended)) {
    await publish(router, { sequence: published++ });
    await sleep(10);
  }
  const last = streams.map(({ results }) => results.at(-1) ?? -1).toSorted((a, b) => a - b);
  const [first, middle, final] = [last[0], last[last.length >> 1], last.at(-1)];
  assert.ok(middle - first >= 3 && final - middle >= 3, `the last events of ${streams.length} streams: ${last}`);

  for (const { kind, ended, others, terminal, isLast } of streams) {
    if (kind.endsWith("-ws")) {
      assert.deepEqual([ended, others], [{ close: 1012, reason: "Service restart" }, []], kind);
      continue;
    }
    assert.equal(ended.how, "whole", `${kind}: ${JSON.stringify(ended)}`);
    assert.ok(others.length === 1 && drained(others[0]), `${kind}: ${JSON.stringify(others)}`);
    assert.deepEqual(terminal, { sse: "complete", "sse-single": { id: "1" } }[kind] ?? "terminator", kind);
    if (kind === "multipart") assert.equal(others[0].payload, null);
    if (kind === "incremental") assert.equal(isLast, true, "the last part says that nothing follows");
  }
  for (const kind of KINDS) {
    const count = streams.filter((stream) => stream.kind === kind).length;
    assert.equal(await router.metric("downstream_streams_ended", { protocol: kind, reason: "drain" }), count, kind);
    assert.equal(linesOf(router, kind, "drain"), count, `log lines of ${kind}`);
  }
  release();
  assert.deepEqual((await slow).data, NOTE.data);
  session.destroy();
  assert.equal((await within("the end", router.process.ended)).code, 0);
});

test("SIGTERM: queries and mutations under way are answered, whatever they came by", async (t) => {
  const router = await routerOf(t, { shutdown: { spread: "0s", timeout: "60s" } });
  const release = hold(t);
  const session = http2.connect(`http://127.0.0.1:${router.port}`);
  const json = async (place, query) => {
    const answer = await ask(place, { headers: { accept: "application/json" }, body: JSON.stringify({ query }) });
    return JSON.parse(await whole(answer));
  };
  const byHttp = [router, { session }].flatMap((place) => [json(place, "{ note }"), json(place, MUTATION)]);
  const streams = [];
  for (const kind of KINDS) {
    for (const query of ["{ note }", MUTATION]) streams.push(await openStream(kind, router, { query }));
  }
  const witness = await openStream("transport-ws", router);
  await joined(router, 1);
  await asked(byHttp.length + streams.length);

  signal(router, "SIGTERM");
  await witness.end();
  await refused(router);
  assert.deepEqual(streams.filter(({ ended }) => ended), []);
  release();
  assert.deepEqual(await Promise.all(byHttp), [NOTE, ADDED, NOTE, ADDED]);
  for (const [at, { kind, end, ended, results, others, terminal }] of streams.entries()) {
    await end();
    assert.deepEqual(results, [at % 2 ? ADDED : NOTE], kind);
    if (kind.endsWith("-ws")) assert.deepEqual(others, [{ id: "1", type: "complete" }], kind);
    else assert.deepEqual([others, terminal !== undefined], [[], true], `${kind}: ${JSON.stringify(ended)}`);
  }
  session.destroy();
  assert.equal((await within("the end", router.process.ended)).code, 0);
});

test("connections that ask for nothing do not hold up the end", async (t) => {
  const router = await routerOf(t, { shutdown: { spread: "0s", timeout: "10m" } });
  const idle = [await dial(router.port), await dial(router.port), await dial(router.port)];
  idle[1].write(operation("{ __typename }"));
  assert.equal((await idle[1].answers(1))[0].status, 200);
  idle[2].write("PR");
  const session = http2.connect(`http://127.0.0.1:${router.port}`);
  assert.equal((await ask({ session }, { body: '{"query":"{ __typename }"}' })).status, 200);
  signal(router, "SIGTERM");
  assert.equal((await within("the end", router.process.ended, 10_000)).code, 0);
  session.destroy();
});

for (const name of ["SIGTERM", "SIGINT"]) {
  test(`a second ${name} stops at once, although a client hangs and a query is under way`, async (t) => {
    const router = await routerOf(t, { shutdown: { spread: "10m", timeout: "10m" } });
    const release = hold(t);
    const hung = await relay(router.port);
    t.after(() => hung.stop());
    const [webSocket, body] = [await openStream("transport-ws", hung), await openStream("sse", hung)];
    const streams = [webSocket, body, await openStream("sse", router)];
    const slow = post(router, "{ note }").catch(() => {});
    await Promise.all([joined(router, streams.length), asked(1)]);
    hung.freeze();
    signal(router, name);
    await until("not ready", async () => !(await isReady(router)));
    await refused(router);
    assert.equal(router.process.code, undefined);
    signal(router, name);
    await within("the end after the second signal", router.process.ended, 10_000);
    release();
    await slow;
  });
}

const outcomes = { reconnect: "comes back by itself", complete: "is told that it is over" };
for (const [event_streams, outcome] of Object.entries(outcomes)) {
  test(`event_streams: ${event_streams}: graphql-sse ${outcome}`, async (t) => {
    const router = await routerOf(t, { shutdown: { spread: "0s", event_streams } });
    const seen = { sequences: [], errors: [], codes: [], completed: 0 };
    const retry = () => sleep(50);
    const client = createSse({ url: router.url, retryAttempts: 500, retry });
    t.after(() => client.dispose());
    client.subscribe({ query: "subscription { ticks { sequence } }" }, {
      next({ data, errors }) {
        if (data) seen.sequences.push(data.ticks.sequence);
        else seen.codes.push(errors[0].extensions.code);
      },
      error: (error) => seen.errors.push(error),
      complete: () => { seen.completed += 1; },
    });
    await joined(router, 1);
    await publish(router, { sequence: 1 });
    await until("the first event", () => seen.sequences.length === 1);
    await router.stop("SIGTERM");
    const config = { events: providers.memory(), shutdown: { spread: "0s" } };
    const next = await serve(place.path, world.withNotes, config, [], router.port);
    t.after(async () => { await next.stop(); });
    if (event_streams === "reconnect") {
      await joined(next, 1);
      await publish(next, { sequence: 2 });
      await until("the event after it", () => seen.sequences.length === 2);
    } else {
      await until("the completion", () => seen.completed === 1);
    }
    assert.deepEqual([seen.codes, seen.errors], [["SUBSCRIPTION_SERVER_DRAIN"], []]);
    assert.equal(seen.completed, event_streams === "reconnect" ? 0 : 1);
    client.dispose();
  });
}

test("every end of a stream has its reason, in a metric and in a line of the log", async (t) => {
  const router = await routerOf(t, { limits: { outbox_frames_max: 4 }, shutdown: { spread: "0s" } });
  const isSocket = (kind) => kind.endsWith("-ws");
  const subscribed = async (kind, place = router) => {
    const stream = await openStream(kind, place);
    await joined(router, 1);
    return stream;
  };
  const once = (query) => async (kind) => { await (await openStream(kind, router, { query })).first(0); };
  const shared = [...KINDS.filter(isSocket), "sse-single"];
  const rows = [
    { what: "its client ends it", reason: "client_left", kinds: shared,
      end: async (kind) => (await subscribed(kind)).leave() },
    { what: "its client closes the WebSocket", reason: "client_closed", kinds: KINDS.filter(isSocket),
      end: async (kind) => (await subscribed(kind)).close() },
    { what: "its client ends the connection", reason: "client_gone", kinds: KINDS,
      end: async (kind) => socketOf(await subscribed(kind)).destroy() },
    { what: "its client's connection is reset", reason: "connection_lost", kinds: KINDS,
      end: async (kind) => socketOf(await subscribed(kind)).resetAndDestroy() },
    { what: "it is over", reason: "complete", kinds: KINDS, end: once("{ __typename }") },
    // Elsewhere the request that brings it is refused, so there is nothing to end.
    { what: "it is refused", reason: "error", kinds: KINDS.filter((kind) => isSocket(kind) || kind === "sse"),
      end: once("subscription { nothing }") },
    { what: "its client reads too slowly", reason: "slow_consumer", kinds: KINDS, async end(kind) {
      const slowly = await relay(router.port);
      t.after(() => slowly.stop());
      await subscribed(kind, slowly);
      slowly.freeze();
      const text = "x".repeat(500_000);
      for (let n = 0; n < 64; n++) await publish(router, { sequence: n, text });
    } },
  ];
  for (const { what, reason, kinds, end } of rows) {
    for (const kind of kinds) {
      await t.test(`${kind}: ${what}: ${reason}`, async () => {
        const before = (await router.ask("/metrics")).text;
        await end(kind);
        const changed = await until("an end", async () => changes(before, (await router.ask("/metrics")).text));
        assert.deepEqual(changed, [`protocol="${kind}",reason="${reason}" +1`]);
        await joined(router, 0);
        await until("its line", () => linesOf(router, kind, reason) > 0);
      });
    }
  }
});

const socketOf = ({ socket, body }) => socket?._socket ?? body.socket;

/** Which samples of the ends of streams grew, and by how many. */
function changes(before, after) {
  const sample = /^tidegate_downstream_streams_ended_total\{(.*)\} (\d+)$/gm;
  const samples = (page) => new Map([...page.matchAll(sample)].map(([, labels, value]) => [labels, Number(value)]));
  const old = samples(before);
  const grown = [...samples(after)].filter(([labels, value]) => value !== (old.get(labels) ?? 0));
  return grown.length > 0 && grown.map(([labels, value]) => `${labels} +${value - (old.get(labels) ?? 0)}`);
}

test("a process that stood still for a while has lost nobody, though no ping was answered meanwhile", async (t) => {
  const router = await serve(world.folder, world.supergraph, { events: providers.memory(), websocket: { ping_interval: "200ms" } });
  t.after(() => router.stop());
  const streams = [await openStream("transport-ws", router), await openStream("graphql-ws", router)];
  await joined(router, streams.length);
  process.kill(router.process.pid, "SIGSTOP");
  await sleep(3_000); // many pings
  process.kill(router.process.pid, "SIGCONT");
  await publish(router, { sequence: 1 });
  for (const stream of streams) assert.equal((await stream.first(1))[0].data.ticks.sequence, 1);
  assert.equal(await router.metric("downstream_closes", { reason: "ping_timeout" }), 0);
});
