//! From a message's bytes to an event's payload: plain JSON, or JSON in an envelope that a provider's settings name.
//! Owns what the envelopes mean; what a payload means is the schema's.

mod change;
mod cloud;

use crate::event::Message;
use graph::Object;
use serde_json::Value;

/// What the messages of a provider are wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decode {
    /// Nothing: the payload is the event.
    #[default]
    Json,
    /// CloudEvents 1.0 in JSON, structured or binary; `data` is the event.
    CloudEvents,
    /// A change record of Debezium; the row after the change (before it, where it was deleted) is the event.
    Debezium,
}

/// An event's payload, with what its envelope says beside it (`Null` without one).
#[derive(Debug, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) payload: Value,
    pub(crate) envelope: Value,
}

/// Why a message is no event: a name for counters, and a sentence for the log that holds nothing of the payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecoded {
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

impl Undecoded {
    fn new(reason: &'static str, detail: impl Into<String>) -> Undecoded {
        Undecoded { reason, detail: detail.into() }
    }
}

impl Decode {
    /// Unwraps a message. The payload is an object, or the message is none.
    pub(crate) fn decode(self, message: &Message) -> Result<Decoded, Undecoded> {
        let decoded = match self {
            Decode::Json => Decoded { payload: json(&message.payload)?, envelope: Value::Null },
            Decode::CloudEvents => cloud::decode(message)?,
            Decode::Debezium => change::decode(message)?,
        };
        match decoded.payload {
            Value::Object(_) => Ok(decoded),
            Value::Null => Err(Undecoded::new("null_payload", "the payload is null")),
            _ => Err(Undecoded::new("not_an_object", "the payload is JSON, but no object")),
        }
    }

    /// Wraps what a mutation publishes, so that readers of the provider find what they expect; with a header that the
    /// wrapping asks for. Change records are a database's to make, so nothing is wrapped in them.
    pub(crate) fn encode(
        self,
        field: &str,
        payload: Object,
    ) -> (Value, Option<(&'static str, &'static str)>) {
        match self {
            Decode::Json | Decode::Debezium => (Value::Object(payload), None),
            Decode::CloudEvents => (cloud::encode(field, payload), Some(cloud::CONTENT_TYPE)),
        }
    }
}

fn json(bytes: &[u8]) -> Result<Value, Undecoded> {
    // Line and column, never the text: payloads stay out of logs.
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Undecoded::new("invalid_json", format!("invalid JSON at line {line}, column {column}"))
    })
}

#[cfg(test)]
mod tests;
