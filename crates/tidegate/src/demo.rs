//! `tidegate demo`: a whole federated shop, league and crew in one process, moving by itself.
//! Owns what is started and in which order; the router in it is the same as anybody's, through the public builder.

pub mod hooks;
pub mod script;
pub mod server;
pub mod subgraph;
pub mod token;
pub mod welcome;
pub mod world;

use graph::compose::SchemaSource;
use std::sync::Arc;
use subgraph::Subgraph;
use world::World;

/// The events subgraph: no address, only ties to the broker.
const EVENTS: &str = include_str!("../demo/events.graphql");

/// The HTTP subgraphs. `examples/employees` counts on the first two being those of its walkthrough.
const SUBGRAPHS: [(&str, &str); 7] = [
    ("employees", include_str!("../demo/employees.graphql")),
    ("availability", include_str!("../demo/availability.graphql")),
    ("customers", include_str!("../demo/customers.graphql")),
    ("orders", include_str!("../demo/orders.graphql")),
    ("products", include_str!("../demo/products.graphql")),
    ("matches", include_str!("../demo/matches.graphql")),
    ("teams", include_str!("../demo/teams.graphql")),
];

/// The embedded HTTP subgraphs, all answering from one world.
pub fn subgraphs(world: &Arc<World>) -> Vec<Subgraph> {
    SUBGRAPHS.iter().map(|(name, sdl)| Subgraph::new(name, sdl, Arc::clone(world))).collect()
}
