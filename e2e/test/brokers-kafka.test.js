// What only Kafka has: keys and partitions, topics that come later, offsets to begin at, and change records.

import assert from "node:assert/strict";
import { test } from "node:test";
import { kafka } from "../lib/brokers/kafka.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined, post, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const employee = (id) => JSON.stringify({ __typename: "Employee", id });
const ids = (results, field) => results.map(({ data }) => data[field].id);

test("Kafka", async (t) => {
  const headers = `[{ name: "x-name", value: "{{ args.name }}" }]`;
  const world = await startBrokerWorld(kafka, {
    schema: {
      subscriptions: `
        later: Employee! @edfs__kafkaSubscribe(topics: ["later"], providerId: "kafka")
        keyed: Employee! @edfs__kafkaSubscribe(topics: ["kafka.seen"], providerId: "kafka")
          @openfed__subscriptionFilter(condition: { IN: { fieldPath: "__event.key", values: ["k2"] } })
        ofTenant: Employee! @edfs__kafkaSubscribe(topics: ["kafka.seen"], providerId: "kafka")
          @openfed__subscriptionFilter(condition: { IN: { fieldPath: "__event.headers.x-tenant", values: ["acme"] } })`,
      mutations: `
        keyedTo(id: Int!, name: String!): edfs__PublishResult!
          @edfs__kafkaPublish(topic: "kafka.told", providerId: "kafka", key: "{{ args.id }}", headers: ${headers})
        nowhere(id: Int!): edfs__PublishResult! @edfs__kafkaPublish(topic: "nowhere", providerId: "kafka")`,
    },
  });
  t.after(() => world.stop());
  const { broker, router } = world;

  await t.test("all partitions are read, each in its order", async () => {
    const stream = ws(router).subscribe("subscription { seen { id } }");
    await joined(router, 1);
    for (let id = 1; id <= 30; id++) await broker.publish("seen", employee(id), { key: `k${id % 7}` });
    const seen = ids(await stream.first(30), "seen");
    assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: 30 }, (_, n) => n + 1));
    for (let key = 0; key < 7; key++) {
      const ofKey = seen.filter((id) => id % 7 === key);
      assert.deepEqual(ofKey, [...ofKey].sort((a, b) => a - b), `key ${key}`);
    }
    stream.leave();
    await joined(router, 0);
  });

  await t.test("filters on key and headers", async () => {
    const streams = { keyed: ws(router).subscribe("subscription { keyed { id } }"), ofTenant: ws(router).subscribe("subscription { ofTenant { id } }") };
    await joined(router, 2);
    await broker.publish("seen", employee(1), { key: "k1", headers: { "x-tenant": "other" } });
    await broker.publish("seen", employee(2), { key: "k2" });
    await broker.publish("seen", employee(3), { key: "k3", headers: { "X-Tenant": "acme" } });
    assert.deepEqual(ids(await streams.keyed.first(1), "keyed"), [2]);
    assert.deepEqual(ids(await streams.ofTenant.first(1), "ofTenant"), [3]);
    for (const stream of Object.values(streams)) stream.leave();
    await joined(router, 0);
  });

  await t.test("a published record has the key and the headers of the directive", async () => {
    const arrived = await broker.listen("told");
    await post(router, `mutation { keyedTo(id: 7, name: "Ann") { success } }`);
    await until("the record", async () => (await arrived()).length === 1);
    assert.deepEqual((await arrived())[0], { payload: `{"id":7,"name":"Ann"}`, key: "7", headers: { "x-name": "Ann" } });
  });

  await t.test("a topic that is not there: publishing says so; subscribing waits for it, and misses nothing", async () => {
    const { errors } = await post(router, "mutation { nowhere(id: 1) { success } }");
    assert.match(errors[0].message, /the event broker refused the message/);
    assert.match(router.output(), /publish failed.*`nowhere` does not exist/);
    const stream = ws(router).subscribe("subscription { later { id } }");
    await joined(router, 1);
    await until("the warning", () => /topics that do not exist.*topics="later"/.test(router.output()));
    await broker.admin.createTopics({ topics: [{ topic: "later", numPartitions: 2 }], waitForLeaders: true });
    await broker.produce({ topic: "later", messages: [{ value: employee(41), partition: 1 }] });
    assert.deepEqual(ids(await stream.first(1), "later"), [41]);
    await broker.admin.createPartitions({ topicPartitions: [{ topic: "later", count: 3 }] });
    await broker.produce({ topic: "later", messages: [{ value: employee(42), partition: 2 }] });
    assert.deepEqual(ids(await stream.first(2), "later"), [41, 42], "a partition that came later is read too");
    stream.leave();
    await joined(router, 0);
  });
});

for (const { start_position, expected } of [{ start_position: "earliest", expected: [1, 2, 3, 4] }, { start_position: 2, expected: [3, 4] }]) {
  test(`Kafka: start_position ${start_position}`, async (t) => {
    const world = await startBrokerWorld(kafka, { provider: { start_position } });
    t.after(() => world.stop());
    for (let id = 1; id <= 3; id++) await world.broker.publish("seen", employee(id));
    const stream = ws(world.router).subscribe("subscription { seen { id } }");
    await joined(world.router, 1);
    await world.broker.publish("seen", employee(4));
    assert.deepEqual(ids(await stream.first(expected.length), "seen"), expected);
  });
}

test("Debezium: the row is the event, and filters know the operation", async (t) => {
  const world = await startBrokerWorld(kafka, {
    provider: { decode: "debezium" },
    schema: {
      subscriptions: `
        gone: Employee! @edfs__kafkaSubscribe(topics: ["kafka.seen"], providerId: "kafka")
          @openfed__subscriptionFilter(condition: { IN: { fieldPath: "__event.envelope.op", values: ["d"] } })`,
    },
  });
  t.after(() => world.stop());
  const { broker, router } = world;
  const all = ws(router).subscribe("subscription { seen { id details { forename } } }");
  const gone = ws(router).subscribe("subscription { gone { id } }");
  await joined(router, 2);
  const record = (op, before, after) => ({ before, after, op, ts_ms: 1, source: { connector: "postgresql", table: "employees" } });
  await broker.publish("seen", JSON.stringify(record("c", null, { id: 1 })));
  await broker.publish("seen", JSON.stringify({ schema: { type: "struct" }, payload: record("u", { id: 2 }, { id: 2 }) }));
  await broker.publish("seen", JSON.stringify(record("d", { id: 3 }, null)));
  await broker.publish("seen", null);
  await broker.publish("seen", JSON.stringify(record("r", null, { id: 4 })));
  assert.deepEqual(ids(await all.first(4), "seen"), [1, 2, 3, 4]);
  assert.equal(all.results[0].data.seen.details.forename, "First1");
  assert.deepEqual(ids(await gone.first(1), "gone"), [3]);
  assert.equal(await router.metric("events_dropped", { reason: "tombstone" }), 1);
});
