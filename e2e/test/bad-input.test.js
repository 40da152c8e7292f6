// What must not hurt: events that are no events, and arguments that would be another subject.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { joined, ws } from "../lib/clients.js";
import { until } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const EVENT_BYTES_MAX = 4096;

let world;
before(async () => { world = await startWorld({ config: { limits: { event_bytes_max: "4KiB" } } }); });
after(() => world?.stop());

const good = { __typename: "Employee", id: 5 };
const goodResult = { data: { employeeUpdated: { id: 5, details: { forename: "First5" } } } };
const bad = [
  { what: "invalid JSON", payload: '{"__typename":"Employee",', reason: /json/ },
  { what: "nothing at all", payload: "", reason: /json|empty/ },
  { what: "null", payload: "null", reason: /json|object/ },
  { what: "a list", payload: "[1]", reason: /json|object/ },
  { what: "an unknown __typename", payload: { __typename: "Ghost", id: 5 }, reason: /typename_unknown/ },
  { what: "a type of another field", payload: { __typename: "Cat", id: 5 }, reason: /typename_unknown/ },
  { what: "a payload over the limit", payload: { ...good, text: "x".repeat(EVENT_BYTES_MAX) }, reason: /payload_too_large/ },
];

const dropped = async () => {
  const { text } = await world.router.ask("/metrics");
  return text.split("\n").filter((line) => /^tidegate_events_dropped/.test(line)).join("\n");
};

for (const { what, payload, reason } of bad) {
  test(`${what}: counted with its reason, the subscription lives`, async () => {
    const updates = ws(world.router).subscribe("subscription { employeeUpdated(employeeID: 5) { id details { forename } } }");
    await joined(world.router, 1);
    const before = await world.router.metric("events_dropped");
    await world.publish("employeeUpdated.5", payload);
    await world.publish("employeeUpdated.5", good);
    assert.deepEqual(await updates.first(1), [goodResult], "the bad event was for nobody, the good one came");
    assert.equal((await world.router.metric("events_dropped")) - before, 1);
    assert.match(await dropped(), reason);
    assert.match(world.router.output(), /employeeUpdated\.5/, "the log names the subject");
    assert.doesNotMatch(world.router.output(), /xxxx/, "the log holds no payload");
    updates.leave();
    await joined(world.router, 0);
  });
}

const faulty = [
  { what: "a missing key", payload: { __typename: "Employee" } },
  { what: "a null key", payload: { __typename: "Employee", id: null } },
  { what: "a key of another type", payload: { __typename: "Employee", id: "five" } },
];
for (const { what, payload } of faulty) {
  test(`${what}: an error only where the client asked for what is missing`, async () => {
    const asks = ws(world.router).subscribe("subscription { employeeUpdated(employeeID: 5) { id details { forename } } }");
    const doesNot = ws(world.router).subscribe("subscription { employeeUpdated(employeeID: 5) { __typename } }");
    await joined(world.router, 2);
    await world.publish("employeeUpdated.5", payload);
    await world.publish("employeeUpdated.5", good);
    const [failed, fine] = await asks.first(2);
    assert.equal(failed.data, null);
    assert.equal(failed.errors[0].path[0], "employeeUpdated");
    assert.deepEqual(fine, goodResult);
    const named = { data: { employeeUpdated: { __typename: "Employee" } } };
    assert.deepEqual(await doesNot.first(2), [named, named]);
    assert.match(world.router.output(), /bad event.*employeeUpdated\.5.*`id` is (missing or null|of another type)/, "the log says why");
    asks.leave();
    doesNot.leave();
    await joined(world.router, 0);
  });
}

const injections = [".", "a.b", "*", ">", "a.>", "a b", "a\tb", "a\r\nSUB > 1", "a\nb", 'a"b', "a'b", "`", "a\u0000b", ""];
for (const room of injections) {
  test(`the argument ${JSON.stringify(room)} is refused by name and reaches no subject`, async () => {
    const entered = ws(world.router).subscribe("subscription($room: String!) { roomEntered(room: $room) { id } }", { room });
    const [error] = await entered.refusal();
    assert.match(error.message, /room/);
    const subjects = await world.nats.subjects();
    assert.deepEqual(subjects.filter((subject) => /room|^>$|^\*/.test(subject)), []);
  });
}

for (const room of ["lobby", "a-b_c:1", "søster", "$x"]) {
  test(`the argument ${JSON.stringify(room)} is that subject and no other`, async () => {
    const entered = ws(world.router).subscribe("subscription($room: String!) { roomEntered(room: $room) { id } }", { room });
    await joined(world.router, 1);
    assert.equal(await world.nats.subscriptions(`room.${room}`), 1);
    await world.publish("room.other", { id: 1 });
    await world.publish(`room.${room}`, { id: 2 });
    assert.equal((await entered.first(1))[0].data.roomEntered.id, 2);
    entered.leave();
    await joined(world.router, 0);
    await until("no broker subscription", async () => (await world.nats.subscriptions(`room.${room}`)) === 0);
  });
}
