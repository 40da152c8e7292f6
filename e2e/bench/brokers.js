// Events from each broker through one trigger of the release binary: how many a second, and what one costs in CPU time
// with 1, 100 and 10,000 subscribers; and what 100 idle JetStream subscriptions cost. Everything is on loopback, bounded
// in number, and ends by itself. Run it by `bash scripts/bench`; ratios within one run are what counts.

import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { kafka } from "../lib/brokers/kafka.js";
import { core, jetstream } from "../lib/brokers/nats.js";
import { pubsub, streams } from "../lib/brokers/redis.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const BROKERS = { "NATS core": core, JetStream: jetstream, Kafka: kafka, "Redis Pub/Sub": pubsub, "Redis Streams": streams };
/** Subscribers and events of each run: two million deliveries at most. */
const RUNS = [[1, 20_000], [100, 2_000], [10_000, 100]];
const IDLE = { subscriptions: 100, seconds: 30 };
const TICKS_PER_SECOND = 100; // Linux' USER_HZ
const json = process.argv.includes("--json");
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice(7);
const say = (line) => process.stderr.write(`${line}\n`);

/** User and system seconds of a process so far. */
async function cpuSeconds(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const QUERY = "subscription { tick { number text } }";
const tick = (number) => JSON.stringify({ number: 1_000_000 + number, text: "x".repeat(200) });
const EVENT = `event: next\ndata: {"data":{"tick":{"number":1000000,"text":"${"x".repeat(200)}"}}}\n\n`;
const FRAME = `${EVENT.length.toString(16)}\r\n${EVENT}\r\n`;

/** Event streams over bare sockets: frames have one length, so that counting bytes counts them. */
async function crowd(router, size) {
  const crowd = { bytes: 0, sockets: [] };
  const body = JSON.stringify({ query: QUERY });
  const request = `POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\naccept: text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (let at = 0; at < size; at += 200) {
    await Promise.all(Array.from({ length: Math.min(200, size - at) }, () => new Promise((resolve, reject) => {
      const socket = createConnection(router.port, "127.0.0.1", () => socket.write(request));
      socket.once("error", reject);
      socket.once("data", () => {
        socket.on("data", (data) => { if (data.length >= FRAME.length) crowd.bytes += data.length; });
        resolve();
      });
      crowd.sockets.push(socket);
    })));
  }
  crowd.frames = () => Math.round(crowd.bytes / FRAME.length);
  crowd.leave = () => crowd.sockets.forEach((socket) => socket.destroy());
  return crowd;
}

async function publishAll(broker, events) {
  const payloads = Array.from({ length: events }, (_, number) => tick(number));
  for (let at = 0; at < events; at += 1_000) {
    const some = payloads.slice(at, at + 1_000);
    if (broker.publishMany) await broker.publishMany("ticks", some);
    else await broker.publishSome(some);
  }
}

/** Quick ways in, so that the publisher is not what is measured. */
function publishing(broker) {
  const { client, name } = broker;
  const at = broker.place("ticks");
  broker.publishSome = {
    nats: async (some) => { some.forEach((payload) => client.publish(at, payload)); await client.flush(); },
    jetstream: async (some) => { some.forEach((payload) => client.publish(at, payload)); await client.flush(); },
    redis: (some) => Promise.all(some.map((payload) => client.publish(at, payload))),
    "redis-streams": (some) => Promise.all(some.map((data) => client.xAdd(at, "*", { data }))),
  }[name];
}

async function measure(name, makeBroker) {
  const schema = ({ subscribe }) => ({ subscriptions: `tick: Tick! ${subscribe(["ticks"])}`, types: "type Tick { number: Int! text: String }" });
  const world = await startBrokerWorld(makeBroker, { schema, config: { sse: { heartbeat: "10m" } } });
  const { broker, router } = world;
  const rows = [];
  try {
    await broker.prepare(["ticks"]);
    publishing(broker);
    for (const [subscribers, events] of RUNS) {
      const members = await crowd(router, subscribers);
      await joined(router, subscribers);
      const [before, started] = [await cpuSeconds(router.process.pid), performance.now()];
      await publishAll(broker, events);
      await until(`${subscribers} × ${events}`, () => members.frames() >= subscribers * events, 120_000);
      const seconds = (performance.now() - started) / 1_000;
      const cpu = (await cpuSeconds(router.process.pid)) - before;
      rows.push({ broker: name, subscribers, events, events_per_second: Math.round(events / seconds), cpu_us_per_event: Math.round((cpu * 1e7) / events) / 10 });
      say(`${name.padEnd(14)} ${String(subscribers).padStart(6)} subscribers  ${String(rows.at(-1).events_per_second).padStart(7)} events/s  ${rows.at(-1).cpu_us_per_event} µs CPU per event`);
      members.leave();
      await joined(router, 0);
    }
  } finally {
    await world.stop();
  }
  return rows;
}

/** 100 subjects of one stream, a subscriber each, and nothing published. */
async function idle() {
  const schema = { subscriptions: `quiet(id: Int!): Employee! @edfs__natsSubscribe(subjects: ["jetstream.quiet.{{ args.id }}"], providerId: "jetstream",
    streamConfiguration: { streamName: "EMPLOYEES", consumerName: "quiet" })` };
  const world = await startBrokerWorld(jetstream, { schema });
  const { broker: { server }, router } = world;
  try {
    const sockets = [];
    for (let id = 0; id < IDLE.subscriptions; id++) {
      const body = JSON.stringify({ query: `subscription { quiet(id: ${id}) { id } }` });
      const socket = createConnection(router.port, "127.0.0.1");
      socket.write(`POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\naccept: text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      socket.on("data", () => {});
      sockets.push(socket);
    }
    await joined(router, IDLE.subscriptions);
    const look = async () => ({ ...(await server.ask("/varz")), nats: await cpuSeconds(server.pid), router: await cpuSeconds(router.process.pid) });
    const before = await look();
    await sleep(IDLE.seconds * 1_000);
    const after = await look();
    sockets.forEach((socket) => socket.destroy());
    const per = (name, factor = 1) => Math.round(((after[name] - before[name]) * factor * 100) / IDLE.seconds) / 100;
    return {
      idle_subscriptions: IDLE.subscriptions,
      nats_messages_in_per_second: per("in_msgs"),
      nats_messages_out_per_second: per("out_msgs"),
      nats_cpu_percent: per("nats", 100),
      router_cpu_percent: per("router", 100),
    };
  } finally {
    await world.stop();
  }
}

const rows = [];
for (const [name, makeBroker] of Object.entries(BROKERS)) {
  if (!only || name === only) rows.push(...(await measure(name, makeBroker)));
}
const quiet = only && only !== "idle" ? undefined : await idle();
if (quiet) say(`100 idle JetStream subscriptions: ${JSON.stringify(quiet)}`);
if (json) process.stdout.write(`${JSON.stringify({ rows, quiet }, null, 2)}\n`);
