//! Debezium change records: `before`, `after`, `op` and where the change is from, with or without a schema around.
//! Owns which row is the event; a record that changes no row is none.

use super::{Decoded, Undecoded, json};
use crate::event::Message;
use graph::Object;
use serde_json::Value;

pub(super) fn decode(message: &Message) -> Result<Decoded, Undecoded> {
    // A tombstone follows a delete for log compaction; the delete itself has been told.
    if message.payload.is_empty() {
        return Err(Undecoded::new("tombstone", "a tombstone: the delete came before it"));
    }
    let record = match json(&message.payload)? {
        Value::Null => return Err(Undecoded::new("tombstone", "a tombstone: the delete came before it")),
        Value::Object(record) => unwrap_schema(record),
        _ => return Err(refuse("the message is no change record: JSON, but no object")),
    };
    let mut record = record.ok_or_else(|| refuse("the change record's `payload` is no object"))?;
    let (before, after) = (record.remove("before"), record.remove("after"));
    let row = match record.get("op").and_then(Value::as_str) {
        Some("d") => before,
        Some("c" | "u" | "r") => after,
        Some(_) => {
            return Err(Undecoded::new("no_row", "the record changes no row (`op` is not c, u, r or d)"));
        }
        None => return Err(refuse("the message is no change record: `op` is missing")),
    };
    let payload = row.unwrap_or_default();
    if payload.is_null() {
        let detail = "the record has no row: a deleted one needs `REPLICA IDENTITY FULL` or the like";
        return Err(Undecoded::new("no_row", detail));
    }
    Ok(Decoded { payload, envelope: Value::Object(record) })
}

/// JSON converters with schemas put the record under `payload`.
fn unwrap_schema(mut record: Object) -> Option<Object> {
    if record.contains_key("op") || !record.contains_key("schema") {
        return Some(record);
    }
    match record.remove("payload") {
        Some(Value::Object(record)) => Some(record),
        _ => None,
    }
}

fn refuse(detail: &str) -> Undecoded {
    Undecoded::new("not_a_change_record", detail)
}
