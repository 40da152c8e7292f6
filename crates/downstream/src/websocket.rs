//! graphql-transport-ws: what a client's message means in the state its connection is in.
//! Owns the protocol's rules and texts; never a socket, a frame or the engine.

use crate::frame::Close;
use graph::error::GraphqlError;
use serde_json::{Value, json};
use std::sync::Arc;

/// The sub-protocol's name in `Sec-WebSocket-Protocol`.
pub(crate) const SUBPROTOCOL: &str = "graphql-transport-ws";

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
    Start {
        id: String,
        request: Value,
    },
    Leave {
        id: String,
    },
    Close(Close),
}

/// Reads one text message. `is_active` tells whether an operation with this id runs.
pub(crate) fn receive(
    phase: Phase,
    text: &str,
    id_bytes_max: usize,
    is_active: impl Fn(&str) -> bool,
) -> Step {
    let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
        return invalid("Invalid message received: not a JSON object");
    };
    let id = match message.remove("id") {
        Some(Value::String(id)) if id.len() > id_bytes_max => return invalid("The id is too long"),
        Some(Value::String(id)) if !id.is_empty() => Some(id),
        Some(_) => return invalid("Invalid message received: `id` must be a non-empty string"),
        None => None,
    };
    let kind = message.remove("type");
    let payload = message.remove("payload");
    let is_object = payload.as_ref().is_none_or(|payload| payload.is_object() || payload.is_null());
    match (kind.as_ref().and_then(Value::as_str), id) {
        (Some("connection_init" | "ping" | "pong"), _) if !is_object => {
            invalid("Invalid message received: `payload` must be an object")
        }
        (Some("connection_init"), _) if phase == Phase::Opened => {
            Step::Authenticate(payload.unwrap_or(Value::Null))
        }
        (Some("connection_init"), _) => {
            Step::Close(Close::new(4429, "Too many initialisation requests", "too_many_inits"))
        }
        (Some("ping"), _) => Step::Reply(pong(payload)),
        (Some("pong"), _) => Step::Nothing,
        (Some("subscribe"), Some(id)) => start(phase, id, payload, is_active),
        (Some("complete"), Some(id)) => Step::Leave { id },
        (Some("subscribe" | "complete"), None) => invalid("Invalid message received: `id` is missing"),
        _ => invalid("Invalid message received: unknown `type`"),
    }
}

fn start(phase: Phase, id: String, payload: Option<Value>, is_active: impl Fn(&str) -> bool) -> Step {
    let Some(request @ Value::Object(_)) = payload else {
        return invalid("Invalid message received: `payload` must be an object");
    };
    if !request["query"].is_string() {
        return invalid("Invalid message received: `payload.query` must be a string");
    }
    if phase != Phase::Acknowledged {
        return Step::Close(Close::new(4401, "Unauthorized", "unauthorized"));
    }
    if is_active(&id) {
        return Step::Close(Close::new(4409, format!("Subscriber for {id} already exists"), "duplicate_id"));
    }
    Step::Start { id, request }
}

fn invalid(reason: &'static str) -> Step {
    Step::Close(invalid_message(reason))
}

/// Close 4400: the message is not one of the protocol.
pub(crate) fn invalid_message(reason: &'static str) -> Close {
    Close::new(4400, reason, "invalid_message")
}

fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// `connection_ack`.
pub(crate) const ACK: &str = r#"{"type":"connection_ack"}"#;

/// The bytes between a frame's head and a payload in a `next` message.
pub(crate) fn lead(id: &str) -> Arc<[u8]> {
    format!(r#"{{"id":{},"type":"next","payload":"#, Value::from(id)).into_bytes().into()
}

/// `complete`.
pub(crate) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// `error`; no `complete` follows it.
pub(crate) fn error(id: &str, errors: &[GraphqlError]) -> String {
    let errors: Vec<Value> = errors.iter().map(GraphqlError::to_json).collect();
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

#[cfg(test)]
mod tests;
