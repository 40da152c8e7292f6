// Redis for the broker tests: Pub/Sub and Streams, with node-redis as the client that anybody could have written.

import { join } from "node:path";
import { createClient } from "redis";
import { redisServer } from "../redis-server.js";

async function redis(name, folder) {
  const server = await redisServer(join(folder, name));
  const open = [];
  const use = async () => {
    const client = createClient({ url: server.url, socket: { reconnectStrategy: false } });
    client.on("error", () => {});
    open.push(await client.connect());
    return client;
  };
  let client;
  const broker = {
    name,
    // Database 2, as the peer's own example has it: Pub/Sub knows no databases, Streams do.
    provider: (more = {}) => ({ redis: [{ id: name, urls: [`${server.url}/2`], ...more }] }),
    server,
    start: () => server.start(),
    stop: (signal) => server.stop(signal),
    async connect() {
      client = await use();
      await client.select(2);
    },
    async close() {
      for (const one of open.splice(0)) await one.destroy();
    },
    get client() { return client; },
    use,
    place: (place) => `${name}.${place}`,
    injection: { bad: ["*", "a?", "[a]", "a b"], good: "lobby" },
    prepare: async () => {},
  };
  return broker;
}

export async function pubsub(folder) {
  const broker = await redis("redis", folder);
  return Object.assign(broker, {
    keeps: false,
    subscribe: (places) =>
      `@edfs__redisSubscribe(channels: ${JSON.stringify(places.map((place) => `redis.${place}`))}, providerId: "redis")`,
    send: (place) => `@edfs__redisPublish(channel: "redis.${place}", providerId: "redis")`,
    publish: (place, payload) => broker.client.publish(broker.place(place), payload),
    async listen(place) {
      const seen = [];
      const listener = await broker.use();
      await listener.subscribe(broker.place(place), (payload) => seen.push({ payload, headers: {} }));
      return async () => seen;
    },
  });
}

export async function streams(folder) {
  const broker = await redis("redis-streams", folder);
  const at = (place) => `redis-streams.${place}`;
  return Object.assign(broker, {
    keeps: true,
    subscribe: (places) => `@edfs__redisStreamSubscribe(streams: ${JSON.stringify(places.map(at))}, providerId: "redis-streams")`,
    send: (place) => `@edfs__redisStreamPublish(stream: "${at(place)}", providerId: "redis-streams")`,
    publish: (place, payload) => broker.client.xAdd(at(place), "*", { data: payload }),
    // A stream keeps what was added: reading it is listening.
    listen: async (place) => async () =>
      (await broker.client.xRange(at(place), "-", "+")).map(({ message }) => ({ payload: message.data, headers: {} })),
  });
}
