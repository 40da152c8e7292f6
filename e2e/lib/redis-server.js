// A real redis-server of our own on loopback; what it keeps survives a restart.

import { mkdir } from "node:fs/promises";
import { createConnection } from "node:net";
import { start } from "./process.js";
import { freePort } from "./ports.js";
import { until } from "./wait.js";

const PROGRAM = process.env.TIDEGATE_TEST_REDIS_SERVER ?? "redis-server";

/** A port and the data are kept over stops and starts. */
export async function redisServer(folder) {
  const port = await freePort();
  let running;
  await mkdir(folder, { recursive: true });
  const answers = () => new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (data) => { socket.destroy(); resolve(data.toString().startsWith("+PONG")); });
    socket.once("error", () => resolve(false));
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const options = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"];
      running = start(PROGRAM, options.map(String));
      await until(`redis-server on ${port}`, () => {
        running.check();
        return answers();
      });
    },
    stop: (signal = "SIGTERM") => running?.stop(signal),
    get pid() { return running.pid; },
  };
}
