//! One event as it came from a source: its payload, where it came from, and its place in the source's order.
//! Owns the parsed payload; never says who it is for.

use bytes::Bytes;
use graph::Object;
use graph::condition::{BESIDE, Facts};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// What a source hands over: raw bytes with their origin. The engine parses them once.
#[derive(Debug, Clone)]
pub struct Message {
    /// The subject, topic or channel it was published on.
    pub subject: Arc<str>,
    /// The record's key, where the broker has keys.
    pub key: Option<Bytes>,
    pub payload: Bytes,
    /// Broker headers, in order.
    pub headers: Vec<(String, String)>,
    pub position: Position,
}

/// A place in a source's order: what an ack and, later, a resume name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Where a source has several lines of order: which of them; else 0.
    pub partition: u32,
    /// Sequence number, offset or entry id within the partition.
    pub sequence: u128,
}

/// What filters look into: the payload, and under `__event` what came beside it.
impl Facts for Event {
    fn find(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        match path.split_first() {
            Some((first, beside)) if first == BESIDE => self.find_beside(beside),
            _ => self.payload.find(path),
        }
    }
}

/// A parsed event. Cheap to clone; hooks get clones and may return changed ones.
#[derive(Debug, Clone)]
pub struct Event {
    /// The id of the provider it came through.
    pub provider: Arc<str>,
    pub subject: Arc<str>,
    pub position: Position,
    /// The record's key, where the broker has keys.
    pub key: Option<Bytes>,
    pub headers: Arc<Vec<(String, String)>>,
    /// What the provider's envelope (`decode`) says beside the payload; `Null` without one.
    pub envelope: Arc<Value>,
    /// Always a JSON object; `event.payload["id"]` is `Null` where there is no such member.
    pub payload: Arc<Value>,
}

impl Event {
    /// The same event with another payload, as a hook that changes one returns it.
    #[must_use]
    pub fn with_payload(&self, payload: Object) -> Event {
        Event { payload: Arc::new(Value::Object(payload)), ..self.clone() }
    }

    fn find_beside(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        let text = |text: &str| Some(Cow::Owned(Value::from(text)));
        match path.split_first() {
            Some((what, [])) if what == "subject" => text(&self.subject),
            Some((what, [])) if what == "key" => text(&String::from_utf8_lossy(self.key.as_ref()?)),
            Some((what, [name])) if what == "headers" => {
                let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
                text(value)
            }
            Some((what, inside)) if what == "envelope" => self.envelope.find(inside),
            _ => None,
        }
    }

    /// The payload's members.
    pub fn object(&self) -> &Object {
        self.payload.as_object().expect("a payload that is no object never becomes an Event")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_find_what_comes_beside_an_event_and_nothing_else_there() {
        let event = Event {
            provider: "p".into(),
            subject: "orders.7".into(),
            position: Position::default(),
            key: Some("k1".into()),
            headers: Arc::new(vec![("Ce-Type".into(), "moved".into())]),
            envelope: Arc::new(json!({ "op": "u", "source": { "table": "orders" } })),
            payload: Arc::new(json!({ "id": 7, "subject": "own" })),
        };
        let table = [
            ("id", Some(json!(7))),
            ("subject", Some(json!("own"))),
            ("__event.subject", Some(json!("orders.7"))),
            ("__event.key", Some(json!("k1"))),
            ("__event.headers.ce-type", Some(json!("moved"))),
            ("__event.envelope.op", Some(json!("u"))),
            ("__event.envelope.source.table", Some(json!("orders"))),
            ("__event.envelope.none", None),
            ("__event.id", None),
            ("__event", None),
            ("headers", None),
        ];
        for (path, expected) in table {
            let names: Vec<String> = path.split('.').map(String::from).collect();
            assert_eq!(event.find(&names).map(Cow::into_owned), expected, "{path}");
        }
    }
}
