//! What happens to an operation and to an event: prepare, authorise, resolve, trigger, fan out.
//! Owns everything between sockets; opens none, reads no configuration file, knows no protocol or broker by name.

mod authorize;
pub mod decode;
pub mod engine;
pub mod event;
pub mod exposition;
mod hook;
pub mod identity;
pub mod limits;
pub mod metrics;
pub mod outbox;
pub mod port;
mod prepare;
mod publish;
mod registry;
pub mod request;
pub mod resolve;
mod seat;
pub mod snapshot;
mod subscribe;
mod trigger;

pub use engine::Engine;
pub use event::{Event, Position};
pub use identity::{Identity, View, Viewer};
pub use limits::Limits;
pub use prepare::Prepared;
pub use request::Request;
pub use snapshot::Snapshot;
pub use trigger::join::Subscription;
