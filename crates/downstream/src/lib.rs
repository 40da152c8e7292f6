//! The client side: GraphQL over HTTP, WebSocket, event streams and multipart on one path, over shards that own
//! their sockets.
//! Owns accept, authentication, protocols and back pressure; knows no broker, no subgraph and no
//! configuration file.

mod accept;
mod auth;
mod backend;
mod descriptors;
#[cfg(test)]
mod fakes;
mod form;
mod frame;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod http;
mod jwks;
mod metrics;
mod multipart;
mod negotiate;
mod options;
mod pipe;
mod seat;
mod server;
mod shard;
mod site;
mod sse;
mod tls;
mod websocket;

pub use auth::{AuthConfigError, AuthOptions, Authenticator, IssuerOptions};
pub use jwks::{FetchJwks, KeySource};
pub use metrics::Metrics;
pub use options::{Drain, Options, Page, Timings};
pub use server::{Server, serve};
pub use tls::{Tls, TlsError, TlsOptions};
