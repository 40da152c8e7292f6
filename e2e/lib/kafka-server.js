// A real Apache Kafka of our own on loopback: one KRaft node, started from its jars.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, start } from "./process.js";
import { freePort } from "./ports.js";
import { until } from "./wait.js";

const JARS = process.env.TIDEGATE_TEST_KAFKA_JARS;
const FAST = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m"];

/** A port and the data are kept over stops and starts. */
export async function kafkaServer(folder) {
  if (!JARS) throw new Error("TIDEGATE_TEST_KAFKA_JARS names no folder of Kafka's jars: run `bash scripts/test --only e2e`");
  const [port, controllerPort] = [await freePort(), await freePort()];
  const [settings, data] = [join(folder, "server.properties"), join(folder, "data")];
  const java = (main, ...args) => [...FAST, "-cp", `${JARS}/*`, main, ...args];
  let running;
  await mkdir(folder, { recursive: true });
  await writeFile(settings, Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "auto.create.topics.enable": false,
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
  }).map(([key, value]) => `${key}=${value}\n`).join(""));
  return {
    address: `127.0.0.1:${port}`,
    async start() {
      if (!(await readdir(data).catch(() => [])).includes("meta.properties")) {
        const format = java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", settings);
        const formatted = await run("java", format);
        if (formatted.code !== 0) throw new Error(`Kafka's storage cannot be made: ${formatted.stderr}${formatted.stdout}`);
      }
      running = start("java", java("kafka.Kafka", settings));
      await until(`Kafka on ${port}`, () => {
        running.check();
        return (running.stdout + running.stderr).includes("Kafka Server started");
      });
    },
    stop: (signal = "SIGTERM") => running?.stop(signal),
    get pid() { return running.pid; },
  };
}
