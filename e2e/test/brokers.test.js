// What must hold for every broker alike: one table of brokers, one list of tests. What only one of them has is in its own
// file beside this one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { kafka } from "../lib/brokers/kafka.js";
import { memory } from "../lib/brokers/memory.js";
import { core, jetstream } from "../lib/brokers/nats.js";
import { pubsub, streams } from "../lib/brokers/redis.js";
import { startBrokerWorld } from "../lib/brokers/world.js";
import { joined, post, sse, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";

const BROKERS = { memory, nats: core, jetstream, kafka, redis: pubsub, "redis streams": streams };
const SEEN = "subscription { seen { id details { forename } } }";
const seen = (id) => ({ data: { seen: { id, details: { forename: `First${id}` } } } });
const employee = (id) => JSON.stringify({ __typename: "Employee", id });
const ids = (results, field) => results.map(({ data }) => data[field].id);

for (const [name, makeBroker] of Object.entries(BROKERS)) {
  test(name, async (t) => {
    const world = await startBrokerWorld(makeBroker);
    t.after(() => world.stop());
    const { broker, router } = world;
    const publish = (place, payload) => broker.publish(place, typeof payload === "string" ? payload : JSON.stringify(payload));
    const leave = async (...streams) => {
      for (const stream of streams) stream.leave();
      await joined(router, 0);
    };

    await t.test("an event reaches WebSocket and SSE, its other fields from a subgraph, asked once", async () => {
      const streams = [ws(router).subscribe(SEEN), ws(router).subscribe(SEEN), sse(router).subscribe(SEEN)];
      await joined(router, 3);
      const before = world.employees.entityRequests;
      await publish("seen", employee(1));
      for (const stream of streams) assert.deepEqual(await stream.first(1), [seen(1)]);
      assert.equal(world.employees.entityRequests - before, 1, "three equal subscribers, one question");
      await leave(...streams);
    });

    await t.test("same places, other field: one subscription at the broker; other places, two; other headers, the same", async () => {
      const streams = ["seen", "seenToo", "either"].map((field) => ws(router).subscribe(`subscription { ${field} { id } }`));
      for (const caller of ["a", "b"]) streams.push(sse(router, { "x-caller": caller }).subscribe("subscription { seen { id } }"));
      await joined(router, 5);
      assert.equal(await router.metric("triggers_active"), 2);
      await publish("seen", employee(3));
      await publish("seenElsewhere", employee(4));
      assert.deepEqual(ids(await streams[0].first(1), "seen"), [3]);
      assert.deepEqual(ids(await streams[1].first(1), "seenToo"), [3]);
      assert.deepEqual(ids(await streams[2].first(2), "either").sort(), [3, 4]);
      for (const stream of streams.slice(3)) assert.deepEqual(ids(await stream.first(1), "seen"), [3]);
      await leave(...streams);
      await until("no trigger", async () => (await router.metric("triggers_active")) === 0);
    });

    await t.test("a burst arrives whole and in order", async () => {
      const all = Array.from({ length: 1_000 }, (_, n) => n + 1);
      const plain = ws(router).subscribe("subscription { seen { id } }");
      await joined(router, 1);
      const payloads = all.map(employee);
      if (broker.publishMany) await broker.publishMany("seen", payloads);
      else for (const payload of payloads) await publish("seen", payload);
      assert.deepEqual(ids(await plain.first(1_000), "seen"), all);
      await leave(plain);
    });

    await t.test("what is no event is counted and hurts nobody; what lacks a key is an error for who asked", async () => {
      const stream = ws(router).subscribe("subscription { seen { id } }");
      await joined(router, 1);
      const before = await router.metric("events_dropped", { provider: broker.name });
      const bad = ["{", "[]", JSON.stringify({ __typename: "Ghost", id: 1 })];
      for (const payload of bad) await publish("seen", payload);
      await publish("seen", { __typename: "Employee" });
      await publish("seen", employee(5));
      const [failed, fine] = await stream.first(2);
      assert.deepEqual([failed.data, failed.errors[0].path], [null, ["seen", "id"]]);
      assert.deepEqual(fine, { data: { seen: { id: 5 } } });
      assert.equal((await router.metric("events_dropped", { provider: broker.name })) - before, bad.length + 1);
      assert.equal(stream.done, false);
      await leave(stream);
    });

    await t.test("filters: lists, nested lists, NOT, and nothing that matches", async () => {
      const of = ws(router).subscribe("subscription($a: [ID!]!, $b: [ID!]!) { seenOf(first: $a, second: $b) { id } }", { a: ["2"], b: ["4", "5"] });
      const nested = ws(router).subscribe("subscription($input: Ids!) { seenNested(input: $input) { id } }", { input: { ids: [3, 5] } });
      const not = ws(router).subscribe("subscription { seenNot { id } }");
      const none = ws(router).subscribe(`subscription { seenOf(first: ["77"], second: []) { id } }`);
      const every = ws(router).subscribe("subscription { seen { id } }");
      await joined(router, 5);
      for (let id = 1; id <= 6; id++) await publish("seen", employee(id));
      await every.first(6);
      assert.deepEqual(ids(await of.first(3), "seenOf"), [2, 4, 5]);
      assert.deepEqual(ids(await nested.first(3), "seenNested"), [1, 3, 5]);
      assert.deepEqual(ids(await not.first(4), "seenNot"), [1, 3, 4, 5]);
      assert.deepEqual([of, nested, not, none].map((stream) => stream.results.length), [3, 3, 4, 0]);
      await leave(of, nested, not, none, every);
    });

    await t.test("a union and an interface, filtered; a type that is no member of it", async () => {
      const fields = "{ __typename ... on PetCame { id } ... on PetWent { tag } }";
      const union = ws(router).subscribe(`subscription($tag: String!) { petHappened(tag: $tag) ${fields} }`, { tag: "x" });
      const face = ws(router).subscribe(`subscription { petMoved(tag: "x") { __typename id } }`);
      // The filter's field is `@inaccessible`: no client can ask for it.
      const hidden = ws(router).subscribe(`subscription { petHidden(place: "attic") ${fields} }`);
      await joined(router, 3);
      for (const place of ["pets", "moves"]) {
        await publish(place, { __typename: "Employee", id: 1, tag: "x" });
        await publish(place, { id: 1, tag: "x" });
        const [first, second] = place === "pets" ? ["PetCame", "PetWent"] : ["Cat", "Dog"];
        await publish(place, { __typename: first, id: "1", tag: "x" });
        await publish(place, { __typename: first, id: "2", tag: "other" });
        await publish(place, { __typename: second, id: "3", tag: "x", place: "attic" });
      }
      assert.deepEqual((await union.first(2)).map(({ data }) => data.petHappened), [
        { __typename: "PetCame", id: "1" }, { __typename: "PetWent", tag: "x" }]);
      assert.deepEqual((await face.first(2)).map(({ data }) => data.petMoved), [
        { __typename: "Cat", id: "1" }, { __typename: "Dog", id: "3" }]);
      assert.deepEqual((await hidden.first(1)).map(({ data }) => data.petHidden), [{ __typename: "PetWent", tag: "x" }]);
      const asked = await post(router, `{ __type(name: "PetWent") { fields { name } } }`);
      assert.deepEqual(asked.data.__type.fields.map(({ name }) => name), ["id", "tag"]);
      await leave(union, face, hidden);
    });

    await t.test("a list in a place is one place for each item; an empty one is the client's error", async () => {
      const two = ws(router).subscribe("subscription { places(ids: [1, 3]) { id } }");
      await joined(router, 1);
      for (const id of [2, 1, 3]) await publish(`place.${id}`, employee(id));
      assert.deepEqual(ids(await two.first(2), "places").sort(), [1, 3]);
      assert.equal(two.results.length, 2);
      const none = ws(router).subscribe("subscription { places(ids: []) { id } }");
      assert.match((await none.refusal())[0].message, /`ids` is empty/);
      await leave(two);
    });

    await t.test("an argument can name one place and no other", async () => {
      for (const room of broker.injection.bad) {
        const refused = ws(router).subscribe("subscription($room: String!) { room(room: $room) { id } }", { room });
        assert.match((await refused.refusal())[0].message, /`room` may not/, room);
        const told = await post(router, { query: "mutation($room: String!) { tellRoom(room: $room) { success } }", variables: { room } });
        assert.match(told.errors[0].message, /`room` may not/, room);
      }
      const stream = ws(router).subscribe("subscription($room: String!) { room(room: $room) { id } }", { room: broker.injection.good });
      await joined(router, 1);
      await publish(`room.${broker.injection.good}`, employee(8));
      assert.deepEqual(ids(await stream.first(1), "room"), [8]);
      await leave(stream);
    });

    await t.test("a mutation publishes the JSON of all its arguments and says who confirmed", async () => {
      const arrived = await broker.listen?.("told");
      const mutation = `mutation { tell(employeeID: 3, update: { name: "Ann", tags: ["a"] }) { __typename success } }`;
      assert.deepEqual((await post(router, mutation)).data, { tell: { __typename: "edfs__PublishResult", success: true } });
      if (!arrived) return;
      await until("the message", async () => (await arrived()).length === 1);
      assert.equal((await arrived())[0].payload, `{"employeeID":3,"update":{"name":"Ann","tags":["a"]}}`);
      const inRoom = await broker.listen("room.lobby");
      assert.equal((await post(router, `mutation { tellRoom(room: "lobby") { success } }`)).data.tellRoom.success, true);
      await until("the message of the room", async () => (await inRoom()).some(({ payload }) => payload === `{"room":"lobby"}`));
      const stream = ws(router).subscribe("subscription { seen { id } }");
      await joined(router, 1);
      await post(router, "mutation { tellSeen(id: 3) { success } }");
      assert.deepEqual(ids(await stream.first(1), "seen"), [3], "what is published through the router comes back");
      await leave(stream);
    });

    if (broker.embedded) return;
    await t.test("the broker is killed and returns: told, no router down, subscribers stay and get events again", async () => {
      const stream = ws(router).subscribe("subscription { seen { id } }");
      await joined(router, 1);
      await publish("seen", employee(1));
      await stream.first(1);
      await broker.close();
      await broker.stop("SIGKILL");
      await until("down", async () => (await router.metric("broker_up", { provider: broker.name })) === 0);
      const { status, text } = await router.ask("/health/ready");
      assert.deepEqual([status, JSON.parse(text).degraded], [200, true]);
      assert.match(text, new RegExp(`"id":"${broker.name}"[^}]*"up":false`));
      assert.equal((await post(router, "{ employees { id } }")).data.employees.length, 3, "what needs no broker is served");
      const told = await post(router, "mutation { tellSeen(id: 1) { success } }");
      assert.match(told.errors[0].message, /the event broker is unavailable|did not confirm in time/);
      assert.equal(told.errors[0].extensions.code, "PUBLISH_FAILED");
      assert.equal(stream.done, false);
      await broker.start();
      await broker.connect();
      await world.ready();
      // A broker that keeps nothing is told something until it knows the subscription again.
      if (!broker.keeps) {
        await until("the subscription at the broker", async () => {
          await publish("seen", employee(7));
          return stream.results.some(({ data }) => data.seen.id === 7);
        });
      }
      await publish("seen", employee(2));
      await until("the event after the outage", () => stream.results.some(({ data }) => data.seen.id === 2));
      assert.equal(ids(stream.results, "seen").filter((id) => id === 2).length, 1, "once");
      assert.deepEqual((await post(router, "mutation { tellSeen(id: 3) { success } }")).data, { tellSeen: { success: true } });
      const lines = router.output().split("\n").filter((line) => line.includes("subscribers stay and get no events"));
      assert.equal(lines.length, 1, `one line for the outage, naming provider and fix:\n${lines.join("\n")}`);
      assert.match(lines[0], new RegExp(`Check that.*provider="${broker.name}"`));
      await leave(stream);
    });
  });

  if (name === "memory") continue;
  test(`${name}: not there at the start, and the router is`, async (t) => {
    const world = await startBrokerWorld(makeBroker, { started: false });
    t.after(() => world.stop());
    const { broker, router } = world;
    assert.equal((await router.ask("/health/ready")).status, 200);
    assert.equal((await router.ask("/health/ready?providers=up")).status, 503);
    assert.equal((await post(router, "{ employees { id } }")).data.employees.length, 3);
    const early = ws(router).subscribe("subscription { seen { id } }");
    await until("the early subscriber's try", async () => (await router.metric("triggers_active")) === 1);
    await until("the line that tells", () => router.output().includes("subscribers stay and get no events"));
    await broker.start();
    await broker.connect();
    t.after(() => broker.close());
    await broker.prepare(["seen", "told"]);
    await world.ready();
    await joined(router, 1);
    await broker.publish("seen", employee(9));
    assert.deepEqual(ids(await early.first(1), "seen"), [9], "who came before the broker did is served");
    const warnings = router.output().split("\n").filter((line) => line.includes("WARN"));
    assert.equal(warnings.length, 1, `the outage is one line:\n${warnings.join("\n")}`);
    early.leave();
  });
}
