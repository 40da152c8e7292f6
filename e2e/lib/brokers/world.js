// One broker of any kind with a router in front of it: the same fields for each, so that one test can hold for all.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compose, folder, serve } from "../router.js";
import { subgraph } from "../subgraph.js";
import { until } from "../wait.js";

/** The events subgraph that all tests of brokers use, with more fields of its roots where a test has some. */
export function eventsSchema(broker, { subscriptions = "", mutations = "", queries = "", types = "" } = {}) {
  const filter = (condition) => `@openfed__subscriptionFilter(condition: ${condition})`;
  const values = (path, value) => `{ IN: { fieldPath: "${path}", values: ["${value}"] } }`;
  return `
    ${queries ? `type Query { ${queries} }` : ""}
    input Change { name: String tags: [String!] }
    input Ids { ids: [Int!]! }
    type Mutation {
      tell(employeeID: Int!, update: Change!): edfs__PublishResult! ${broker.send("told")}
      tellRoom(room: String!): edfs__PublishResult! ${broker.send("room.{{ args.room }}")}
      tellSeen(id: Int!): edfs__PublishResult! ${broker.send("seen")}
      ${mutations}
    }
    type Subscription {
      seen: Employee! ${broker.subscribe(["seen"])}
      seenToo: Employee! ${broker.subscribe(["seen"])}
      either: Employee! ${broker.subscribe(["seen", "seenElsewhere"])}
      room(room: String!): Employee! ${broker.subscribe(["room.{{ args.room }}"])}
      places(ids: [Int!]!): Employee! ${broker.subscribe(["place.{{ args.ids }}"])}
      seenOf(first: [ID!]!, second: [ID!]!): Employee! ${broker.subscribe(["seen"])}
        ${filter(`{ IN: { fieldPath: "id", values: ["{{ args.first }}", "{{ args.second }}"] } }`)}
      seenNested(input: Ids!): Employee! ${broker.subscribe(["seen"])}
        ${filter(`{ OR: [${values("id", "{{ args.input.ids }}")}, { IN: { fieldPath: "id", values: ["1"] } }] }`)}
      seenNot: Employee! ${broker.subscribe(["seen"])}
        ${filter(`{ NOT: { IN: { fieldPath: "id", values: [2, 6, 9] } } }`)}
      petHappened(tag: String!): PetEvent! ${broker.subscribe(["pets"])} ${filter(values("tag", "{{ args.tag }}"))}
      petHidden(place: String!): PetEvent! ${broker.subscribe(["pets"])} ${filter(values("place", "{{ args.place }}"))}
      petMoved(tag: String!): Pet! ${broker.subscribe(["moves"])} ${filter(values("tag", "{{ args.tag }}"))}
      ${subscriptions}
    }
    type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
    union PetEvent = PetCame | PetWent
    type PetCame { id: ID! tag: String! place: String @inaccessible }
    type PetWent { id: ID! tag: String! place: String @inaccessible }
    interface Pet { id: ID! tag: String! }
    type Cat implements Pet @key(fields: "id tag", resolvable: false) { id: ID! @external tag: String! @external }
    type Dog implements Pet @key(fields: "id tag", resolvable: false) { id: ID! @external tag: String! @external }
    type edfs__PublishResult { success: Boolean! }
    ${types}`;
}

export const PLACES = ["seen", "seenElsewhere", "told", "room.lobby", "place.1", "place.2", "place.3", "pets", "moves"];

/** Options: more of the `schema` (or what makes it of the broker), settings of its `provider`; `started: false` leaves it stopped. */
export async function startBrokerWorld(makeBroker, { schema = {}, provider = {}, started = true, config = {} } = {}) {
  const closing = [];
  const world = {
    /** Every provider of the router is connected. */
    ready: () => until("every provider up", () => world.router.connected()),
    /** Whatever was started last is stopped first. */
    async stop() {
      for (const close of closing.reverse()) await close();
    },
  };
  try {
    const place = await folder();
    closing.push(() => place.remove());
    const broker = (world.broker = await makeBroker(place.path));
    closing.push(() => broker.stop());
    if (started) {
      await broker.start();
      await broker.connect();
      closing.push(() => broker.close());
      await broker.prepare(PLACES);
    }
    const employee = ({ id }) => ({ details: { forename: `First${id}`, surname: `Last${id}` } });
    world.employees = await subgraph("employees", employee, { employees: () => [1, 2, 3].map((id) => ({ id, ...employee({ id }) })) });
    closing.push(() => world.employees.stop());
    const events = join(place.path, "events.graphql");
    await writeFile(events, eventsSchema(broker, typeof schema === "function" ? schema(broker) : schema));
    const supergraph = await compose(place.path, [world.employees], { events });
    const defaults = {
      events: { providers: broker.provider(provider) },
      subscriptions: { linger: "200ms" },
      limits: { broker_timeout: "3s" },
    };
    world.serve = async () => {
      const router = await serve(place.path, supergraph, { ...defaults, ...config }, [], world.router?.port);
      closing.push(() => router.stop().catch(() => {}));
      return (world.router = broker.router = router);
    };
    await world.serve();
    if (started) await world.ready();
    return world;
  } catch (error) {
    await world.stop().catch(() => {});
    throw error;
  }
}
