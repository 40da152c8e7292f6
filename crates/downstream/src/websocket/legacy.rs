//! graphql-ws, the protocol of the npm package subscriptions-transport-ws: lenient where its document is, so that
//! its clients find what they know.
//! Owns that no operation starts before the caller is verified: its clients send `start` right behind
//! `connection_init`, so one that comes meanwhile is held.

use super::{Message, Phase, Step, complete, request, too_many_inits, unauthorized};
use crate::frame::Close;
use serde_json::{Value, json};

/// Sent behind the acknowledgement and then at every ping: clients that know it reconnect when it stays away.
pub(super) const KEEP_ALIVE: &str = r#"{"type":"ka"}"#;

pub(super) fn receive(phase: Phase, text: &str, id_bytes_max: usize) -> Step {
    let Some(mut message) = Message::parse(text) else {
        return Step::Reply(connection_error("the message is not a JSON object"));
    };
    let id = match message.id(id_bytes_max) {
        Ok(id) => id,
        Err(reason) => return Step::Reply(connection_error(reason)),
    };
    let payload = message.take_payload();
    match (message.kind(), id) {
        ("connection_init", _) if phase != Phase::Opened => too_many_inits(),
        ("connection_init", _) => match payload {
            None => Step::Authenticate(Value::Null),
            Some(payload) if payload.is_object() || payload.is_null() => Step::Authenticate(payload),
            Some(_) => Step::Reply(connection_error("`payload` must be an object")),
        },
        ("connection_terminate", _) => Step::Close(Close::new(1000, "", "client_closed")),
        ("start", _) if phase == Phase::Opened => unauthorized(),
        ("start", _) if phase == Phase::Authenticating => Step::Hold,
        ("start", Some(id)) => match request(payload) {
            Ok(request) => Step::Start { id, request },
            Err(reason) => Step::Reply(error(&id, vec![json!({ "message": reason })])),
        },
        ("stop", Some(id)) => {
            let reply = Some(complete(&id));
            Step::Leave { id, reply }
        }
        ("start" | "stop", None) => Step::Reply(connection_error("`id` is missing")),
        (_, Some(id)) => Step::Reply(error(&id, vec![json!({ "message": "Invalid message type!" })])),
        (_, None) => Step::Reply(connection_error("Invalid message type!")),
    }
}

/// A message that could not be read, or a caller who was refused.
pub(super) fn connection_error(reason: &str) -> String {
    json!({ "type": "connection_error", "payload": { "message": reason } }).to_string()
}

/// Its payload is one error; where there are more they are within, where its npm client looks first.
pub(super) fn error(id: &str, mut errors: Vec<Value>) -> String {
    let payload = match errors.len() {
        0 => json!({ "message": "the operation failed" }),
        1 => errors.remove(0),
        _ => {
            let mut first = errors[0].clone();
            first["errors"] = errors.into();
            first
        }
    };
    json!({ "id": id, "type": "error", "payload": payload }).to_string()
}
