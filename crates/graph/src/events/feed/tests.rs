//! What a directive says beside its subjects, and what is said where it is wrong.

use super::super::subgraph::{EventsSubgraph, read};
use super::super::{Action, Binding, Feed, Stream};
use crate::diagnostic::Diagnostic;

fn schema(root: &str, ty: &str, directive: &str) -> Result<EventsSubgraph, Vec<Diagnostic>> {
    let sdl = format!(
        "type {root} {{ f(id: ID! ids: [ID!]): {ty}! {directive} }} \
         type E @key(fields: \"id\", resolvable: false) {{ id: ID! @external }}"
    );
    read("events", "events.graphql", &sdl)
}

fn subscribing(directive: &str) -> Binding {
    let subgraph = schema("Subscription", "E", directive);
    subgraph.unwrap_or_else(|found| panic!("{directive}: {found:?}")).bindings.remove(0)
}

fn publishing(directive: &str) -> Binding {
    let subgraph = schema("Mutation", "edfs__PublishResult", directive);
    subgraph.unwrap_or_else(|found| panic!("{directive}: {found:?}")).bindings.remove(0)
}

fn told(root: &str, ty: &str, directive: &str) -> String {
    let found = schema(root, ty, directive).expect_err(directive);
    assert!(found[0].span.is_some(), "{found:?}");
    found[0].message.clone()
}

#[test]
fn a_channel_is_a_pattern_only_where_the_schema_declares_it() {
    let table = [
        (r#"@edfs__redisSubscribe(channels: ["news"])"#, Feed::Plain),
        (r#"@edfs__redisSubscribe(channels: ["news.{{ args.id }}"])"#, Feed::Plain),
        (r#"@edfs__redisSubscribe(channels: ["news.*"])"#, Feed::Patterns),
        (r#"@edfs__redisSubscribe(channels: ["a", "news.[ab]"])"#, Feed::Patterns),
        (r#"@edfs__redisSubscribe(channels: ["news.*"], patterns: false)"#, Feed::Plain),
        (r#"@edfs__redisSubscribe(channels: ["news"], patterns: true)"#, Feed::Patterns),
        (r#"@edfs__redisStreamSubscribe(streams: ["orders"])"#, Feed::Log),
        (r#"@edfs__natsSubscribe(subjects: ["news.*"])"#, Feed::Plain),
    ];
    for (directive, expected) in table {
        assert_eq!(subscribing(directive).feed, expected, "{directive}");
    }
    let wrong = r#"@edfs__redisSubscribe(channels: ["a"], patterns: 1)"#;
    assert_eq!(told("Subscription", "E", wrong), "`patterns` is `true` or `false`");
}

#[test]
fn a_stream_needs_a_name_and_a_consumer_only_to_resume() {
    let stream = |consumer_name: Option<&str>, consumer_inactive_threshold_seconds| {
        let consumer_name = consumer_name.map(str::to_owned);
        Feed::Stream(Stream { stream_name: "S".into(), consumer_name, consumer_inactive_threshold_seconds })
    };
    let table = [
        (r#"streamName: "S""#, stream(None, 30), None),
        (r#"streamName: "S", consumerName: "c""#, stream(Some("c"), 30), None),
        (r#"streamName: "S", consumerName: "c", consumerInactiveThreshold: 0"#, stream(Some("c"), 0), None),
        (
            r#"streamName: "S", consumerInactiveThreshold: -5"#,
            stream(None, 30),
            Some("`consumerInactiveThreshold` is below 0 and taken as 30"),
        ),
        (
            r#"streamName: "S", consumerInactiveThreshold: 2147483648"#,
            stream(None, 0),
            Some("`consumerInactiveThreshold` is out of range and taken as 0: never"),
        ),
    ];
    for (fields, expected, warning) in table {
        let directive =
            format!(r#"@edfs__natsSubscribe(subjects: ["s"], streamConfiguration: {{ {fields} }})"#);
        let subgraph = schema("Subscription", "E", &directive).expect(fields);
        assert_eq!(subgraph.bindings[0].feed, expected, "{fields}");
        let warnings: Vec<_> = subgraph.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(warnings, Vec::from_iter(warning), "{fields}");
    }
}

#[test]
fn keys_headers_and_streams_go_with_what_is_sent() {
    let binding = publishing(
        r#"@edfs__kafkaPublish(topic: "t", key: "{{ args.id }}",
             headers: [{ name: "x-tenant", value: "{{ claims.tenant }}" }, { name: "v", value: "1" }])"#,
    );
    assert_eq!(binding.key.expect("a key").to_string(), "{{ args.id }}");
    let headers: Vec<_> =
        binding.headers.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
    assert_eq!(headers, [("x-tenant", "{{ claims.tenant }}".to_owned()), ("v", "1".to_owned())]);

    let binding = publishing(r#"@edfs__natsPublish(subject: "s", streamName: "S")"#);
    assert!(matches!(binding.feed, Feed::Stream(Stream { stream_name, .. }) if stream_name == "S"));
    let binding = publishing(r#"@edfs__redisStreamPublish(stream: "s")"#);
    assert_eq!((binding.feed, binding.action), (Feed::Log, Action::Publish));
}

#[test]
fn what_cannot_go_with_a_message_is_told() {
    let table = [
        (r#"@edfs__natsPublish(subject: "s", key: "k")"#, "`@edfs__natsPublish` has no argument `key`"),
        (r#"@edfs__kafkaPublish(topic: "t", key: 3)"#, "`key` must be a text"),
        (r#"@edfs__kafkaPublish(topic: "t", key: "{{ args.no }}")"#, "`f` has no argument `no`"),
        (
            r#"@edfs__kafkaPublish(topic: "t", key: "{{ args.ids }}")"#,
            "argument `ids` is a list, and one value is needed here",
        ),
        (
            r#"@edfs__kafkaPublish(topic: "t.{{ args.ids }}")"#,
            "argument `ids` is a list, and one value is needed here",
        ),
        (r#"@edfs__kafkaPublish(topic: "t", headers: "x")"#, "a header has a `name` and a `value`"),
        (
            r#"@edfs__kafkaPublish(topic: "t", headers: [{ name: "a b", value: "x" }])"#,
            "this is no name of a header",
        ),
        (
            r#"@edfs__kafkaPublish(topic: "t", headers: [{ name: "a", value: "x", more: 1 }])"#,
            "`headers` has no field `more`",
        ),
        (
            r#"@edfs__natsPublish(subject: "s", headers: [{ name: "a", value: "x\r\ny: 1" }])"#,
            "the value of header `a` holds a control character",
        ),
        (
            r#"@edfs__kafkaPublish(topic: "t", headers: [{ name: "a", value: "{{ args.id }}\n" }])"#,
            "the value of header `a` holds a control character",
        ),
    ];
    for (directive, message) in table {
        assert_eq!(told("Mutation", "edfs__PublishResult", directive), message, "{directive}");
    }
}

#[test]
fn a_key_is_no_line_of_text() {
    let binding = publishing(r#"@edfs__kafkaPublish(topic: "t", key: "a\n{{ args.id }}")"#);
    assert_eq!(binding.key.expect("a key").to_string(), "a\n{{ args.id }}");
}
