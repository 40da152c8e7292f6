//! A seeded world around the real engine: a broker, a subgraph, clients and hooks that misbehave by plan.
//! Owns the fakes, the chaos and the checkers; for tests only, on one thread, under a paused clock.

pub mod bench;
pub mod broker;
mod checker;
pub mod client;
pub mod hooks;
pub mod schema;
pub mod subgraph;
pub mod world;

pub use world::{Report, World};
