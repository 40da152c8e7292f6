// CloudEvents over brokers of every kind: structured and binary, read and written, and what they say to filters.

import assert from "node:assert/strict";
import { test } from "node:test";
import { kafka } from "../lib/brokers/kafka.js";
import { core } from "../lib/brokers/nats.js";
import { pubsub } from "../lib/brokers/redis.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined, post, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const attributes = (type) => ({ specversion: "1.0", id: `e-${type}`, source: "/shop", type });
const BROKERS = { nats: [core, "ce-"], kafka: [kafka, "ce_"], redis: [pubsub, null] };

for (const [name, [makeBroker, prefix]] of Object.entries(BROKERS)) {
  test(`CloudEvents over ${name}`, async (t) => {
    const filter = `{ IN: { fieldPath: "__event.envelope.type", values: ["{{ args.type }}"] } }`;
    const world = await startBrokerWorld(makeBroker, {
      provider: { decode: "cloudevents" },
      schema: ({ subscribe }) => ({
        subscriptions: `moved(type: String!): Employee! ${subscribe(["seen"])} @openfed__subscriptionFilter(condition: ${filter})`,
      }),
    });
    t.after(() => world.stop());
    const { broker, router } = world;
    const all = ws(router).subscribe("subscription { seen { id details { forename } } }");
    const moved = ws(router).subscribe(`subscription { moved(type: "moved") { id } }`);
    await joined(router, 2);
    await broker.publish("seen", JSON.stringify({ ...attributes("moved"), data: { id: 1 } }));
    await broker.publish("seen", JSON.stringify({ ...attributes("hired"), data: { __typename: "Employee", id: 2 } }));
    if (prefix) {
      const headers = Object.fromEntries(Object.entries(attributes("moved")).map(([key, value]) => [prefix + key, value]));
      await broker.publish("seen", JSON.stringify({ id: 3 }), { headers });
    } else {
      await broker.publish("seen", JSON.stringify({ ...attributes("moved"), data_base64: Buffer.from(`{"id":3}`).toString("base64") }));
    }
    await broker.publish("seen", JSON.stringify({ __typename: "Employee", id: 9 }));
    const published = await broker.listen("seen");
    await post(router, "mutation { tellSeen(id: 2) { success } }");
    await until("our own event", async () => (await published()).some(({ payload }) => payload.includes('"type":"tellSeen"')));
    const ours = (await published()).find(({ payload }) => payload.includes('"type":"tellSeen"'));
    const { data, specversion, source } = JSON.parse(ours.payload);
    assert.deepEqual([data, specversion, source], [{ id: 2 }, "1.0", "/tidegate"]);
    // Any CloudEvents library tells by this header that the event is a structured one.
    if (prefix) assert.equal(ours.headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert.deepEqual((await all.first(4)).map(({ data }) => data.seen.id), [1, 2, 3, 2], "the last one is our own, wrapped as the others are");
    assert.equal(all.results[0].data.seen.details.forename, "First1");
    assert.deepEqual((await moved.first(2)).map(({ data }) => data.moved.id), [1, 3]);
    await until("the count", async () => (await router.metric("events_dropped", { reason: "not_a_cloudevent" })) === 1);
  });
}
