// A schema composed, served, and seen through every client: the employees example on a real broker and on none.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { joined, post, sse, ws } from "../lib/clients.js";
import { run, start } from "../lib/process.js";
import { TIDEGATE, compose, providers, serve } from "../lib/router.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const UPDATED = "subscription($id: Int!) { employeeUpdated(employeeID: $id) { id details { forename } isAvailable } }";
const first = { data: { employeeUpdated: { id: 1, details: { forename: "First1" }, isAvailable: true } } };

let world;
before(async () => { world = await startWorld(); });
after(() => world?.stop());

test("a query is answered from two subgraphs", async () => {
  const answer = await post(world.router, "{ employees { id details { surname } isAvailable } }");
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.data.employees[1], { id: 2, details: { surname: "Last2" }, isAvailable: false });
});

test("an event from any NATS client reaches graphql-ws and graphql-sse, with fields of two subgraphs", async () => {
  const overWs = ws(world.router).subscribe(UPDATED, { id: 1 });
  const overSse = sse(world.router).subscribe(UPDATED, { id: 1 });
  const other = ws(world.router).subscribe(UPDATED, { id: 2 });
  await joined(world.router, 3);
  await world.publish("employeeUpdated.1", { __typename: "Employee", id: 1 });
  assert.deepEqual(await overWs.first(1), [first]);
  assert.deepEqual(await overSse.first(1), [first]);
  // An event for employee 2 comes later, so by now one for employee 1 would have been there.
  await world.publish("employeeUpdated.2", { id: 2 });
  const [second] = await other.first(1);
  assert.equal(second.data.employeeUpdated.id, 2, "the type name is inferred, and employee 1 was not for this client");
  for (const stream of [overWs, overSse, other]) stream.leave();
  await joined(world.router, 0);
});

test("queries and mutations run over graphql-ws; a mutation publishes", async () => {
  const client = ws(world.router);
  const [query] = await client.subscribe("{ employees { id } }").first(1);
  assert.equal(query.data.employees.length, 3);
  const updates = client.subscribe(UPDATED, { id: 1 });
  await joined(world.router, 1);
  const [mutation] = await client.subscribe("mutation { touchEmployee(id: 1) { success } }").first(1);
  assert.deepEqual(mutation, { data: { touchEmployee: { success: true } } });
  assert.deepEqual(await updates.first(1), [first]);
  updates.leave();
  await joined(world.router, 0);
});

test("tidegate subscribe and tidegate publish work from the shell", async () => {
  const query = "subscription { employeeUpdated(employeeID: 3) { id isAvailable } }";
  const tail = start(TIDEGATE, ["subscribe", "--url", world.router.url, query]);
  await joined(world.router, 1);
  const published = await run(TIDEGATE, ["publish", "--url", world.router.admin, "employeeUpdated.3", '{"id":3}']);
  assert.equal(published.code, 0, published.stderr);
  await until("a line of `tidegate subscribe`", () => /"isAvailable": ?true/.test(tail.stdout));
  await tail.stop("SIGTERM");
  await joined(world.router, 0);
});

test("an interface field resolves each event's own type", async () => {
  const pets = ws(world.router).subscribe("subscription { petMoved { __typename id name } }");
  await joined(world.router, 1);
  await world.publish("pets", { __typename: "Cat", id: "c" });
  await world.publish("pets", { __typename: "Dog", id: "d" });
  assert.deepEqual((await pets.first(2)).map((result) => result.data.petMoved), [
    { __typename: "Cat", id: "c", name: "Cat c" },
    { __typename: "Dog", id: "d", name: "Dog d" },
  ]);
  pets.leave();
  await joined(world.router, 0);
});

test("a filter passes what it names, by the subscriber's own arguments", async () => {
  const query = "subscription($c: [String!]!) { tickOf(colours: $c) { sequence } }";
  const red = ws(world.router).subscribe(query, { c: ["red"] });
  const both = ws(world.router).subscribe(query, { c: ["red", "blue"] });
  await joined(world.router, 2);
  const colours = ["blue", "green", undefined, "red"];
  for (const [sequence, colour] of colours.entries()) await world.publish("ticks", { sequence, colour });
  const sequences = (results) => results.map((result) => result.data.tickOf.sequence);
  assert.deepEqual(sequences(await both.first(2)), [0, 3]);
  assert.deepEqual(sequences(await red.first(1)), [3]);
  red.leave();
  both.leave();
  await joined(world.router, 0);
});

test("a memory provider takes the broker's place with the schema unchanged", async () => {
  const router = await serve(world.folder, world.supergraph, { events: providers.memory() });
  try {
    const updates = ws(router).subscribe(UPDATED, { id: 1 });
    await joined(router, 1);
    const answer = await post(router, "mutation { touchEmployee(id: 1) { success } }");
    assert.deepEqual(answer.data, { touchEmployee: { success: true } });
    assert.deepEqual(await updates.first(1), [first]);
    updates.leave();
  } finally {
    await router.stop();
  }
});

test("a supergraph without events takes them from --events", async () => {
  const plain = await compose(world.folder, [world.employees, world.availability], { events: false });
  const events = resolve(import.meta.dirname, "../schema/events.graphql");
  const config = { events: providers.nats(world.nats.url) };
  const router = await serve(world.folder, plain, config, ["--events", events]);
  try {
    const updates = ws(router).subscribe(UPDATED, { id: 1 });
    await joined(router, 1);
    await world.publish("employeeUpdated.1", { __typename: "Employee", id: 1 });
    assert.deepEqual(await updates.first(1), [first]);
    updates.leave();
  } finally {
    await router.stop();
  }
});

test("composition names what is wrong, where, and how to mend it", async () => {
  const file = join(world.folder, "broken.graphql");
  await writeFile(file, 'type Subscription { x(id: Int!): Employee! @edfs__natsSubscribe(subjects: ["x.{{ args.ib }}"]) }\n'
    + 'type Employee @key(fields: "id", resolvable: false) { id: Int! @external }\n');
  const config = join(world.folder, "broken.yaml");
  await writeFile(config, JSON.stringify({ subgraphs: {
    employees: { routing_url: world.employees.url, schema: { file: resolve(import.meta.dirname, "../schema/employees.graphql") } },
    events: { schema: { file } },
  } }));
  const composed = await run(TIDEGATE, ["compose", "--config", config, "-o", join(world.folder, "never.graphql")]);
  assert.notEqual(composed.code, 0);
  assert.match(composed.stderr, /broken\.graphql/);
  assert.match(composed.stderr, /ib/);
});
