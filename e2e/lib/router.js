// The release binary: compose, serve, demo, and what its admin listener says.
// The only file that knows command lines and configuration keys.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "./ports.js";
import { run, start } from "./process.js";
import { until } from "./wait.js";

export const TIDEGATE = process.env.TIDEGATE_BIN ?? resolve(import.meta.dirname, "../../target/release/tidegate");
const SCHEMA = resolve(import.meta.dirname, "../schema");

export async function folder() {
  const path = await mkdtemp(join(tmpdir(), "tidegate-e2e-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Runs `tidegate compose` over these subgraphs and an events schema (a path, or our own); gives the supergraph's path. */
export async function compose(into, subgraphs, { events = join(SCHEMA, "events.graphql") } = {}) {
  const list = Object.fromEntries(subgraphs.map(({ name, url }) => [
    name, { routing_url: url, schema: { file: join(SCHEMA, `${name}.graphql`) } },
  ]));
  if (events) list.events = { schema: { file: events } };
  // JSON is YAML.
  await writeFile(join(into, "supergraph.yaml"), JSON.stringify({ subgraphs: list }, null, 2));
  const output = join(into, events ? "supergraph.graphql" : "plain.graphql");
  const composed = await run(TIDEGATE, ["compose", "--config", join(into, "supergraph.yaml"), "-o", output]);
  if (composed.code !== 0) throw new Error(`compose failed: ${composed.stderr}${composed.stdout}`);
  await readFile(output);
  return output;
}

/** Providers as `events.providers` wants them: `nats` with a url, or `memory` in its place. */
export const providers = {
  nats: (url) => ({ providers: { nats: [{ id: "default", url }] } }),
  memory: () => ({ providers: { memory: [{ id: "default" }] } }),
};

export async function listeners(at) {
  const [port, adminPort] = [at ?? await freePort(), await freePort()];
  return {
    port,
    adminPort,
    config: { http: { host: "127.0.0.1", port }, admin: { host: "127.0.0.1", port: adminPort } },
  };
}

/** `tidegate serve` with this configuration; returns once it lives (not: once its brokers are up). `at` is its port. */
export async function serve(into, supergraph, config, args = [], at = undefined) {
  const { port, adminPort, config: listen } = await listeners(at);
  const file = join(into, `tidegate-${port}.yaml`);
  await writeFile(file, JSON.stringify({ ...listen, ...config }, null, 2));
  const running = start(TIDEGATE, ["serve", "-c", file, "-s", supergraph, ...args]);
  return living(running, port, adminPort);
}

/** `tidegate demo` on free ports. */
export async function demo() {
  const [port, adminPort] = [await freePort(), await freePort()];
  const running = start(TIDEGATE, ["demo", "--port", String(port), "--admin-port", String(adminPort)]);
  return living(running, port, adminPort);
}

async function living(running, port, adminPort) {
  const url = `http://127.0.0.1:${port}`;
  const admin = `http://127.0.0.1:${adminPort}`;
  const router = {
    port,
    url: `${url}/graphql`,
    wsUrl: `ws://127.0.0.1:${port}/graphql`,
    page: `${url}/`,
    admin,
    process: running,
    stop: (signal) => running.stop(signal),
    output: () => running.stdout + running.stderr,
    /** `{status, text}` of a path of the admin listener. */
    async ask(path) {
      const answer = await fetch(admin + path);
      return { status: answer.status, text: await answer.text() };
    },
    /** Whether every provider of events is connected. */
    connected: async () => (await router.ask("/health/ready?providers=up")).status === 200,
    /** The sum of all samples of a metric whose labels hold these pairs. */
    metric: async (name, labels = {}) => sample((await router.ask("/metrics")).text, name, labels),
  };
  try {
    await until("/health/live", async () => {
      running.check();
      return (await router.ask("/health/live")).status === 200;
    });
  } catch (error) {
    await running.stop("SIGKILL").catch(() => {});
    throw new Error(`tidegate did not start: ${error.message}`);
  }
  return router;
}

/** Sums a metric of a Prometheus page; a counter may end in `_total`, and `tidegate_` is understood. */
export function sample(page, name, labels = {}) {
  let sum = 0;
  for (const line of page.split("\n")) {
    const match = /^(?:tidegate_)?(\w+?)(?:_total)?(?:\{(.*)\})? ([0-9.e+-]+)$/.exec(line);
    if (!match || match[1] !== name) continue;
    const wanted = Object.entries(labels).every(([key, value]) => (match[2] ?? "").includes(`${key}="${value}"`));
    if (wanted) sum += Number(match[3]);
  }
  return sum;
}
