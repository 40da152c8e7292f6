//! graphql-transport-ws, as the npm package graphql-ws documents it: whatever breaks its rules closes the connection.
//! Owns which code and when.

use super::{Message, Phase, Step, invalid_message, request, too_many_inits, unauthorized};
use crate::frame::Close;
use serde_json::{Value, json};

pub(super) fn receive(
    phase: Phase,
    text: &str,
    id_bytes_max: usize,
    is_active: impl Fn(&str) -> bool,
) -> Step {
    let Some(mut message) = Message::parse(text) else {
        return invalid("Invalid message received: not a JSON object");
    };
    let id = match message.id(id_bytes_max) {
        Ok(id) => id,
        Err(reason) => return invalid(reason),
    };
    let payload = message.take_payload();
    let is_object = payload.as_ref().is_none_or(|payload| payload.is_object() || payload.is_null());
    match (message.kind(), id) {
        ("connection_init" | "ping" | "pong", _) if !is_object => {
            invalid("Invalid message received: `payload` must be an object")
        }
        ("connection_init", _) if phase == Phase::Opened => {
            Step::Authenticate(payload.unwrap_or(Value::Null))
        }
        ("connection_init", _) => too_many_inits(),
        ("ping", _) => Step::Reply(pong(payload)),
        ("pong", _) => Step::Nothing,
        ("subscribe", Some(id)) => start(phase, id, payload, is_active),
        ("complete", Some(id)) => Step::Leave { id, reply: None },
        ("subscribe" | "complete", None) => invalid("Invalid message received: `id` is missing"),
        _ => invalid("Invalid message received: unknown `type`"),
    }
}

fn start(phase: Phase, id: String, payload: Option<Value>, is_active: impl Fn(&str) -> bool) -> Step {
    let request = match request(payload) {
        Ok(request) if is_well_typed(&request) => request,
        Ok(_) => return invalid("Invalid message received: a field of `payload` has the wrong type"),
        Err(reason) => return invalid(reason),
    };
    if phase != Phase::Acknowledged {
        return unauthorized();
    }
    if is_active(&id) {
        return Step::Close(Close::new(4409, format!("Subscriber for {id} already exists"), "duplicate_id"));
    }
    Step::Start { id, request }
}

/// As its document types the fields beside `query`.
fn is_well_typed(request: &Value) -> bool {
    let is_object = |name: &str| request[name].is_null() || request[name].is_object();
    let operation_name = &request["operationName"];
    (operation_name.is_null() || operation_name.is_string())
        && is_object("variables")
        && is_object("extensions")
}

fn invalid(reason: &'static str) -> Step {
    Step::Close(invalid_message(reason))
}

fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}
