// A real nats-server of our own on loopback, with its monitor: what the broker itself says about subscriptions.

import { start } from "./process.js";
import { freePort } from "./ports.js";
import { until } from "./wait.js";

const PROGRAM = process.env.TIDEGATE_TEST_NATS_SERVER ?? "nats-server";

/** A port is kept over stops and starts, so that clients can come back. `store`: a folder for JetStream. */
export async function natsServer({ store } = {}) {
  const port = await freePort();
  const monitorPort = await freePort();
  const monitor = `http://127.0.0.1:${monitorPort}`;
  let running;
  const ask = async (path) => (await fetch(monitor + path)).json();
  const server = {
    url: `nats://127.0.0.1:${port}`,
    async start() {
      const jetstream = store ? ["-js", "-sd", store] : [];
      running = start(PROGRAM, ["-a", "127.0.0.1", "-p", String(port), "--http_port", String(monitorPort), ...jetstream]);
      await until(`nats-server on ${port}`, async () => {
        running.check();
        return (await ask("/healthz")).status === "ok";
      });
    },
    stop: (signal = "SIGTERM") => running?.stop(signal),
    get pid() { return running.pid; },
    /** Every subject that any client is subscribed to, one entry a subscription. */
    async subjects() {
      const { connections } = await ask("/connz?subs=1&limit=4096");
      return connections.flatMap((connection) => connection.subscriptions_list ?? []);
    },
    /** How many broker subscriptions an exact subject has. */
    async subscriptions(subject) {
      return (await server.subjects()).filter((known) => known === subject).length;
    },
    ask,
  };
  return server;
}
