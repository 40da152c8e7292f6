// HTTP clients that break rules, mean harm or vanish: what they are told, and that nobody else notices.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import http from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";
import { joined, post } from "../lib/clients.js";
import { CRAWLERS, HIDDEN_REQUEST, SMUGGLED } from "../lib/http-tables.js";
import { run } from "../lib/process.js";
import { answers, dial, operation, request } from "../lib/raw-socket.js";
import { providers, serve } from "../lib/router.js";
import { ask, openStream, publish, whole } from "../lib/streams.js";
import { until, within } from "../lib/wait.js";
import { encoded } from "../lib/websocket-states/play.js";
import { startWorld } from "../lib/world.js";

const TICKS = "subscription { ticks { sequence } }";
const JSON_ONLY = { Accept: "application/json" };
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13,
  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" };

let world, router;
const crawling = [];
before(async () => {
  world = await startWorld({ provider: "memory" });
  router = world.router;
  await crawl();
});
after(async () => {
  for (const { raw } of crawling) raw.destroy();
  await world?.stop();
});

const isServed = async () => assert.equal((await post(router, "{ __typename }")).status, 200);

/** Begun with the file, so that nobody waits for them twice. */
async function crawl() {
  for (const { what, start, isMute, status } of CRAWLERS) {
    const raw = await dial(router.port);
    raw.write(start);
    const drip = !isMute && setInterval(() => raw.ended || raw.write("a"), 1_000);
    raw.end().finally(() => clearInterval(drip));
    crawling.push({ what, raw, status });
  }
}

test("smuggling: a request within a request is never answered", async (t) => {
  const last = request("GET", "/graphql?query=%7Blast%3A__typename%7D", { ...JSON_ONLY, Connection: "close" });
  /** Whatever is answered at all; a connection that still waits for a body by then is let go. */
  const played = async (text) => {
    const raw = await dial(router.port);
    raw.write(text + last);
    await Promise.race([raw.end(), sleep(500)]);
    raw.destroy();
    return raw.text();
  };
  const get = request("GET", "/graphql?query=%7Bfirst%3A__typename%7D", JSON_ONLY, HIDDEN_REQUEST);
  const type = "Content-Type: application/json";
  const posts = SMUGGLED.map(([, lines, body]) => request("POST", "/graphql", [type, ...lines], body));
  const [bare, inGet, ...inPosts] = await Promise.all([HIDDEN_REQUEST, get, ...posts].map(played));
  assert.match(bare, /smuggled[^]*last/, "by itself it would be answered, and what is behind it");
  await t.test("a GET with a body", () => {
    assert.match(inGet, /first/);
    assert.doesNotMatch(inGet, /smuggled/);
  });
  for (const [at, [what, lines]] of SMUGGLED.entries()) {
    await t.test(what, () => {
      assert.doesNotMatch(inPosts[at], /smuggled/);
      const isBoth = lines.includes("Transfer-Encoding: chunked") && lines.some((line) => /^Content-Length/.test(line));
      if (isBoth) assert.doesNotMatch(inPosts[at], /last/, "nothing is answered behind it");
    });
  }
  await isServed();
});

test("heads that are too much are refused, and nobody else notices", async (t) => {
  const lines = (count) => Array.from({ length: count }, (_, n) => `X-Line-${n}: y`);
  const upgrade = Object.entries(UPGRADE).map(([name, value]) => `${name}: ${value}`);
  const cases = {
    "2,000 headers": [lines(2_000), 431],
    "2,000 headers of a WebSocket handshake": [[...upgrade, ...lines(2_000)], 431],
    "a header of 1 MB": [[`X-Large: ${"x".repeat(1 << 20)}`], 431],
    "a header of 64 KiB and a byte": [[`X-Large: ${"x".repeat((64 << 10) + 1)}`], 431],
    "a header name with a space": [["X Bad: y"], 400],
    "a header without a colon": [["nothing"], 400],
    "a NUL in a header": [["X-Bad: a\0b"], 400],
  };
  for (const [what, [headers, status]] of Object.entries(cases)) {
    await t.test(`${what}: ${status}`, async () => {
      const raw = await dial(router.port);
      raw.write(request("GET", "/graphql?query=%7B__typename%7D", headers));
      const [answer] = await raw.answers(1);
      assert.equal(answer?.status, status, raw.text() || String(raw.error));
      await raw.end();
    });
  }
  await isServed();
});

test("2,000 sockets that come and vanish at once leave nothing, and cost the others nothing", async () => {
  const others = [];
  for (const kind of ["transport-ws", "sse", "multipart"]) others.push(await openStream(kind, router));
  await joined(router, others.length);
  const connected = () => router.metric("downstream_connections_active");
  const [tasks, connections] = [await router.metric("runtime_tasks"), await connected()];
  const upgrade = request("GET", "/graphql", { ...UPGRADE, "Sec-WebSocket-Protocol": "graphql-ws" });
  const messages = [{ type: "connection_init" }, { id: "1", type: "start", payload: { query: TICKS } }];
  const kinds = [
    // Three that subscribe, and five that do not.
    Buffer.concat([Buffer.from(upgrade), ...messages.map(encoded)]),
    ...["text/event-stream", "multipart/mixed"].map((Accept) => operation(TICKS, { Accept })),
    upgrade, "POST /graphql HTTP/1.1\r\nContent-Le", "", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    operation("{ __typename }"),
  ];
  for (const how of ["ended", "reset"]) {
    const sockets = await Promise.all(Array.from({ length: 2_000 }, () => dial(router.port)));
    for (const [at, raw] of sockets.entries()) raw.write(kinds[at % kinds.length]);
    await joined(router, others.length + 3 * (2_000 / kinds.length));
    await publish(router, { sequence: 1 });
    for (const { socket } of sockets) (how === "ended" ? socket.destroy() : socket.resetAndDestroy());
    await joined(router, others.length);
    await publish(router, { sequence: 2 });
    await until("no connection of theirs", async () => (await connected()) <= connections);
    await until("no task of theirs", async () => (await router.metric("runtime_tasks")) <= tasks + 4);
  }
  for (const stream of others) {
    assert.deepEqual((await stream.first(4)).map(({ data }) => data.ticks.sequence), [1, 2, 1, 2]);
    stream.cut();
  }
  await joined(router, 0);
});

test("out of open files: those who are connected go on, and new ones are served once there is room", async (t) => {
  const poor = await serve(world.folder, world.supergraph, { events: providers.memory() });
  t.after(() => poor.stop());
  const stream = await openStream("transport-ws", poor);
  await joined(poor, 1);
  const limit = (soft) => run("prlimit", ["--pid", String(poor.process.pid), `--nofile=${soft}:`]);
  // One connection for all that is asked of the admin port meanwhile.
  const admin = { port: new URL(poor.admin).port, agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
  const say = async (method, path, body) => whole(await ask(admin, { method, path, body }));
  await say("GET", "/health/live");
  const open = (await readdir(`/proc/${poor.process.pid}/fd`)).length;
  assert.equal((await limit(open + 8)).code, 0);
  const crowd = await Promise.all(Array.from({ length: 64 }, () => dial(poor.port)));
  const failed = /tidegate_downstream_refusals_total\{reason="accept_failed"\} [1-9]/;
  await until("a refusal", async () => failed.test(await say("GET", "/metrics")));
  await say("POST", "/publish?subject=ticks", '{"sequence":1}');
  assert.equal((await stream.first(1))[0].data.ticks.sequence, 1);
  await limit(20_000);
  assert.equal((await post(poor, "{ __typename }")).status, 200);
  for (const raw of crowd) raw.destroy();
  admin.agent.destroy();
});

test("killed under load: two hundred clients come back at once, and all get the next event", async (t) => {
  let frail = await serve(world.folder, world.supergraph, { events: providers.memory() });
  t.after(() => frail.stop());
  const seen = Array.from({ length: 200 }, () => []);
  const errors = [];
  const clients = seen.map((results, n) => {
    const often = { retryAttempts: 1_000, retryWait: () => sleep(50), retry: () => sleep(50), shouldRetry: () => true };
    const webSocket = { url: frail.wsUrl, webSocketImpl: WebSocket };
    const client = n % 2 ? createSse({ url: frail.url, ...often }) : createWs({ ...webSocket, ...often });
    client.subscribe({ query: TICKS }, {
      next: ({ data }) => results.push(data.ticks.sequence),
      error: (error) => errors.push(error),
      complete() {},
    });
    return client;
  });
  await joined(frail, clients.length);
  for (let sequence = 0; sequence < 50; sequence++) publish(frail, { sequence }).catch(() => {});
  await frail.stop("SIGKILL");
  const config = { events: providers.memory(), shutdown: { spread: "0s" } };
  frail = await serve(world.folder, world.supergraph, config, [], frail.port);
  await joined(frail, clients.length);
  await publish(frail, { sequence: 99 });
  await until("the event at all", () => errors.length > 0 || seen.every((results) => results.at(-1) === 99));
  assert.deepEqual(errors, []);
  for (const client of clients) await client.dispose();
});

test("whoever sends a byte a second, or nothing, is dropped in time", async (t) => {
  for (const { what, raw, status } of crawling) {
    await t.test(what, async () => {
      await within("the end", raw.end(), 15_000);
      if (status) assert.equal(answers(raw.bytes())[0]?.status, status);
    });
  }
  await isServed();
});
