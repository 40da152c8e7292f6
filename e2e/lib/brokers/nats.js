// NATS for the broker tests: core NATS, and JetStream on a server of the same kind.

import { connect, headers as natsHeaders, StringCodec } from "nats";
import { join } from "node:path";
import { natsServer } from "../nats-server.js";

const text = StringCodec();

/** What both have in common: one server, one client that anybody could have written. */
async function nats(name, folder) {
  const server = await natsServer({ store: join(folder, name) });
  let client;
  const broker = {
    name,
    provider: (more = {}) => ({ nats: [{ id: name, url: server.url, ...more }] }),
    server,
    start: () => server.start(),
    stop: (signal) => server.stop(signal),
    async connect() { client = await connect({ servers: server.url, reconnect: false }); },
    close: () => client?.close().catch(() => {}),
    get client() { return client; },
    place: (place) => `${name}.${place}`,
    injection: { bad: ["a.b", "*", ">", "a b"], good: "lobby" },
    encode({ headers = {} }) {
      const all = natsHeaders();
      for (const [key, value] of Object.entries(headers)) all.append(key, value);
      return { headers: all };
    },
    async publish(place, payload, more = {}) {
      client.publish(broker.place(place), payload, broker.encode(more));
      await client.flush();
    },
    /** Asked again and again, what has arrived at a place from now on, as others see it. */
    async listen(place) {
      const seen = [];
      client.subscribe(broker.place(place), {
        callback: (error, message) => {
          if (error) throw error;
          const headers = Object.fromEntries((message.headers?.keys() ?? []).map((key) => [key, message.headers.get(key)]));
          seen.push({ payload: text.decode(message.data), headers });
        },
      });
      await client.flush();
      return async () => seen;
    },
  };
  return broker;
}

export async function core(folder) {
  return Object.assign(await nats("nats", folder), {
    keeps: false,
    subscribe: (places) => `@edfs__natsSubscribe(subjects: ${list(places, "nats")}, providerId: "nats")`,
    send: (place, { headers } = {}) =>
      `@edfs__natsPublish(subject: "nats.${place}", providerId: "nats"${headers ? `, headers: ${headers}` : ""})`,
    prepare: async () => {},
  });
}

export async function jetstream(folder) {
  const broker = await nats("jetstream", folder);
  const publish = broker.publish;
  return Object.assign(broker, {
    keeps: true,
    subscribe: (places, fields = `streamName: "EMPLOYEES"`) =>
      `@edfs__natsSubscribe(subjects: ${list(places, "jetstream")}, providerId: "jetstream", streamConfiguration: { ${fields} })`,
    send: (place, { headers } = {}) =>
      `@edfs__natsPublish(subject: "jetstream.${place}", providerId: "jetstream", streamName: "EMPLOYEES"${headers ? `, headers: ${headers}` : ""})`,
    /** One stream for all places. */
    async prepare() {
      const admin = await broker.client.jetstreamManager();
      const known = await admin.streams.info("EMPLOYEES").catch(() => null);
      if (!known) await admin.streams.add({ name: "EMPLOYEES", subjects: ["jetstream.>"] });
    },
    publish: async (place, payload, more) => {
      if (more) return publish(place, payload, more);
      await broker.client.jetstream().publish(broker.place(place), payload);
    },
    admin: () => broker.client.jetstreamManager(),
  });
}

const list = (places, name) => JSON.stringify(places.map((place) => `${name}.${place}`));
