//! What a schema and an operation mean. Pure: no async, no clock, no socket, no file.
//! Owns composition, the event dialect, validation, planning, filters and templates; never runs any of them.

pub mod compose;
pub mod condition;
pub mod diagnostic;
pub mod error;
pub mod events;
pub mod operation;
pub mod plan;
pub mod scalar;
pub mod supergraph;
pub mod template;

/// A JSON object, the shape of variables, arguments and claims.
pub type Object = serde_json::Map<String, serde_json::Value>;
