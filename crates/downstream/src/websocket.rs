//! The two GraphQL protocols over WebSocket: what a client's message means in the state its connection is in, and
//! how each says the same things.
//! Owns what they share and the choice between them; never a socket, a frame or the engine.

mod legacy;
mod transport_ws;

use crate::frame::Close;
use graph::error::GraphqlError;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A sub-protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// graphql-transport-ws, of the npm package graphql-ws.
    TransportWs,
    /// graphql-ws, of the npm package subscriptions-transport-ws: the older of the two, in spite of its name.
    Legacy,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for `connection_init`.
    Opened,
    /// Its token is being verified.
    Authenticating,
    Acknowledged,
}

/// What the connection does about a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Nothing,
    /// Verify the caller; the payload of `connection_init`, `Null` where there is none.
    Authenticate(Value),
    /// Answer with this text.
    Reply(String),
    /// Read this message again once the caller is verified.
    Hold,
    /// An operation that runs under the same id ends first, without a word.
    Start {
        id: String,
        request: Value,
    },
    /// The client ends an operation.
    Leave {
        id: String,
        /// What it is told, where there was one.
        reply: Option<String>,
    },
    Close(Close),
}

impl Dialect {
    const ALL: [Dialect; 2] = [Dialect::TransportWs, Dialect::Legacy];

    /// Its name in `Sec-WebSocket-Protocol`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Dialect::TransportWs => "graphql-transport-ws",
            Dialect::Legacy => "graphql-ws",
        }
    }

    /// By its name, as a client offers it.
    pub(crate) fn named(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Reads one text message. `is_active` tells whether an operation with this id runs.
    pub(crate) fn receive(
        self,
        phase: Phase,
        text: &str,
        id_bytes_max: usize,
        is_active: impl Fn(&str) -> bool,
    ) -> Step {
        match self {
            Dialect::TransportWs => transport_ws::receive(phase, text, id_bytes_max, is_active),
            Dialect::Legacy => legacy::receive(phase, text, id_bytes_max),
        }
    }

    /// What a verified client is told.
    pub(crate) fn acknowledgement(self) -> &'static [&'static str] {
        match self {
            Dialect::TransportWs => &[ACK],
            Dialect::Legacy => &[ACK, legacy::KEEP_ALIVE],
        }
    }

    /// What a refused one is told before its connection closes.
    pub(crate) fn refusal(self, reason: &str) -> Option<String> {
        match self {
            Dialect::TransportWs => None,
            Dialect::Legacy => Some(legacy::connection_error(reason)),
        }
    }

    /// What a quiet client is sent beside the protocol's own ping.
    pub(crate) fn keep_alive(self) -> Option<&'static str> {
        match self {
            Dialect::TransportWs => None,
            Dialect::Legacy => Some(legacy::KEEP_ALIVE),
        }
    }

    /// The bytes between a frame's head and a payload; `TAIL` follows it.
    pub(crate) fn lead(self, id: &str) -> Arc<[u8]> {
        let kind = match self {
            Dialect::TransportWs => "next",
            Dialect::Legacy => "data",
        };
        format!(r#"{{"id":{},"type":"{kind}","payload":"#, Value::from(id)).into_bytes().into()
    }

    /// The operation ended with errors; no `complete` follows.
    pub(crate) fn error(self, id: &str, errors: &[GraphqlError]) -> String {
        let errors: Vec<Value> = errors.iter().map(GraphqlError::to_json).collect();
        match self {
            Dialect::TransportWs => json!({ "id": id, "type": "error", "payload": errors }).to_string(),
            Dialect::Legacy => legacy::error(id, errors),
        }
    }
}

/// The byte behind a payload.
pub(crate) const TAIL: &[u8] = b"}";

const ACK: &str = r#"{"type":"connection_ack"}"#;

/// `complete`.
pub(crate) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// Close 4400: the message is not one of the protocol.
pub(crate) fn invalid_message(reason: &'static str) -> Close {
    Close::new(4400, reason, "invalid_message")
}

fn unauthorized() -> Step {
    Step::Close(Close::new(4401, "Unauthorized", "unauthorized"))
}

fn too_many_inits() -> Step {
    Step::Close(Close::new(4429, "Too many initialisation requests", "too_many_inits"))
}

/// A message, as far as both protocols read it alike.
struct Message {
    fields: Map<String, Value>,
}

impl Message {
    fn parse(text: &str) -> Option<Message> {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Some(Message { fields }),
            _ => None,
        }
    }

    fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// `Ok(None)` where there is none.
    fn id(&self, bytes_max: usize) -> Result<Option<String>, &'static str> {
        match self.fields.get("id") {
            Some(Value::String(id)) if id.len() > bytes_max => Err("The id is too long"),
            Some(Value::String(id)) if !id.is_empty() => Ok(Some(id.clone())),
            Some(_) => Err("Invalid message received: `id` must be a non-empty string"),
            None => Ok(None),
        }
    }

    fn take_payload(&mut self) -> Option<Value> {
        self.fields.remove("payload")
    }
}

/// The request of an operation out of its message's payload.
fn request(payload: Option<Value>) -> Result<Value, &'static str> {
    let Some(request @ Value::Object(_)) = payload else {
        return Err("Invalid message received: `payload` must be an object");
    };
    match request["query"].is_string() {
        true => Ok(request),
        false => Err("Invalid message received: `payload.query` must be a string"),
    }
}

#[cfg(test)]
mod tests;
