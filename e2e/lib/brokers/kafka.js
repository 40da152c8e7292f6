// Kafka for the broker tests, with kafkajs as the client that anybody could have written.

import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { kafkaServer } from "../kafka-server.js";
import { until } from "../wait.js";

export async function kafka(folder) {
  const server = await kafkaServer(join(folder, "kafka"));
  const open = [];
  let client, admin, producer;
  const use = async (peer) => {
    await peer.connect();
    open.push(peer);
    return peer;
  };
  const broker = {
    name: "kafka",
    keeps: true,
    provider: (more = {}) => ({ kafka: [{ id: "kafka", brokers: [server.address], ...more }] }),
    server,
    start: () => server.start(),
    stop: (signal) => server.stop(signal),
    async connect() {
      client = new Kafka({ brokers: [server.address], logLevel: logLevel.NOTHING });
      admin = await use(client.admin());
      producer = await use(client.producer());
    },
    async close() {
      for (const peer of open.splice(0)) await peer.disconnect().catch(() => {});
    },
    get admin() { return admin; },
    place: (place) => `kafka.${place}`,
    injection: { bad: ["a.b", "*", "a/b", "a b"], good: "lobby" },
    subscribe: (places) =>
      `@edfs__kafkaSubscribe(topics: ${JSON.stringify(places.map((place) => `kafka.${place}`))}, providerId: "kafka")`,
    send: (place, { headers, key } = {}) =>
      `@edfs__kafkaPublish(topic: "kafka.${place}", providerId: "kafka"${key ? `, key: "${key}"` : ""}${headers ? `, headers: ${headers}` : ""})`,
    async prepare(places) {
      const topics = places.map((place) => ({ topic: broker.place(place), numPartitions: 3 }));
      const known = await admin.listTopics();
      await admin.createTopics({ topics: topics.filter(({ topic }) => !known.includes(topic)), waitForLeaders: true });
    },
    /** Without a key every message goes to one partition, so that they have one order. */
    async publish(place, payload, { key, headers } = {}) {
      const message = { key, headers, value: payload, ...(key === undefined ? { partition: 0 } : {}) };
      await producer.send({ topic: broker.place(place), messages: [message] });
    },
    /** By a producer of its own: one that knows a topic already does not see its new partitions, and says nothing. */
    async produce(record) {
      const fresh = client.producer();
      await fresh.connect();
      await fresh.send(record);
      await fresh.disconnect();
    },
    async publishMany(place, payloads) {
      const messages = payloads.map((value) => ({ value, partition: 0 }));
      await producer.send({ topic: broker.place(place), messages });
    },
    async listen(place) {
      const seen = [];
      const consumer = await use(client.consumer({ groupId: `listener-${process.pid}-${Date.now()}` }));
      let joined = false;
      consumer.on(consumer.events.GROUP_JOIN, () => { joined = true; });
      await consumer.subscribe({ topic: broker.place(place), fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          const headers = Object.entries(message.headers ?? {}).map(([key, value]) => [key, value.toString()]);
          seen.push({ payload: message.value.toString(), key: message.key?.toString(), headers: Object.fromEntries(headers) });
        },
      });
      await until("the listening consumer", () => joined);
      return async () => seen;
    },
  };
  return broker;
}
