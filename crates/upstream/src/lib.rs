//! Everything Tidegate pulls from: brokers that bring events, subgraphs that answer.
//! Owns sockets to them and nothing else; reads no configuration file (rooms get plain `Options`),
//! knows no client and no schema.

#[cfg(test)]
mod broker_tests;
mod health;
pub mod http;
pub mod kafka;
pub mod memory;
pub mod metrics;
pub mod nats;
mod options;
mod queue;
mod reconnect;
pub mod redis;
mod start;
mod subject;
mod tls;

pub use http::{HttpSubgraph, fetch_url};
pub use kafka::KafkaBroker;
pub use memory::MemoryBroker;
pub use metrics::Metrics;
pub use nats::NatsBroker;
pub use options::OptionsError;
pub use redis::RedisBroker;
pub use start::Start;
pub use tls::TlsFiles;
