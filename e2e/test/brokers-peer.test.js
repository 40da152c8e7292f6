// A team that comes from the peer: its events schema with every directive declared, and its `events:` block, as they are,
// in front of all its brokers at once.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { connect } from "nats";
import { kafka as makeKafka } from "../lib/brokers/kafka.js";
import { jetstream as makeNats } from "../lib/brokers/nats.js";
import { pubsub as makeRedis } from "../lib/brokers/redis.js";
import { joined, post, ws } from "../lib/clients.js";
import { compose, folder, serve } from "../lib/router.js";
import { subgraph } from "../lib/subgraph.js";
import { until } from "../lib/wait.js";

const employee = (id) => JSON.stringify({ __typename: "Employee", id });

test("the peer's own schema and `events` block, as they are", async (t) => {
  const place = await folder();
  t.after(() => place.remove());
  const brokers = {};
  for (const [name, make] of Object.entries({ nats: makeNats, kafka: makeKafka, redis: makeRedis })) {
    const broker = (brokers[name] = await make(place.path));
    await broker.start();
    t.after(() => broker.stop());
    await broker.connect();
    t.after(() => broker.close());
  }
  const { nats, kafka, redis } = brokers;
  const topics = ["employeeUpdated", "employeeUpdatedTwo"].map((topic) => ({ topic, numPartitions: 2 }));
  await kafka.admin.createTopics({ topics, waitForLeaders: true });
  await (await nats.admin()).streams.add({ name: "streamName", subjects: ["employeeStored.>"] });
  const employees = await subgraph("employees", ({ id }) => ({ details: { forename: `First${id}`, surname: `Last${id}` } }));
  t.after(() => employees.stop());
  const supergraph = await compose(place.path, [employees], { events: resolve(import.meta.dirname, "../schema/peer.graphql") });
  const router = await serve(place.path, supergraph, {
    events: {
      skip_unavailable_providers: true,
      handlers: {
        on_receive_events: { max_concurrent_handlers: 100, handler_timeout: "5s" },
        before_events_dispatch: { handler_timeout: "5s" },
      },
      providers: {
        nats: [
          { id: "default", url: nats.server.url },
          { id: "my-nats", url: nats.server.url, experiment_delete_durable_consumers_on_shutdown: true },
        ],
        kafka: [{ id: "my-kafka", brokers: [kafka.server.address], fetch_max_wait: "10s" }],
        redis: [{ id: "my-redis", urls: [`${redis.server.url}/2`], cluster_enabled: false }],
      },
    },
  });
  t.after(() => router.stop().catch(() => {}));
  await until("every provider up", () => router.connected());
  const client = await connect({ servers: nats.server.url });
  t.after(() => client.close());

  const live = {
    employeeUpdated: ["(employeeID: 3)", () => client.publish("employeeUpdated.3", employee(3))],
    employeeUpdatedMyNats: ["(id: 4)", () => client.publish("employeeUpdatedMyNatsTwo.4", employee(4))],
    employeeUpdatedNatsStream: ["(id: 5)", () => client.jetstream().publish("employeeStored.5", employee(5))],
    employeeUpdatedMyKafka: ["(employeeID: 6)", () => kafka.produce({ topic: "employeeUpdatedTwo", messages: [{ value: employee(6) }] })],
    employeeUpdates: ["", () => redis.client.publish("employeeUpdatedMyRedis", employee(7))],
    filteredWithNestedList: ["(input: { ids: [8] })", () => kafka.produce({ topic: "employeeUpdated", messages: [{ value: employee(9), partition: 0 }, { value: employee(8), partition: 0 }] })],
  };
  const expected = { employeeUpdated: 3, employeeUpdatedMyNats: 4, employeeUpdatedNatsStream: 5, employeeUpdatedMyKafka: 6, employeeUpdates: 7, filteredWithNestedList: 8 };
  for (const [field, [args, publish]] of Object.entries(live)) {
    await t.test(field, async () => {
      const stream = ws(router).subscribe(`subscription { ${field}${args} { id details { forename } } }`);
      await joined(router, 1);
      await publish();
      const id = expected[field];
      assert.deepEqual(await stream.first(1), [{ data: { [field]: { id, details: { forename: `First${id}` } } } }]);
      stream.leave();
      await joined(router, 0);
    });
  }

  const update = `update: { name: "Ann", email: "a@b" }`;
  const json = (key, id) => `{"${key}":${id},"update":{"name":"Ann","email":"a@b"}}`;
  await t.test("mutations", async () => {
    const inNats = [];
    client.subscribe("employeeUpdatedMyNats.3", { callback: (_, message) => inNats.push(message.string()) });
    await client.flush();
    const inRedis = [];
    await (await redis.use()).subscribe("employeeUpdatedMyRedis", (message) => inRedis.push(message));
    const { data } = await post(router, `mutation {
      a: updateEmployeeMyNats(id: 3, ${update}) { success } b: updateEmployeeMyRedis(id: 4, ${update}) { success }
      c: updateEmployeeMyKafka(employeeID: 5, ${update}) { success } }`);
    assert.deepEqual(data, { a: { success: true }, b: { success: true }, c: { success: true } });
    await until("both", () => inNats.length && inRedis.length);
    assert.deepEqual([inNats, inRedis], [[json("id", 3)], [json("id", 4)]]);
  });

  await t.test("requests", async () => {
    for (const subject of ["getEmployee.*", "getEmployeeMyNats.*"]) {
      client.subscribe(subject, { callback: (_, message) => message.respond(employee(Number(message.subject.split(".")[1]))) });
    }
    await client.flush();
    const { data } = await post(router, "{ employeeFromEvent(id: 1) { id details { forename } } employeeFromEventMyNats(employeeID: 2) { id } }");
    assert.deepEqual(data, { employeeFromEvent: { id: 1, details: { forename: "First1" } }, employeeFromEventMyNats: { id: 2 } });
  });
});
