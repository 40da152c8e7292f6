//! The schema of the simulated world.
//! Owns its text; composed by the real composer, so that a simulation runs on what users run on.

use graph::compose::{SchemaSource, compose};
use graph::supergraph::Supergraph;
use std::sync::{Arc, OnceLock};

const ORDERS: &str = r#"
extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
type Query { order(id: ID!): Order }
type Order @key(fields: "id") { id: ID! status: String }
"#;

/// `n` and the rest are carried by the event and need no fetch; `status` is the subgraph's.
const EVENTS: &str = r#"
extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
type Subscription {
  everyOrder(region: ID!): Order! @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"])
  ordersOf(region: ID!, customers: [ID!]!): Order!
    @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"])
    @openfed__subscriptionFilter(condition: { IN: { fieldPath: "customer", values: ["{{ args.customers }}"] } })
  ownOrders(region: ID!): Order! @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"])
  guardedOrders(region: ID!): Order! @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"])
  currentOrders(region: ID!): Order! @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"])
  keptOrders(region: ID!): Order! @edfs__natsSubscribe(subjects: ["orders.{{ args.region }}"],
    streamConfiguration: { streamName: "ORDERS", consumerName: "kept" })
}
type Mutation { placeOrder(region: ID!, n: Int!, id: ID, customer: ID): edfs__PublishResult! @edfs__natsPublish(subject: "orders.{{ args.region }}") }
type edfs__PublishResult { success: Boolean! }
type Order @key(fields: "id", resolvable: false) { id: ID! n: Int! customer: ID! mood: String }
"#;

/// The composed supergraph; the same for every seed.
pub fn supergraph() -> Arc<Supergraph> {
    static COMPOSED: OnceLock<Arc<Supergraph>> = OnceLock::new();
    COMPOSED.get_or_init(load).clone()
}

fn load() -> Arc<Supergraph> {
    let source = |name: &str, url: Option<&str>, sdl: &str| SchemaSource {
        name: name.into(),
        routing_url: url.map(String::from),
        sdl: sdl.into(),
        origin: format!("{name}.graphql"),
    };
    let sources = [source("orders", Some("http://orders"), ORDERS), source("events", None, EVENTS)];
    let composed = compose(&sources).unwrap_or_else(|errors| panic!("the world's schema: {errors:?}"));
    let supergraph = Supergraph::load(&composed.sdl);
    Arc::new(supergraph.unwrap_or_else(|errors| panic!("the world's supergraph: {errors:?}")))
}
