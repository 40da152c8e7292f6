//! Everything Tidegate pulls from: brokers that bring events, subgraphs that answer.
//! Owns sockets to them and nothing else; reads no configuration file (rooms get plain `Options`),
//! knows no client and no schema.

pub mod memory;
pub mod metrics;
mod reconnect;
mod subject;

pub use memory::MemoryBroker;
pub use metrics::Metrics;
