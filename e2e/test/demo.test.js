// `tidegate demo` with nothing beside it: the three stories, told by the tokens it prints.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { post, ws } from "../lib/clients.js";
import { demo } from "../lib/router.js";
import { claims } from "../lib/token.js";
import { until } from "../lib/wait.js";

let router;
const tokens = {};
before(async () => {
  router = await demo();
  await until("three tokens in the output", () => {
    for (const token of router.output().match(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g) ?? []) tokens[claims(token).sub] = token;
    return Object.keys(tokens).length >= 3;
  });
});
after(() => router?.stop());

const as = (name) => (name ? { Authorization: `Bearer ${tokens[name]}` } : undefined);
const orders = (name) => ws(router, as(name)).subscribe("subscription { orderUpdated { id status customer { id name } } }");
const create = (name, customer) => post(router, {
  query: "mutation($c: ID!) { createOrder(customerId: $c, productId: \"p-1\", quantity: 2) { success } }",
  variables: { c: customer },
}, as(name));
const customers = (stream) => stream.results.map((result) => result.data.orderUpdated.customer.id);

test("it prints tokens for two customers and an admin", () => {
  assert.deepEqual(Object.keys(tokens).sort(), ["admin", "alice", "bob"]);
});

test("orders: each customer sees only their own, the admin sees all", async () => {
  const [alice, bob, admin] = ["alice", "bob", "admin"].map(orders);
  await until("three subscriptions", async () => (await router.metric("subscriptions_active")) >= 3);
  for (const name of ["alice", "bob", "alice", "bob"]) {
    const { data, errors } = await create(name, name);
    assert.equal(data?.createOrder.success, true, JSON.stringify(errors));
  }
  await until("two orders each, all at the admin", () =>
    alice.results.length >= 2 && bob.results.length >= 2 &&
    ["alice", "bob"].every((name) => customers(admin).filter((seen) => seen === name).length >= 2));
  assert.deepEqual(new Set(customers(alice)), new Set(["alice"]));
  assert.deepEqual(new Set(customers(bob)), new Set(["bob"]));
  for (const stream of [alice, bob, admin]) {
    for (const { errors } of stream.results) assert.equal(errors, undefined);
    stream.leave();
  }
});

test("orders: nobody creates one for somebody else, and is told why", async () => {
  const { data, errors } = await create("alice", "bob");
  assert.ok(!data?.createOrder);
  assert.equal(errors[0].extensions.code, "PUBLISH_REFUSED");
  assert.match(errors[0].message, /yourself only/);
  const anonymous = await create(null, "bob");
  assert.ok(anonymous.errors?.length > 0);
});

test("orders: without a token a subscription is refused with a reason", async () => {
  const [error] = await orders(null).refusal();
  assert.match(error.message, /sign in/);
});

test("soccer: whoever joins sees the score at once, then each goal once", async () => {
  const query = 'subscription { scoreUpdated(matchId: "m-1") { id homeGoals awayGoals minute } }';
  const streams = [];
  const total = (result) => result.data.scoreUpdated.homeGoals + result.data.scoreUpdated.awayGoals;
  // Each joins when the one before has seen a goal, so at another moment of the match.
  for (let joiner = 0; joiner < 3; joiner++) {
    const stream = ws(router).subscribe(query);
    streams.push(stream);
    const [first] = await stream.first(1);
    assert.equal(first.errors, undefined);
    await stream.first(2);
  }
  const [early] = streams;
  for (const stream of streams) {
    await stream.first(3);
    const totals = stream.results.map(total);
    totals.reduce((before, now) => {
      // A new match starts at nil–nil.
      assert.ok(now === before + 1 || now === 0, `a gap or a duplicate in ${totals}`);
      return now;
    });
  }
  for (const stream of streams) stream.leave();
  assert.ok(early.results.length >= 3);
});

test("employees: other fields come from two subgraphs", async () => {
  const query = "subscription($id: Int!) { employeeUpdated(employeeID: $id) { id details { forename } isAvailable location } }";
  const streams = [1, 2, 3].map((id) => ws(router).subscribe(query, { id }));
  await until("an event of any employee", () => streams.some((stream) => stream.results.length > 0));
  const { data, errors } = streams.find((stream) => stream.results.length > 0).results[0];
  assert.equal(errors, undefined);
  assert.equal(typeof data.employeeUpdated.details.forename, "string");
  assert.equal(typeof data.employeeUpdated.isAvailable, "boolean");
  for (const stream of streams) stream.leave();
});

for (const [kind, query, field] of [
  ["an interface", "subscription { catalogChanged { __typename id name priceCents } }", "catalogChanged"],
  ["a union", "subscription { activity { __typename ... on Match { minute } ... on Product { name } ... on Employee { role } } }", "activity"],
]) {
  test(`${kind} shows events of several types`, async () => {
    const stream = ws(router).subscribe(query);
    const types = () => new Set(stream.results.map((result) => result.data[field].__typename));
    await until(`two types of ${field}`, () => types().size >= 2);
    for (const { errors, data } of stream.results) {
      assert.equal(errors, undefined);
      assert.ok(Object.values(data[field]).every((value) => value !== null));
    }
    stream.leave();
  });
}
