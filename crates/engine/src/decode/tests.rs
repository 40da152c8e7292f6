//! Envelopes as their specifications write them, and what is none.

use super::{Decode, Decoded, Undecoded};
use crate::event::{Message, Position};
use serde_json::{Value, json};

fn message(payload: &str, headers: &[(&str, &str)]) -> Message {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (payload, position) = (payload.to_owned().into(), Position::default());
    Message { subject: "s".into(), key: None, payload, headers, position }
}

fn decoded(decode: Decode, payload: &str, headers: &[(&str, &str)]) -> (Value, Value) {
    let Decoded { payload, envelope } = decode.decode(&message(payload, headers)).expect(payload);
    (payload, envelope)
}

fn reason(decode: Decode, payload: &str, headers: &[(&str, &str)]) -> &'static str {
    let Undecoded { reason, detail } = decode.decode(&message(payload, headers)).expect_err(payload);
    assert!(!detail.contains("secret"), "no payload in the log: {detail}");
    reason
}

#[test]
fn cloudevents_structured_and_binary_are_the_same_event() {
    let attributes = json!({ "specversion": "1.0", "type": "order.moved", "source": "/shop", "id": "A1",
                             "subject": "o-7" });
    let mut text = attributes.clone();
    text["data"] = json!({ "id": 7 });
    let expected = (json!({ "id": 7 }), attributes.clone());
    assert_eq!(decoded(Decode::CloudEvents, &text.to_string(), &[]), expected);

    text.as_object_mut().unwrap().remove("data");
    text["data_base64"] = "eyJpZCI6N30=".into();
    assert_eq!(decoded(Decode::CloudEvents, &text.to_string(), &[]), expected);

    for prefix in ["ce-", "CE-", "ce_"] {
        let named: Vec<(String, String)> = attributes
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value.as_str().unwrap().to_owned()))
            .collect();
        let mut headers: Vec<(&str, &str)> = named.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        headers.push(("Content-Type", "application/json"));
        let (payload, mut envelope) = decoded(Decode::CloudEvents, r#"{"id":7}"#, &headers);
        let content_type = envelope.as_object_mut().unwrap().remove("datacontenttype");
        assert_eq!(content_type, Some("application/json".into()));
        assert_eq!((payload, envelope), expected, "{prefix}");
    }
}

#[test]
fn a_structured_event_with_its_attributes_as_headers_too_is_no_binary_one() {
    let text = r#"{"specversion":"1.0","type":"t","source":"s","id":"the event's","data":{"id":7}}"#;
    let repeated = [("ce_specversion", "1.0"), ("ce_type", "t"), ("ce_source", "s"), ("ce_id", "1")];
    let structured = ("content-type", "application/CloudEvents+json; charset=UTF-8");
    let headers = [&repeated[..], &[structured]].concat();
    assert_eq!(decoded(Decode::CloudEvents, text, &headers).0, json!({ "id": 7 }));
    // A header that only looks like an attribute makes nothing binary.
    assert_eq!(decoded(Decode::CloudEvents, text, &[("ce-trace", "x")]).0, json!({ "id": 7 }));
}

#[test]
fn binary_attributes_are_percent_encoded() {
    let headers = [("ce-specversion", "1.0"), ("ce-type", "a%20b"), ("ce-source", "s"), ("ce-id", "%C3%A9")];
    let (_, envelope) = decoded(Decode::CloudEvents, "{}", &headers);
    assert_eq!((&envelope["type"], &envelope["id"]), (&json!("a b"), &json!("é")));
}

#[test]
fn what_is_published_is_read_back_as_the_same_event() {
    let payload = json!({ "id": 7, "name": "x" });
    let object = || payload.as_object().unwrap().clone();
    for decode in [Decode::Json, Decode::CloudEvents] {
        let (wrapped, header) = decode.encode("tell", object());
        let headers: Vec<(&str, &str)> = header.into_iter().collect();
        assert_eq!(decoded(decode, &wrapped.to_string(), &headers).0, payload);
    }
    let (first, header) = Decode::CloudEvents.encode("tell", object());
    let (second, _) = Decode::CloudEvents.encode("tell", object());
    assert_ne!(first["id"], second["id"]);
    assert!(header.unwrap().1.starts_with("application/cloudevents+json"));
}

#[test]
fn what_is_no_cloudevent_is_told() {
    let table = [
        (r#"{"id":7,"secret":1}"#, "not_a_cloudevent"),
        (r#"{"specversion":"1.0","type":"t","source":"s","data":{}}"#, "not_a_cloudevent"),
        (r#"{"specversion":"0.3","type":"t","source":"s","id":"1","data":{}}"#, "not_a_cloudevent"),
        (r#"{"specversion":"1.0","type":"t","source":"s","id":"1","data_base64":"?"}"#, "not_a_cloudevent"),
        (r#"[{"specversion":"1.0","type":"t","source":"s","id":"1","data":{}}]"#, "not_a_cloudevent"),
        (r#"{"specversion":"1.0","type":"t","source":"s","id":"1","data":"secret"}"#, "not_an_object"),
        (r#"{"specversion":"1.0","type":"t","source":"s","id":"1","data":null}"#, "null_payload"),
        ("secret", "invalid_json"),
    ];
    for (payload, expected) in table {
        assert_eq!(reason(Decode::CloudEvents, payload, &[]), expected, "{payload}");
    }
    assert_eq!(reason(Decode::CloudEvents, "{}", &[("ce-id", "1")]), "not_a_cloudevent");
}

#[test]
fn a_change_record_is_the_row_after_it_or_the_one_deleted() {
    let record = json!({ "before": { "id": 1, "total": 2 }, "after": { "id": 1, "total": 3 },
                         "op": "u", "ts_ms": 5, "source": { "table": "orders" } });
    let envelope = |op: &str| json!({ "op": op, "ts_ms": 5, "source": { "table": "orders" } });
    for (op, total) in [("c", 3), ("u", 3), ("r", 3), ("d", 2)] {
        let mut record = record.clone();
        record["op"] = op.into();
        let expected = (json!({ "id": 1, "total": total }), envelope(op));
        assert_eq!(decoded(Decode::Debezium, &record.to_string(), &[]), expected, "{op}");
        let with_schema = json!({ "schema": { "type": "struct" }, "payload": record });
        assert_eq!(decoded(Decode::Debezium, &with_schema.to_string(), &[]), expected, "{op}");
    }
}

#[test]
fn what_changes_no_row_is_told() {
    let table = [
        ("", "tombstone"),
        ("null", "tombstone"),
        (r#"{"op":"d","before":null,"after":null}"#, "no_row"),
        (r#"{"op":"t"}"#, "no_row"),
        (r#"{"op":"m","message":{}}"#, "no_row"),
        (r#"{"id":7}"#, "not_a_change_record"),
        (r#"{"schema":{},"payload":7}"#, "not_a_change_record"),
        (r#"{"op":"c","after":"secret"}"#, "not_an_object"),
    ];
    for (payload, expected) in table {
        assert_eq!(reason(Decode::Debezium, payload, &[]), expected, "{payload}");
    }
}
