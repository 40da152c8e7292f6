//! Filters that are legal and match nothing: told, and read as what they say.

use super::{EMPLOYEE, Filter, FilterValue, field, nats};
use crate::condition::Condition;
use crate::diagnostic::{Diagnostic, Severity};
use crate::events::subgraph::read;
use crate::template::Scope;
use serde_json::{Value, json};

fn filtered(tie: &str, condition: &str) -> (Filter, Vec<Diagnostic>) {
    let filter = format!("{tie} @openfed__subscriptionFilter(condition: {{ {condition} }})");
    let sdl = format!("{}\n{EMPLOYEE}", field("", &filter));
    let mut subgraph = read("events", "events.graphql", &sdl).unwrap_or_else(|found| panic!("{found:?}"));
    (subgraph.bindings.remove(0).filter.expect("a filter"), subgraph.warnings)
}

fn rendered(filter: &Filter) -> Condition {
    let scope = Scope { arguments: &serde_json::Map::new(), claims: &Value::Null };
    filter.render(scope).expect("renders")
}

#[test]
fn a_literal_that_can_never_be_equal_is_told_and_left_out() {
    // (values, what stays, what is told)
    let cases = [
        ("[\"x\", 2]", vec![json!(2)], vec!["`\"x\"` can never be equal to a number"]),
        ("3.3", vec![json!(3.3)], vec![]),
        ("true", vec![], vec!["`true` can never be equal to a number"]),
        (
            "[\"x\", true, \"7\"]",
            vec![json!("7")],
            vec!["`\"x\"` can never be equal to a number", "`true` can never be equal to a number"],
        ),
    ];
    for (values, stays, told) in cases {
        let condition = format!("IN: {{ fieldPath: \"id\", values: {values} }}");
        let (filter, warnings) = filtered(&nats("s"), &condition);
        let Filter::In { values: kept, .. } = &filter else { panic!("{filter:?}") };
        assert_eq!(*kept, stays.into_iter().map(FilterValue::Literal).collect::<Vec<_>>(), "{values}");
        let messages: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(messages, told, "{values}");
        for warning in &warnings {
            assert_eq!(warning.severity, Severity::Warning);
            assert!(warning.help.as_deref().is_some_and(|help| help.contains("left out")), "{warning}");
            let span = warning.span.as_ref().expect("a place");
            assert!(span.line == 1 && span.column > 12, "{warning}");
        }
    }
}

#[test]
fn what_is_never_equal_matches_nothing_and_under_not_whatever_is_there() {
    let never = "IN: { fieldPath: \"id\", values: [\"x\", true] }";
    let (plain, _) = filtered(&nats("s"), never);
    let (not, _) = filtered(&nats("s"), &format!("NOT: {{ {never} }}"));
    for (event, under_not) in [(json!({ "id": 1 }), true), (json!({ "id": null }), true), (json!({}), false)]
    {
        assert!(!rendered(&plain).matches(&event), "{event}");
        assert_eq!(rendered(&not).matches(&event), under_not, "{event}");
    }
}

#[test]
fn what_a_broker_never_sends_beside_an_event_is_told() {
    let key = "`__event.key` is never there";
    let header = "`__event.headers.h` is never there";
    let cases = [
        (nats("s"), "key", Some((key, "only Kafka has keys"))),
        ("@edfs__redisSubscribe(channels: [\"c\"])".into(), "key", Some((key, "only Kafka has keys"))),
        ("@edfs__redisStreamSubscribe(streams: \"c\")".into(), "key", Some((key, "only Kafka has keys"))),
        ("@edfs__kafkaSubscribe(topics: \"t\")".into(), "key", None),
        ("@eventsSubscribe(topic: \"t\")".into(), "key", None),
        (
            "@edfs__redisSubscribe(channels: [\"c\"])".into(),
            "headers.h",
            Some((header, "an entry of a Redis Stream has headers")),
        ),
        ("@edfs__redisStreamSubscribe(streams: \"c\")".into(), "headers.h", None),
        (nats("s"), "headers.h", None),
        ("@edfs__redisSubscribe(channels: [\"c\"])".into(), "subject", None),
    ];
    for (tie, path, told) in cases {
        let condition = format!("IN: {{ fieldPath: \"__event.{path}\", values: [\"x\"] }}");
        let (_, warnings) = filtered(&tie, &condition);
        assert_eq!(warnings.len(), usize::from(told.is_some()), "{tie} {path}: {warnings:?}");
        if let (Some((message, help)), [warning]) = (told, warnings.as_slice()) {
            assert!(warning.message.starts_with(message), "{warning}");
            assert!(warning.help.as_deref().is_some_and(|text| text.contains(help)), "{warning}");
            assert!(warning.span.is_some() && warning.severity == Severity::Warning, "{warning}");
        }
    }
}
