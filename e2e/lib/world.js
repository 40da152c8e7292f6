// Everything the employees example needs, started and stopped together: broker, two subgraphs, supergraph, router.

import { connect } from "nats";
import { natsServer } from "./nats-server.js";
import { compose, folder, providers, serve } from "./router.js";
import { subgraph } from "./subgraph.js";
import { until } from "./wait.js";

/** Options: `config` for the router, `provider` nats or memory, `broker: false` to leave nats-server stopped. */
export async function startWorld({ config = {}, provider = "nats", broker = true, args = [] } = {}) {
  const closing = [];
  const world = {
    /** Any NATS client will do; this is the npm one. */
    async connect() {
      world.client = await connect({ servers: world.nats.url, reconnect: false });
    },
    /** Publishes JSON (or a string as it is) and returns once the broker has it. */
    async publish(subject, payload) {
      world.client.publish(subject, typeof payload === "string" ? payload : JSON.stringify(payload));
      await world.client.flush();
    },
    /** Whatever was started last is stopped first. */
    async stop() {
      for (const close of closing.reverse()) await close();
    },
  };
  try {
    const place = await folder();
    closing.push(() => place.remove());
    world.folder = place.path;
    if (provider === "nats") {
      world.nats = await natsServer();
      if (broker) await world.nats.start();
      closing.push(() => world.nats.stop());
    }
    world.employees = await subgraph("employees", ({ id }) => ({ details: { forename: `First${id}`, surname: `Last${id}` } }), {
      employees: () => [1, 2, 3].map((id) => ({ id, details: { forename: `First${id}`, surname: `Last${id}` } })),
    });
    closing.push(() => world.employees.stop());
    world.availability = await subgraph("availability", ({ __typename, id }) =>
      __typename === "Employee" ? { isAvailable: id % 2 === 1 } : { name: `${__typename} ${id}` });
    closing.push(() => world.availability.stop());
    world.supergraph = await compose(world.folder, [world.employees, world.availability]);
    const events = provider === "nats" ? providers.nats(world.nats.url) : providers.memory();
    // A short linger, since tests wait for it to pass.
    const defaults = { events, subscriptions: { enabled: true, linger: "200ms" } };
    world.router = await serve(world.folder, world.supergraph, { ...defaults, ...config }, args);
    closing.push(() => world.router.stop().catch(() => {}));
    if (provider !== "nats" || broker) {
      await until("every provider up", () => world.router.connected());
    }
    if (provider === "nats" && broker) {
      await world.connect();
      closing.push(() => world.client.close().catch(() => {}));
    }
    return world;
  } catch (error) {
    await world.stop().catch(() => {});
    throw error;
  }
}
