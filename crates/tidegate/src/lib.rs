//! Tidegate as a library: a federated GraphQL router that turns broker events into live GraphQL, with your
//! own hooks. Owns the public surface; the rooms behind it (`graph`, `engine`, `upstream`, `downstream`) are
//! joined in `wire`.

mod admin;
pub mod builder;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod telemetry;
mod terminal;
mod wire;

pub use builder::{Builder, Running, StartError, Tidegate};
pub use config::Config;

/// What a hook is written with.
pub use async_trait::async_trait;
pub use engine::identity::{Identity, Part, View, Viewer};
pub use engine::port::{
    Admission, Broker, Failure, Hook, Initial, Outgoing, Policy, Publish, Refusal, Select, Selection, Start,
};
pub use engine::{Engine, Event, Position};
/// A JSON object: payloads, arguments, variables.
pub use graph::Object;
pub use serde_json::{Value, json};

/// A file that the router serves beside GraphQL.
pub use downstream::Page;
