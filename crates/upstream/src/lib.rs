//! Everything Tidegate pulls from: brokers that bring events, subgraphs that answer.
//! Owns sockets to them and nothing else; reads no configuration file (rooms get plain `Options`),
//! knows no client and no schema.

pub mod http;
pub mod memory;
pub mod metrics;
pub mod nats;
mod reconnect;
mod subject;

pub use http::{HttpSubgraph, fetch_url};
pub use memory::MemoryBroker;
pub use metrics::Metrics;
pub use nats::NatsBroker;
