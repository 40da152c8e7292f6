// TLS and HTTP/2: every form of answer over both, certificates that change, and connections that mean harm.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import { certificate, serveWith } from "../lib/certificates.js";
import { joined } from "../lib/clients.js";
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM, SETTINGS,
  WINDOW_UPDATE, frame, get, headerBlock, number, rawHttp2 } from "../lib/raw-http2.js";
import { dial, operation } from "../lib/raw-socket.js";
import { KINDS, ask, openStream, publish, whole } from "../lib/streams.js";
import { until, within } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const TICKS = "subscription { ticks { sequence } }";
const sequence = { digest: ({ data }) => data.ticks.sequence };
const BODIES = KINDS.filter((kind) => !kind.endsWith("-ws"));

/** The connections that this process keeps open to the admin port have a task each. */
const TASKS_OF_ASKING = 4;

let world, plain, tls, tasksAtRest;
/** A connection to the TLS port that never says a word. */
let mute;
before(async () => {
  world = await startWorld({ provider: "memory" });
  plain = await serveWith(world, {}, { limits: { http2_streams_max: 128 } });
  const { ca, ...files } = await certificate(world.folder);
  tls = await serveWith(world, { tls: { ...files, reload_interval: "100ms" } });
  Object.assign(tls, { tls: { ca }, files });
  mute = await dial(tls.port);
  tasksAtRest = await plain.metric("runtime_tasks");
});
after(async () => {
  await tls?.stop();
  await plain?.stop();
  await world?.stop();
});

function sessionTo(t, router) {
  const url = router.tls ? `https://localhost:${router.port}` : `http://127.0.0.1:${router.port}`;
  const session = http2.connect(url, router.tls);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

async function queries(place) {
  const headers = { accept: "application/json" };
  const posted = await ask(place, { headers, body: '{"query":"{ __typename }"}' });
  const got = await ask(place, { method: "GET", path: "/graphql?query=%7B__typename%7D", headers });
  for (const answer of [posted, got]) {
    assert.deepEqual([answer.status, await whole(answer)], [200, '{"data":{"__typename":"Query"}}']);
  }
}

async function streams(router, place, kinds) {
  const open = [];
  for (const kind of kinds) open.push(await openStream(kind, { ...router, ...place }, sequence));
  await joined(router, kinds.length);
  await publish(router, { sequence: 7 });
  for (const stream of open) assert.deepEqual(await stream.first(1), [7]);
  for (const stream of open) stream.cut();
  await joined(router, 0);
}

test("TLS: HTTP/1.1 queries, every streaming form, and both WebSocket protocols", async () => {
  await queries(tls);
  await streams(tls, {}, KINDS);
});

for (const what of ["h2 by ALPN", "h2c by prior knowledge"]) {
  test(`${what}: queries, every streaming form, and a hundred streams of one connection`, async (t) => {
    const router = what.startsWith("h2c") ? plain : tls;
    const session = sessionTo(t, router);
    await queries({ session });
    assert.equal(session.alpnProtocol, router === tls ? "h2" : "h2c");
    await streams(router, { session }, BODIES);
    const many = Array.from({ length: 25 }, () => BODIES).flat();
    await streams(router, { session }, many);
    await queries({ session });
  });
}

test("HTTP/2 switched off: ALPN gives HTTP/1.1, and the connection preface is no request", async (t) => {
  const { tls: { ca } } = tls;
  const router = await serveWith(world, { tls: tls.files, http2: { enabled: false } });
  t.after(() => router.stop());
  const { socket } = await dial(router.port, { tls: { ca, ALPNProtocols: ["h2", "http/1.1"] } });
  t.after(() => socket.destroy());
  assert.equal(socket.alpnProtocol, "http/1.1");
  await queries({ port: router.port, tls: { ca } });
});

test("ten thousand requests over one HTTP/2 connection, a hundred at a time", async (t) => {
  const session = sessionTo(t, plain);
  const one = async () => whole(await ask({ session }, { method: "GET", path: "/graphql?query=%7B__typename%7D" }));
  for (let n = 0; n < 100; n++) {
    const texts = await Promise.all(Array.from({ length: 100 }, one));
    assert.deepEqual([...new Set(texts)], ['{"data":{"__typename":"Query"}}']);
  }
});

test("a client resets one stream of many: its subscription is freed, the others go on", async (t) => {
  const session = sessionTo(t, plain);
  const open = [];
  for (let n = 0; n < 10; n++) open.push(await openStream("sse", { session }, sequence));
  await joined(plain, 10);
  open[3].cut();
  await joined(plain, 9);
  await publish(plain, { sequence: 1 });
  for (const stream of open) if (stream !== open[3]) assert.deepEqual(await stream.first(1), [1]);
  assert.deepEqual(open[3].results, []);
  session.close();
  for (const stream of open) stream.cut();
  await joined(plain, 0);
});

test("more streams than are allowed are refused, and those that are there go on", async (t) => {
  const router = await serveWith(world, {}, { limits: { http2_streams_max: 8 } });
  t.after(() => router.stop());
  const client = await rawHttp2(router.port);
  const ids = Array.from({ length: 20 }, (_, n) => 2 * n + 1);
  client.raw.write(Buffer.concat(ids.map((id) => frame(HEADERS, END_HEADERS | END_STREAM, id, get(TICKS)))));
  await until("twelve refusals", () => client.of(RST_STREAM).length >= 12 || client.raw.ended);
  const refused = client.of(RST_STREAM).map(({ stream, payload }) => [stream, payload.readUInt32BE()]);
  assert.deepEqual(refused, ids.slice(8).map((id) => [id, REFUSED_STREAM]));
  await joined(router, 8);
  await publish(router, { sequence: 5 });
  const isThere = (id) => client.body(id).includes('"sequence":5');
  await until("the event on eight streams", () => ids.slice(0, 8).every(isThere));
  const announced = client.of(SETTINGS).map(({ payload }) => payload.toString("hex")).join();
  assert.match(announced, /000300000008/, "SETTINGS_MAX_CONCURRENT_STREAMS is 8");
  client.raw.destroy();
  await joined(router, 0);
});

/** Each writes until it is done or its connection has ended. */
const block = get(TICKS);
const times = (length, make) => Array.from({ length }, (_, n) => make(n));
const floods = {
  "2,000 streams that are reset at once": (client) => inTurns(client, 2_000, (n) =>
    [frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, block), frame(RST_STREAM, 0, 2 * n + 1, number(8))]),
  "64 MB of CONTINUATION": async (client) => {
    client.raw.write(frame(HEADERS, END_STREAM, 1, block));
    await inTurns(client, 4_096, () => [frame(CONTINUATION, 0, 1, Buffer.alloc(16_384, 0))]);
    await within("the end of a header that never ends", client.raw.end());
  },
  "100,000 empty CONTINUATION frames": async (client) => {
    client.raw.write(frame(HEADERS, END_STREAM, 1, block));
    await inTurns(client, 1_000, () => times(100, () => frame(CONTINUATION, 0, 1)));
  },
  "a million bytes of headers": (client) => inTurns(client, 1, () => {
    const large = times(64, (n) => headerBlock({ [`x-${n}`]: "x".repeat(16_000) }));
    return [frame(HEADERS, END_STREAM, 1, block), ...large.map((piece) => frame(CONTINUATION, 0, 1, piece)),
      frame(CONTINUATION, END_HEADERS, 1)];
  }),
  "10,000 pings": (client) => inTurns(client, 100, () => times(100, () => frame(PING, 0, 0, Buffer.alloc(8)))),
  "10,000 settings": (client) => inTurns(client, 100, () => times(100, () => frame(SETTINGS, 0, 0))),
  "10,000 window updates of a stream": async (client) => {
    client.raw.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, block));
    await inTurns(client, 100, () => times(100, () => frame(WINDOW_UPDATE, 0, 1, number(1))));
  },
  "a frame of a stream that never was": (client) => inTurns(client, 1, () => [frame(DATA, 0, 99, Buffer.from("x"))]),
  "a CONTINUATION of nothing": (client) => inTurns(client, 1, () => [frame(CONTINUATION, END_HEADERS, 1)]),
  "a frame larger than allowed": (client) => inTurns(client, 1, () => [frame(DATA, 0, 1, Buffer.alloc(1 << 20))]),
};

async function inTurns(client, count, frames) {
  for (let n = 0; n < count && !client.raw.ended; n++) {
    client.raw.write(Buffer.concat(frames(n)));
    if (n % 32 === 31) await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const [what, flood] of Object.entries(floods)) {
  test(`HTTP/2 flood: ${what}: ends its own connection at most, and leaves nothing`, async (t) => {
    const overHttp2 = await openStream("sse", { session: sessionTo(t, plain) }, sequence);
    const others = [overHttp2, await openStream("transport-ws", plain, sequence)];
    await joined(plain, 2);
    const client = await rawHttp2(plain.port);
    let isOver = false;
    const flooding = flood(client).finally(() => { isOver = true; });
    let published = 0;
    for (; published < 20 || !isOver; published++) await publish(plain, { sequence: published });
    await flooding;
    if (!client.raw.ended) await client.ping();
    const events = Array.from({ length: published }, (_, n) => n);
    for (const stream of others) assert.deepEqual(await stream.first(published), events);
    const isTold = client.raw.error || client.of(GOAWAY).length > 0;
    assert.ok(!client.raw.ended || isTold, "whoever is sent away is told, or reset");
    client.raw.destroy();
    await joined(plain, 2);
    for (const stream of others) stream.cut();
    await joined(plain, 0);
    await until("no task is left", async () => (await plain.metric("runtime_tasks")) <= tasksAtRest + TASKS_OF_ASKING);
  });
}

test("a stream that is never read stalls no other of its connection", async (t) => {
  const session = sessionTo(t, plain);
  await within("a connection", new Promise((resolve) => session.once("connect", resolve)));
  // Room for the connection as a whole; each stream has its own 64 KiB.
  session.setLocalWindowSize(2 ** 31 - 1);
  const query = { query: "subscription { ticks { sequence text } }", ...sequence };
  const [stuck, read] = [await openStream("sse", { session }, query), await openStream("sse", { session }, query)];
  await joined(plain, 2);
  stuck.body.pause();
  const text = "x".repeat(100_000);
  // More than a window, and less than what may wait for a client.
  const events = Array.from({ length: 30 }, (_, n) => n);
  for (const event of events) await publish(plain, { sequence: event, text });
  assert.deepEqual(await read.first(events.length), events);
  assert.deepEqual(stuck.results, []);
  stuck.body.resume();
  assert.deepEqual(await stuck.first(events.length), events);
  stuck.cut();
  read.cut();
  await joined(plain, 0);
});

test("a new certificate is shown to new connections, a broken one to nobody", async (t) => {
  const fingerprint = async (ca) => {
    const raw = await dial(tls.port, { tls: { ca } }).catch(() => undefined);
    const shown = raw?.socket.getPeerCertificate().fingerprint256;
    raw?.destroy();
    return shown;
  };
  const old = { ca: tls.tls.ca, shown: await fingerprint(tls.tls.ca) };
  assert.ok(old.shown);
  const stream = await openStream("sse", tls, sequence);
  t.after(() => stream.cut());
  await joined(tls, 1);
  const { ca } = await certificate(world.folder);
  const renewed = await until("the new certificate", () => fingerprint(ca));
  assert.notEqual(renewed, old.shown);
  assert.equal(await fingerprint(old.ca), undefined, "the old one is not shown any more");

  await writeFile(tls.files.cert_file, "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n");
  await until("a line in the log", () => /(WARN|ERROR).*(certificate|tls)/i.test(tls.output()));
  assert.equal(await fingerprint(ca), renewed, "what worked goes on");
  await publish(tls, { sequence: 3 });
  assert.deepEqual(await stream.first(1), [3], "a stream from before lives on");
  const { ca: last } = await certificate(world.folder);
  assert.notEqual(await until("the next good one", () => fingerprint(last)), renewed);
  assert.equal(stream.ended, undefined);
});

test("plain HTTP to the TLS port is turned away, as is a handshake of the wrong kind to the plain one", async () => {
  const trust = { ca: undefined, rejectUnauthorized: false };
  const raw = await dial(tls.port);
  raw.write(operation("{ __typename }"));
  await raw.end();
  assert.doesNotMatch(raw.text(), /__typename/);
  await assert.rejects(dial(plain.port, { tls: trust }));
  await queries({ port: plain.port });
  await queries({ port: tls.port, tls: trust });
});

test("a TLS handshake that never comes is dropped", async () => {
  await within("the end of a connection without a word", mute.end(), 15_000);
  assert.ok((await tls.metric("downstream_refusals", { reason: "tls_timeout" })) >= 1);
});
