//! One event as it came from a source: its payload, where it came from, and its place in the source's order.
//! Owns the parsed payload; never says who it is for.

use bytes::Bytes;
use graph::Object;
use serde_json::Value;
use std::sync::Arc;

/// What a source hands over: raw bytes with their origin. The engine parses them once.
#[derive(Debug, Clone)]
pub struct Message {
    /// The subject, topic or channel it was published on.
    pub subject: Arc<str>,
    pub payload: Bytes,
    /// Broker headers, in order.
    pub headers: Vec<(String, String)>,
    pub position: Position,
}

/// A place in a source's order: what an ack and, later, a resume name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Kafka partition; 0 where a source has none.
    pub partition: u32,
    /// Sequence number or offset within the partition.
    pub sequence: u64,
}

/// A parsed event. Cheap to clone; hooks get clones and may return changed ones.
#[derive(Debug, Clone)]
pub struct Event {
    /// The id of the provider it came through.
    pub provider: Arc<str>,
    pub subject: Arc<str>,
    pub position: Position,
    pub headers: Arc<Vec<(String, String)>>,
    /// Always a JSON object; `event.payload["id"]` is `Null` where there is no such member.
    pub payload: Arc<Value>,
}

impl Event {
    /// The same event with another payload, as a hook that changes one returns it.
    #[must_use]
    pub fn with_payload(&self, payload: Object) -> Event {
        Event { payload: Arc::new(Value::Object(payload)), ..self.clone() }
    }

    /// The payload's members.
    pub fn object(&self) -> &Object {
        self.payload.as_object().expect("a payload that is no object never becomes an Event")
    }
}
