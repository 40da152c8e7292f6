//! CloudEvents 1.0: attributes beside `data` (structured), or in headers with the data as the payload (binary).
//! Owns which of the two a message is; batches are not CloudEvents messages of a broker and are refused.

use super::{Decoded, Undecoded};
use crate::event::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graph::Object;
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};

/// How a binary message's headers begin: over NATS and HTTP, and over Kafka.
const PREFIXES: [&str; 2] = ["ce-", "ce_"];

/// Attributes that every event must have.
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

pub(super) fn decode(message: &Message) -> Result<Decoded, Undecoded> {
    let (attributes, data) = match is_binary(&message.headers) {
        true => (attributes(&message.headers), super::json(&message.payload)?),
        false => structured(super::json(&message.payload)?)?,
    };
    if let Some(missing) = REQUIRED.iter().find(|name| !attributes.get(**name).is_some_and(Value::is_string))
    {
        return Err(refuse(format!("the CloudEvents attribute `{missing}` is missing")));
    }
    match attributes["specversion"].as_str() {
        Some(version) if version.starts_with("1.") => {}
        _ => return Err(refuse("only CloudEvents 1.x are read")),
    }
    Ok(Decoded { payload: data, envelope: Value::Object(attributes) })
}

/// A structured event may repeat its attributes as headers; its content type says that it is one.
fn is_binary(headers: &[(String, String)]) -> bool {
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let says_structured = content_type.is_some_and(|(_, value)| {
        value.trim_start().to_ascii_lowercase().starts_with("application/cloudevents")
    });
    !says_structured && attributes(headers).contains_key("specversion")
}

/// The attributes in headers. `datacontenttype` is the content type there, and values are percent-encoded.
fn attributes(headers: &[(String, String)]) -> Object {
    let attribute = |(name, value): &(String, String)| {
        let name = name.to_ascii_lowercase();
        let name = match name.as_str() {
            "content-type" => "datacontenttype",
            name => PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?,
        };
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        Some((name.to_owned(), Value::from(&*value)))
    };
    headers.iter().filter_map(attribute).collect()
}

fn structured(event: Value) -> Result<(Object, Value), Undecoded> {
    let Value::Object(mut attributes) = event else {
        return Err(refuse("the message is no CloudEvent: JSON, but no object"));
    };
    let data = attributes.remove("data");
    let encoded = attributes.remove("data_base64");
    match (data, encoded) {
        (Some(data), None) => Ok((attributes, data)),
        (None, Some(Value::String(text))) => {
            let bytes = STANDARD.decode(text).map_err(|_| refuse("`data_base64` is no Base64"))?;
            Ok((attributes, super::json(&bytes)?))
        }
        (None, None) => Err(refuse("the message is no CloudEvent, or one without `data`")),
        _ => Err(refuse("a CloudEvent has one of `data` and `data_base64`")),
    }
}

/// What a structured event's content type is, where the broker has headers.
pub(super) const CONTENT_TYPE: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");

/// A structured event of this router. Its id differs between messages and processes.
pub(super) fn encode(field: &str, data: Object) -> Value {
    let (high, low) = (RandomState::new().hash_one(field), RandomState::new().hash_one(field));
    json!({
        "specversion": "1.0",
        "id": format!("{high:016x}{low:016x}"),
        "source": "/tidegate",
        "type": field,
        "datacontenttype": "application/json",
        "data": data,
    })
}

fn refuse(detail: impl Into<String>) -> Undecoded {
    Undecoded::new("not_a_cloudevent", detail)
}
