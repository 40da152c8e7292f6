//! The dialect as its users write it, and what is said where it is wrong.

use super::subgraph::read;
use super::{Action, Binding, Feed, Root, Stream, Transport, bindings, is_events_subgraph};
use crate::condition::{Filter, FilterValue};
use crate::diagnostic::Diagnostic;
use crate::scalar::ScalarKind;
use serde_json::json;

mod never;
mod twice;

const EMPLOYEE: &str =
    "type Employee @key(fields: \"id\", resolvable: false) { id: Int! @external tag: String! }";

fn bound(sdl: &str) -> Vec<Binding> {
    let subgraph = read("events", "events.graphql", &format!("{sdl}\n{EMPLOYEE}"));
    subgraph.unwrap_or_else(|found| panic!("{found:?}")).bindings
}

fn refused(sdl: &str) -> Vec<Diagnostic> {
    read("events", "events.graphql", &format!("{sdl}\n{EMPLOYEE}")).expect_err(sdl)
}

#[test]
fn every_directive_of_the_dialect_is_read() {
    use Action::{Publish, Request, Subscribe};
    let cases = [
        ("Subscription", "Employee!", "@edfs__natsSubscribe(subjects: [\"s\"])", Transport::Nats, Subscribe),
        ("Subscription", "Employee", "@edfs__kafkaSubscribe(topics: [\"s\"])", Transport::Kafka, Subscribe),
        ("Subscription", "Employee!", "@edfs__redisSubscribe(channels: \"s\")", Transport::Redis, Subscribe),
        ("Subscription", "Employee!", "@eventsSubscribe(topic: \"s\")", Transport::Any, Subscribe),
        ("Mutation", "edfs__PublishResult!", "@edfs__natsPublish(subject: \"s\")", Transport::Nats, Publish),
        ("Mutation", "edfs__PublishResult!", "@edfs__kafkaPublish(topic: \"s\")", Transport::Kafka, Publish),
        (
            "Mutation",
            "edfs__PublishResult!",
            "@edfs__redisPublish(channel: \"s\")",
            Transport::Redis,
            Publish,
        ),
        ("Mutation", "edfs__PublishResult!", "@eventsPublish(topic: \"s\")", Transport::Any, Publish),
        ("Mutation", "edfs__PublishResult!", "@edfs__natsRequest(subject: \"s\")", Transport::Nats, Request),
        ("Query", "Employee!", "@edfs__natsRequest(subject: \"s\")", Transport::Nats, Request),
        ("Query", "Employee!", "@eventsRequest(topic: \"s\")", Transport::Any, Request),
    ];
    for (root, ty, directive, transport, action) in cases {
        let sdl = format!("type {root} {{ f: {ty} {directive} }}");
        let bindings = bound(&sdl);
        let [binding] = bindings.as_slice() else { panic!("{sdl}: {bindings:?}") };
        assert_eq!(binding.root.as_str(), root);
        assert_eq!((binding.transport, binding.action), (transport, action), "{sdl}");
        assert_eq!((binding.subjects[0].to_string().as_str(), binding.provider.as_str()), ("s", "default"));
        assert!(is_events_subgraph(&sdl));
    }
    assert!(!is_events_subgraph("type Query { a: Int @key(fields: \"x\") }"));
    assert!(!is_events_subgraph("type {"));
}

#[test]
fn providers_and_streams_are_read() {
    let bindings = bound(
        r#"type Subscription {
          a(id: Int!): Employee! @edfs__natsSubscribe(subjects: ["a.{{ args.id }}", "b"],
            providerId: "my-nats",
            streamConfiguration: { consumerName: "c", streamName: "s", consumerInactiveThreshold: 0 })
          b: Employee! @edfs__natsSubscribe(subjects: ["b"],
            streamConfiguration: { consumerName: "c", streamName: "s" })
          c: Employee! @eventsSubscribe(topic: "c", sourceID: "old")
        }"#,
    );
    let stream = |seconds| {
        let (stream_name, consumer_name) = ("s".to_owned(), Some("c".to_owned()));
        Feed::Stream(Stream { stream_name, consumer_name, consumer_inactive_threshold_seconds: seconds })
    };
    assert_eq!((bindings[0].provider.as_str(), &bindings[0].feed), ("my-nats", &stream(0)));
    assert_eq!(
        bindings[0].subjects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.{{ args.id }}", "b"]
    );
    assert_eq!(bindings[1].feed, stream(30));
    assert_eq!(bindings[2].provider, "old");
}

#[test]
fn filters_know_the_kind_of_their_field() {
    let bindings = bound(
        r#"type Subscription {
          f(input: In!): Event! @edfs__kafkaSubscribe(topics: ["t"]) @openfed__subscriptionFilter(condition: {
            AND: [
              { NOT: { IN: { fieldPath: "id", values: [2, 2, "3"] } } }
              { OR: [
                { IN: { fieldPath: "owner.kind", values: [ADMIN] } }
                { IN: { fieldPath: "at", values: ["{{ args.input.ids }}", "p-{{ claims.sub }}"] } } ] } ] })
        }
        input In { ids: [ID!]! }
        union Event = Moved | Gone | Hidden
        type Moved { id: ID! owner: Owner! at: Date }
        type Gone { id: ID! owner: Owner at: Date! }
        type Hidden @inaccessible { other: Int }
        type Owner { kind: Kind! }
        enum Kind { ADMIN }
        scalar Date"#,
    );
    let Some(Filter::And(filters)) = &bindings[0].filter else { panic!("{bindings:?}") };
    let Filter::Not(not) = &filters[0] else { panic!("{filters:?}") };
    let values = vec![FilterValue::Literal(json!(2)), FilterValue::Literal(json!("3"))];
    assert_eq!(**not, Filter::In { path: vec!["id".into()], kind: ScalarKind::Id, values });
    let Filter::Or(either) = &filters[1] else { panic!("{filters:?}") };
    let kinds: Vec<_> = either
        .iter()
        .map(|filter| match filter {
            Filter::In { path, kind, .. } => (path.join("."), *kind),
            _ => panic!("{filter:?}"),
        })
        .collect();
    assert_eq!(kinds, [("owner.kind".into(), ScalarKind::Text), ("at".into(), ScalarKind::Any)]);
}

/// A subscription whose directives are given, at line 1.
fn field(arguments: &str, directives: &str) -> String {
    format!("type Subscription {{ f{arguments}: Employee! {directives} }} input In {{ id: ID! ids: [Int] }}")
}

fn nats(subject: &str) -> String {
    format!("@edfs__natsSubscribe(subjects: [\"{subject}\"])")
}

/// The schema is refused with these words and this way out, at a place in its first line.
fn tells(sdl: &str, message: &str, help: &str) {
    let found = refused(sdl);
    let told = found.iter().find(|diagnostic| diagnostic.message.starts_with(message));
    let told = told.unwrap_or_else(|| panic!("{sdl}\nsays {found:?}"));
    assert!(told.help.as_deref().unwrap_or_default().starts_with(help), "{told}");
    let span = told.span.as_ref().expect("a place");
    assert_eq!((span.source.as_str(), span.line), ("events.graphql", 1), "{told}");
    assert!(span.column > 12, "{told}");
}

#[test]
fn wrong_templates_are_told_with_a_way_out() {
    let cases = [
        (
            "(employeeID: Int!)",
            "e.{{ args.employeeId }}",
            "`f` has no argument `employeeId`",
            "did you mean `employeeID`?",
        ),
        ("(in: In!)", "{{ args.in.idd }}", "argument `in` (`In`) has no field `idd`", "did you mean `id`?"),
        ("(in: In!)", "{{ args.in }}", "argument `in` is an object", "name one of its fields: in.id, in.ids"),
        ("(in: [[Int]])", "{{ args.in }}", "argument `in` is a list of lists", ""),
        ("(in: In!)", "{{ args.in.id.x }}", "argument `in.id` is `ID!` and has no field `x`", ""),
        ("(a: Int)", "{{ a }}", "`a` is no place to fill", "arguments are filled in as `{{ args.name }}`"),
        ("", " ", "`subjects` of `@edfs__natsSubscribe` must hold text", "write it in double quotes"),
    ];
    for (arguments, subject, message, help) in cases {
        tells(&field(arguments, &nats(subject)), message, help);
    }
}

#[test]
fn wrong_directives_are_told_with_a_way_out() {
    let twice = format!("{} @edfs__kafkaSubscribe(topics: [\"t\"])", nats("s"));
    let stream = |fields: &str| {
        format!("@edfs__natsSubscribe(subjects: [\"s\"], streamConfiguration: {{ {fields} }})")
    };
    let cases = [
        (
            "@edfs__natsSubscribe(subjects: [])",
            "`subjects` of `@edfs__natsSubscribe` is empty",
            "a field without",
        ),
        (
            "@edfs__natsSubscribe(subject: \"s\")",
            "`@edfs__natsSubscribe` has no argument `subject`",
            "did you mean",
        ),
        (
            "@edfs__natsSubscribe",
            "`@edfs__natsSubscribe` needs `subjects`",
            "write `@edfs__natsSubscribe(subjects",
        ),
        (
            "@edfs__kafkaPublish(topic: \"s\")",
            "`@edfs__kafkaPublish` does not go on a Subscription",
            "publishing",
        ),
        (&twice, "`f` is tied twice", "give each broker a field of its own"),
        ("", "`Subscription.f` has no event directive", "every root field of an events subgraph needs one"),
        (&stream("consumerName: \"c\""), "`streamConfiguration` needs a fixed text `streamName`", ""),
        (&stream("streamName: \"{{ args.s }}\""), "`streamName` must be a fixed text", ""),
        (&stream("consumerNme: \"s\""), "`streamConfiguration` has no field `consumerNme`", "did you mean"),
        (
            &stream("consumerInactiveThreshold: \"1\""),
            "`consumerInactiveThreshold` is a whole number",
            "0 keeps",
        ),
    ];
    for (directives, message, help) in cases {
        tells(&field("", directives), message, help);
    }
}

#[test]
fn wrong_filters_are_told_with_a_way_out() {
    let cases = [
        ("IN: { fieldPath: \"taag\", values: [1] }", "`Employee` has no field `taag`", "did you mean `tag`?"),
        ("IN: { fieldPath: \"id\", values: [\"{{ args.b }}\"] }", "`f` has no argument `b`", "it has `a`"),
        ("IN: { fieldPath: \"id.x\", values: [1] }", "`Employee.id` is `Int` and has no fields", ""),
        ("IN: { fieldPath: \"id\", values: [] }", "`values` is empty", ""),
        ("IN: { fieldPath: \"id\", values: [{}] }", "`values` holds single values only", ""),
        ("IN: { fieldPath: \"id\", value: 1 }", "`IN` has no field `value`", "did you mean `values`?"),
        ("AND: []", "`AND` and `OR` take 1 to 64 conditions", ""),
        ("AND: [], OR: []", "a condition holds exactly one of", "write `AND` and `OR` around"),
        ("ORR: []", "`ORR` is no condition", "did you mean `OR`?"),
    ];
    for (condition, message, help) in cases {
        let filter = format!("{} @openfed__subscriptionFilter(condition: {{ {condition} }})", nats("s"));
        tells(&field("(a: Int)", &filter), message, help);
    }
    let deep = format!("{}IN: {{ }}{}", "NOT: { ".repeat(20), " }".repeat(20));
    let filter = format!("{} @openfed__subscriptionFilter(condition: {{ {deep} }})", nats("s"));
    tells(&field("", &filter), "the filter is nested deeper than 16", "");
}

#[test]
fn wrong_returns_are_told_with_a_way_out() {
    let publish = "type Mutation { f: Employee! @edfs__natsPublish(subject: \"s\") }";
    tells(publish, "`f` returns `Employee!`, which `@edfs__natsPublish`", "a publishing mutation returns");
    let cases = [
        ("[Employee]", "`f` returns `[Employee]`", "return one object"),
        ("Int", "`f` returns `Int`", "return one object"),
        ("I", "`f` returns `I`, which no object type here is", "declare the object types"),
    ];
    for (ty, message, help) in cases {
        let sdl = format!(
            "type Subscription {{ f: {ty} @eventsSubscribe(topic: \"s\") }} interface I {{ id: ID }}"
        );
        tells(&sdl, message, help);
    }
}

#[test]
fn an_event_is_of_an_object_type() {
    let sdl = "type Subscription { f: Media! @eventsSubscribe(topic: \"s\") } \
        type Media @interfaceObject @key(fields: \"id\", resolvable: false) { id: ID! }";
    tells(sdl, "`@interfaceObject` on `Media`", "declare the interface and the object types");
}

#[test]
fn a_subject_the_client_may_begin_is_warned_of() {
    let warned = |subject: &str| {
        let sdl = format!("{}\n{EMPLOYEE}", field("(a: Int!)", &nats(subject)));
        let subgraph = read("events", "events.graphql", &sdl).expect("reads");
        subgraph.warnings.into_iter().map(|warning| warning.message).collect::<Vec<_>>()
    };
    let told = "the client chooses how `{{ args.a }}.x` begins, and so whose events it is";
    assert_eq!(warned("{{ args.a }}.x"), [told]);
    assert!(warned("x.{{ args.a }}").is_empty());
    assert!(warned("{{ claims.sub }}.{{ args.a }}").is_empty());
}

#[test]
fn all_problems_are_told_at_once() {
    let found = refused(
        r#"type Subscription {
          a: Employee! @edfs__natsSubscribe(subjects: ["{{ args.x }}", ""], providerId: 3)
          b: Int @edfs__kafkaSubscribe
        }
        type edfs__PublishResult { ok: Boolean }"#,
    );
    let lines: Vec<_> = found.iter().filter_map(|diagnostic| Some(diagnostic.span.as_ref()?.line)).collect();
    assert_eq!(lines, [2, 2, 2, 3, 3, 5], "{found:?}");
}

#[test]
fn a_filter_must_fit_every_type_the_field_returns() {
    let sdl = |kind: &str| {
        format!(
            "type Subscription {{ f: E @eventsSubscribe(topic: \"s\") \
             @openfed__subscriptionFilter(condition: {{ IN: {{ fieldPath: \"x\", values: [1] }} }}) }}
             union E = A | B type A {{ x: Int }} type B {{ {kind} }}"
        )
    };
    assert_eq!(bound(&sdl("x: Float")).len(), 1);
    assert_eq!(refused(&sdl("y: Int"))[0].message, "`B` has no field `x` in this schema");
    assert!(refused(&sdl("x: [Int]"))[0].message.starts_with("`B.x` is a list"));
    assert!(refused(&sdl("x: ID"))[0].message.starts_with("`x` differs in type"));
}

#[test]
fn a_carried_binding_is_read_with_its_graph_s_own_view_of_the_types() {
    let supergraph = |args: &str| {
        format!(
            r#"
        enum join__Graph {{ EV @join__graph(name: "the-events", url: "")
          OTHER @join__graph(name: "other", url: "x") }}
        type Subscription @join__type(graph: EV) {{
          changed(ids: [Int!]): Node
            @join__directive(graphs: [EV], name: "edfs__redisSubscribe", args: {{ {args} }})
            @join__directive(graphs: [EV], name: "openfed__subscriptionFilter",
              args: {{ condition: {{ IN: {{ fieldPath: "rank", values: ["{{{{ args.ids }}}}"] }} }} }})
            @join__directive(graphs: [OTHER], name: "link", args: {{ url: "x" }})
        }}
        interface Node @join__type(graph: EV) @join__type(graph: OTHER) {{ id: ID! }}
        type A implements Node @join__type(graph: EV) @join__implements(graph: EV, interface: "Node") {{
          id: ID! rank: Int @join__field(graph: EV) }}
        type B implements Node @join__type(graph: OTHER) @join__implements(graph: OTHER, interface: "Node") {{
          id: ID! }}
        "#
        )
    };
    let bindings_of = |args: &str| bindings(&supergraph(args));
    let found = bindings_of(r#"channels: ["c"], providerId: "p""#).expect("reads");
    let [binding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((binding.root, binding.subgraph.as_str()), (Root::Subscription, "the-events"));
    assert_eq!((binding.transport, binding.provider.as_str()), (Transport::Redis, "p"));
    assert!(matches!(&binding.filter, Some(Filter::In { kind: ScalarKind::Number, .. })), "{binding:?}");
    let refusal = bindings_of("channels: 3").expect_err("refused");
    assert_eq!(refusal[0].span.as_ref().map(|span| span.source.as_str()), Some("supergraph"));
}

#[test]
fn subjects_that_nats_would_not_take_are_told_at_composition() {
    let table = [
        ("e .x", "it holds white space"),
        ("a..b", "it has an empty token"),
        (".a", "it has an empty token"),
        ("a.", "it has an empty token"),
        ("a.>.b", "`>` must be its last token"),
    ];
    for (subject, why) in table {
        tells(
            &field("", &nats(subject)),
            &format!("`{subject}` is no NATS subject: {why}"),
            "tokens are separated",
        );
    }
    for subject in ["a.*.b", "a.>", "{{ args.id }}.b", "a.{{ args.id }}{{ args.id }}", "$x"] {
        bound(&field("(id: ID!)", &nats(subject)));
    }
    let publish = "type Mutation { m: edfs__PublishResult! @edfs__natsPublish(subject: \"a.*\") }";
    tells(publish, "`a.*` is no NATS subject: a wildcard can only be subscribed to", "tokens are separated");
}
