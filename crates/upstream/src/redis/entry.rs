//! An entry of a Redis Stream: its id as a position, and its fields as a message.
//! Owns the meaning of field names; never reads a payload.

use bytes::Bytes;
use engine::event::{Message, Position};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Fields that may hold the whole event; the first of these that an entry has is its payload.
const PAYLOAD_FIELDS: [&str; 4] = ["data", "payload", "message", "event"];

/// A field's name and value, as the server sends them.
pub(super) type Field = (Bytes, Bytes);

/// Turns an entry into a message.
///
/// An entry is a list of fields. Where one is named `data` (else `payload`, else `message`, else `event`), its value is
/// the event's JSON, and the other fields become headers in their order. Where there is none, the fields themselves are
/// the event: a JSON object of strings, in which the last of equal names counts. What is not UTF-8 in a name, a header
/// or such a string is replaced by U+FFFD.
pub(super) fn message(subject: Arc<str>, position: Position, mut fields: Vec<Field>) -> Message {
    let named = |name: &&str| fields.iter().position(|(field, _)| field == name.as_bytes());
    let (payload, headers) = match PAYLOAD_FIELDS.iter().find_map(named) {
        Some(index) => {
            let (_, payload) = fields.remove(index);
            (payload, fields.iter().map(|(name, value)| (text(name), text(value))).collect())
        }
        None => {
            let members = fields.iter().map(|(name, value)| (text(name), Value::String(text(value))));
            (Bytes::from(Value::Object(members.collect::<Map<_, _>>()).to_string()), Vec::new())
        }
    };
    Message { subject, key: None, payload, headers, position }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a sequence number as the entry id it came from; see `start::entry_id`.
pub(super) fn id(sequence: u128) -> String {
    format!("{}-{}", sequence >> 64, sequence & u128::from(u64::MAX))
}

#[cfg(test)]
mod tests;
