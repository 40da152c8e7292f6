// What only NATS has: requests and replies, headers, and JetStream's streams and consumers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { core, jetstream } from "../lib/brokers/nats.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined, post, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const employee = (id) => JSON.stringify({ __typename: "Employee", id });
const ids = (stream, field) => stream.results.map(({ data }) => data[field].id);

test("requests and replies", async (t) => {
  const ask = (field, subject, type = "Employee!") =>
    `${field}(id: Int!): ${type} @edfs__natsRequest(subject: "${subject}.{{ args.id }}", providerId: "nats"
       headers: [{ name: "x-id", value: "{{ args.id }}" }])`;
  const world = await startBrokerWorld(core, {
    provider: { request_timeout: "1s" },
    schema: {
      queries: `${ask("asked", "ask")} ${ask("pet", "pet", "PetEvent")}
        askedOld(id: Int!): Employee! @eventsRequest(topic: "ask.{{ args.id }}", sourceID: "nats")`,
      mutations: `${ask("change", "change", "edfs__PublishResult!")}
        tellOld(id: Int!): edfs__PublishResult! @eventsPublish(topic: "nats.old", sourceID: "nats")`,
      subscriptions: `old: Employee! @eventsSubscribe(topic: "nats.old", sourceID: "nats")`,
    },
  });
  t.after(() => world.stop());
  const { broker, router } = world;
  const requests = [];
  const answer = (subject, reply) => broker.client.subscribe(subject, {
    callback: (_, message) => {
      requests.push({ subject: message.subject, payload: message.string(), header: message.headers?.get("x-id") });
      if (reply !== undefined) message.respond(typeof reply === "function" ? reply(message) : reply);
    },
  });
  for (const id of [1, 2]) answer(`ask.${id}`, (message) => employee(Number(message.subject.split(".")[1])));
  answer("pet.1", JSON.stringify({ __typename: "PetCame", id: "1", tag: "t" }));
  answer("pet.2", "no JSON");
  answer("pet.3");
  answer("pet.5", JSON.stringify({ __typename: "Ghost", id: "1" }));
  answer("ask.9", JSON.stringify({ __typename: "PetCame", id: 9 }));
  answer("change.*", JSON.stringify({ success: true }));
  await broker.client.flush();

  await t.test("the reply is the field's value, and other subgraphs give the rest", async () => {
    const { data } = await post(router, "{ a: asked(id: 1) { id details { forename } } b: asked(id: 2) { __typename id } }");
    assert.deepEqual(data, { a: { id: 1, details: { forename: "First1" } }, b: { __typename: "Employee", id: 2 } });
    const [first] = requests.filter(({ subject }) => subject === "ask.1");
    assert.deepEqual(first, { subject: "ask.1", payload: `{"id":1}`, header: "1" });
  });
  await t.test("the older words, events…, for all three", async () => {
    const stream = ws(router).subscribe("subscription { old { id } }");
    await joined(router, 1);
    assert.deepEqual((await post(router, "mutation { tellOld(id: 6) { success } }")).data, { tellOld: { success: true } });
    assert.deepEqual(await stream.first(1), [{ data: { old: { id: 6 } } }]);
    assert.deepEqual((await post(router, "{ askedOld(id: 2) { id } }")).data, { askedOld: { id: 2 } });
    stream.leave();
    await joined(router, 0);
  });
  await t.test("a union by its __typename", async () => {
    const { data } = await post(router, "{ pet(id: 1) { __typename ... on PetCame { tag } } }");
    assert.deepEqual(data, { pet: { __typename: "PetCame", tag: "t" } });
  });
  await t.test("a mutation that asks", async () => {
    assert.deepEqual((await post(router, "mutation { change(id: 4) { success } }")).data, { change: { success: true } });
  });
  const failures = [
    { what: "nobody answers in time", id: 3, message: /nobody answered the request in time/ },
    { what: "nobody is there", id: 4, message: /nobody is there to answer/ },
    { what: "the answer is no JSON", id: 2, message: /the answer to the request is not JSON/ },
    { what: "the answer is of a type that nobody knows", id: 5, message: /of no type that the field can return/ },
  ];
  for (const { what, id, message } of failures) {
    await t.test(`${what}: an error at the field that says so`, async () => {
      const { data, errors } = await post(router, `{ pet(id: ${id}) { __typename } }`);
      assert.deepEqual(data, { pet: null });
      assert.match(errors[0].message, message);
      assert.deepEqual([errors[0].path, errors[0].extensions.code], [["pet"], "DOWNSTREAM_SERVICE_ERROR"]);
    });
  }
  await t.test("an answer of another type than the field's is no answer, and is told to the operator", async () => {
    const { data, errors } = await post(router, "{ asked(id: 9) { id details { forename } } }");
    assert.equal(data, null);
    assert.match(errors[0].message, /of no type that the field can return/);
    assert.match(router.output(), /bad answer.*`__typename` is `PetCame`, which the field cannot return/);
    assert.equal(await router.metric("requests", { outcome: "bad_answer" }), 3);
  });
  await t.test("the broker is away: an error, at once", async () => {
    await broker.close();
    await broker.stop("SIGKILL");
    const { errors } = await post(router, "{ pet(id: 1) { __typename } }");
    assert.match(errors[0].message, /the event broker is unavailable/);
  });
});

test("headers go along with what is published, from arguments", async (t) => {
  const headers = `[{ name: "x-name", value: "{{ args.name }}" }, { name: "x-fixed", value: "1" }]`;
  const world = await startBrokerWorld(core, {
    schema: { mutations: `named(name: String!): edfs__PublishResult! @edfs__natsPublish(subject: "nats.named", providerId: "nats", headers: ${headers})` },
  });
  t.after(() => world.stop());
  const arrived = await world.broker.listen("named");
  assert.equal((await post(world.router, `mutation { named(name: "Ann") { success } }`)).data.named.success, true);
  await until("the message", async () => (await arrived()).length === 1);
  assert.deepEqual((await arrived())[0], { payload: `{"name":"Ann"}`, headers: { "x-name": "Ann", "x-fixed": "1" } });
  const refused = await post(world.router, { query: "mutation($name: String!) { named(name: $name) { success } }", variables: { name: "a\r\nb: c" } });
  assert.match(refused.errors[0].message, /`name` may not contain control characters/);
  assert.equal((await arrived()).length, 1);
});

/** A world whose fields read one JetStream stream in several ways. */
const stored = (options = {}) => startBrokerWorld(jetstream, {
  ...options,
  schema: {
    subscriptions: `
      resumed: Employee! @edfs__natsSubscribe(subjects: ["jetstream.kept"], providerId: "jetstream",
        streamConfiguration: { streamName: "EMPLOYEES", consumerName: "resumed", consumerInactiveThreshold: 300 })
      missing: Employee! @edfs__natsSubscribe(subjects: ["jetstream.kept"], providerId: "jetstream",
        streamConfiguration: { streamName: "NOWHERE", consumerName: "c" })
      fresh: Employee! @edfs__natsSubscribe(subjects: ["jetstream.kept"], providerId: "jetstream",
        streamConfiguration: { streamName: "EMPLOYEES" })`,
    mutations: `
      lost(id: Int!): edfs__PublishResult! @edfs__natsPublish(subject: "elsewhere", providerId: "jetstream", streamName: "EMPLOYEES")`,
  },
});
const consumers = async (broker) => (await (await broker.admin()).consumers.list("EMPLOYEES").next()).map(({ config }) => config);
const durables = async (broker) => (await consumers(broker)).filter(({ durable_name }) => durable_name);

test("JetStream", async (t) => {
  const world = await stored();
  t.after(() => world.stop());
  const { broker } = world;

  await t.test("nobody is sent what was in the stream before", async () => {
    for (let id = 1; id <= 50; id++) await broker.publish("kept", employee(id));
    const streams = ["resumed", "fresh"].map((field) => ws(world.router).subscribe(`subscription { ${field} { id } }`));
    await joined(world.router, 2);
    await broker.publish("kept", employee(51));
    assert.deepEqual(ids({ results: await streams[0].first(1) }, "resumed"), [51]);
    assert.deepEqual(ids({ results: await streams[1].first(1) }, "fresh"), [51]);
    for (const stream of streams) stream.leave();
    await until("no trigger", async () => (await world.router.metric("triggers_active")) === 0);
  });

  await t.test("a named consumer resumes after its subscribers, and after the router, were away", async () => {
    await broker.publish("kept", employee(52));
    const again = ws(world.router).subscribe("subscription { resumed { id } }");
    assert.deepEqual(ids({ results: await again.first(1) }, "resumed"), [52]);
    await until("the ack", async () => {
      const [{ durable_name }] = await durables(broker);
      return (await (await broker.admin()).consumers.info("EMPLOYEES", durable_name)).num_ack_pending === 0;
    });
    await world.router.stop();
    assert.equal((await durables(broker)).length, 1, "a stop keeps the consumer");
    await broker.publish("kept", employee(53));
    await world.serve();
    await world.ready();
    const after = ws(world.router).subscribe("subscription { resumed { id } }");
    assert.deepEqual(ids({ results: await after.first(1) }, "resumed"), [53]);
    after.leave();
    await joined(world.router, 0);
  });

  await t.test("a stream that is not there is told, once, and to the client", async () => {
    const refused = ws(world.router).subscribe("subscription { missing { id } }");
    assert.match((await refused.refusal())[0].message, /the event broker refused the subscription/);
    const lines = world.router.output().split("\n").filter((line) => line.includes("NOWHERE"));
    assert.equal(lines.length, 1, lines.join("\n"));
  });

  await t.test("success is the stream's word: a subject that no stream takes fails, with a reason", async () => {
    const { errors } = await post(world.router, "mutation { lost(id: 1) { success } }");
    assert.match(errors[0].message, /no stream of the event broker takes this subject|refused the message/);
  });
});

test("JetStream: `start_position: earliest` asks for the whole stream; consumers go when they are asked to", async (t) => {
  const world = await stored({ provider: { start_position: "earliest", experiment_delete_durable_consumers_on_shutdown: true } });
  t.after(() => world.stop());
  const { broker, router } = world;
  for (let id = 1; id <= 3; id++) await broker.publish("kept", employee(id));
  for (const field of ["fresh", "resumed"]) {
    const stream = ws(router).subscribe(`subscription { ${field} { id } }`);
    assert.deepEqual(ids({ results: await stream.first(3) }, field), [1, 2, 3]);
  }
  assert.equal((await durables(broker)).length, 1);
  await router.stop();
  assert.equal((await durables(broker)).length, 0);
});
