// What an operator meets: tokens, health, metrics, configuration that is refused, and a stop that tells everybody.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describe, joined, post, rawWs, sse, ws } from "../lib/clients.js";
import { run } from "../lib/process.js";
import { TIDEGATE, listeners, providers, serve } from "../lib/router.js";
import { sign } from "../lib/token.js";
import { until, within } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const SECRET = "a secret of thirty-two bytes and more";
const ISSUER = "https://id.example";
const UPDATED = "subscription { employeeUpdated(employeeID: 1) { id } }";

let world;
before(async () => { world = await startWorld({ provider: "memory" }); });
after(() => world?.stop());

const memory = (config) => serve(world.folder, world.supergraph, { events: providers.memory(), ...config });

test("tokens", async (t) => {
  const jwt = { secret: SECRET, issuer: ISSUER, audience: "tidegate", algorithms: ["HS256"], required: true };
  const router = await memory({ jwt });
  t.after(() => router.stop());
  const token = (claims) => sign({ iss: ISSUER, aud: "tidegate", sub: "alice", ...claims }, SECRET);
  const past = Math.floor(Date.now() / 1000) - 3600;
  const refused = {
    "no token": null,
    "another issuer": token({ iss: "https://other.example" }),
    "another audience": token({ aud: "other" }),
    "an expired token": token({ exp: past }),
    "another key": sign({ iss: ISSUER, aud: "tidegate", sub: "alice" }, "another secret of thirty-two bytes"),
    "no signature": `${Buffer.from('{"alg":"none"}').toString("base64url")}.${token({}).split(".")[1]}.`,
  };
  const init = (value) => value && { Authorization: `Bearer ${value}` };

  await t.test("a good one passes in the header and in connection_init", async () => {
    const answer = await post(router, "{ employees { id } }", { authorization: `Bearer ${token({})}` });
    assert.equal(answer.status, 200);
    const updates = ws(router, init(token({}))).subscribe(UPDATED);
    const events = sse(router, { authorization: `Bearer ${token({})}` }).subscribe(UPDATED);
    await joined(router, 2);
    updates.leave();
    events.leave();
    await joined(router, 0);
  });
  for (const [what, value] of Object.entries(refused)) {
    await t.test(`${what} is refused over HTTP and over a WebSocket`, async () => {
      const headers = value ? { authorization: `Bearer ${value}` } : {};
      const answer = await post(router, "{ employees { id } }", headers);
      assert.equal(answer.status, 401);
      assert.equal(answer.data, undefined);
      const error = await ws(router, init(value)).subscribe(UPDATED).end();
      assert.ok([4401, 4403].includes(error.code), describe(error));
      assert.equal(await router.metric("subscriptions_started"), 2, "nobody but the two of the good token");
      assert.ok(!value || !router.output().includes(value), "no token in the log");
    });
  }
});

test("health and metrics", async () => {
  assert.equal((await world.router.ask("/health/live")).status, 200);
  assert.equal((await world.router.ask("/health/ready")).status, 200);
  const updates = ws(world.router).subscribe(UPDATED);
  await joined(world.router, 1);
  assert.equal(await world.router.metric("triggers_active"), 1);
  const { text } = await world.router.ask("/metrics");
  for (const name of ["subscriptions_active", "triggers_active", "events_received", "events_dropped", "deliveries"]) {
    assert.match(text, new RegExp(`^# TYPE tidegate_${name}`, "m"));
  }
  updates.leave();
  await joined(world.router, 0);
});

test("configuration", async (t) => {
  const { config } = await listeners();
  const refuse = async (what, extra, env, ...messages) => t.test(what, async () => {
    const file = join(world.folder, "wrong.yaml");
    await writeFile(file, JSON.stringify({ ...config, events: providers.memory(), ...extra }));
    const ended = await run(TIDEGATE, ["serve", "-c", file, "-s", world.supergraph], { env });
    assert.notEqual(ended.code, 0);
    for (const message of messages) assert.match(ended.stderr + ended.stdout, message);
  });
  await refuse("an unknown section is refused with a proposal", { limts: {} }, {}, /limts/, /did you mean/i, /limits/);
  await refuse("an unknown key as well", { limits: { event_byte_max: "1KiB" } }, {}, /event_byte_max/, /did you mean/i, /event_bytes_max/);
  await refuse("a wrong value names its key", { limits: { event_bytes_max: "lots" } }, {}, /event_bytes_max/, /lots/);
  await refuse("a variable overrides the file, and is read as strictly", {}, { TIDEGATE_LIMITS__EVENT_BYTES_MAX: "lots" },
    /event_bytes_max/i, /lots/);
  await t.test("the JSON Schema is printed", async () => {
    const { code, stdout } = await run(TIDEGATE, ["config", "schema"]);
    assert.equal(code, 0);
    assert.ok(JSON.parse(stdout).properties.limits);
  });
});

test("SIGTERM ends every stream with a terminal frame and the process with 0", async () => {
  const router = await memory({});
  const frames = [];
  const raw = await rawWs(router, { onMessage: (text) => frames.push(JSON.parse(text)) });
  raw.subscribe("one", UPDATED);
  const controller = new AbortController();
  const events = await fetch(router.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ query: UPDATED }),
    signal: controller.signal,
  });
  assert.equal(events.status, 200);
  assert.match(events.headers.get("content-type"), /^text\/event-stream/);
  const body = events.text();
  await joined(router, 2);
  const ended = await router.stop("SIGTERM");
  assert.equal(ended.code, 0, router.output());
  await until("the close of the WebSocket", () => raw.closed);
  // A `complete` before it would tell clients that the stream is over for good; on 1012 they come back.
  assert.equal(raw.closed.code, 1012);
  assert.deepEqual(frames.filter((frame) => frame.type === "complete"), []);
  assert.match(await within("the end of the event stream", body), /SUBSCRIPTION_SERVER_DRAIN|event: ?complete/);
});
