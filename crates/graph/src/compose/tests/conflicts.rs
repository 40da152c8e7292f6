//! What composition refuses: with a place, a reason and a way out, and all of it at once.

use super::world::{EMPLOYEES, events, http};
use crate::compose::{SchemaSource, compose};
use crate::diagnostic::Diagnostic;

fn refused(sdl: &str) -> Vec<Diagnostic> {
    let mut sources: Vec<SchemaSource> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
    sources.push(events("events", sdl));
    compose(&sources).expect_err("refused")
}

fn subscription(types: &str) -> String {
    format!("type Subscription {{ f: T! @edfs__natsSubscribe(subjects: [\"s\"]) }}\n{types}")
}

#[test]
fn conflicts_with_the_supergraph_have_a_place_and_a_way_out() {
    let cases = [
        (
            "type T { e: Employee! } type Employee @key(fields: \"id\", resolvable: false) { id: String! }",
            "`Employee.id` is `String!` here and `Int!` in the supergraph",
            "write `id: Int!`",
        ),
        (
            "type T { e: Employee! } type Employee @key(fields: \"tag\", resolvable: false) { tag: String! }",
            "no subgraph can be asked for `availability`, `details`, `id` of `Employee`",
            "declare its key here: `type Employee @key(fields: \"id\", resolvable: false)`",
        ),
        (
            "type T { e: Employe! } type Employe @key(fields: \"id\", resolvable: false) { id: Int! }",
            "no subgraph knows the entity `Employe`",
            "did you mean `Employee`?",
        ),
        (
            "type T { e: Employee } enum Employee { A }",
            "`Employee` is enum here and object in the supergraph",
            "rename one of the two",
        ),
        (
            "type T @key(fields: \"id no\", resolvable: false) { id: Int! }",
            "the key `id no` names a field that `T` lacks",
            "declare every key field in this schema",
        ),
    ];
    for (types, message, help) in cases {
        let found = refused(&subscription(types));
        let first = &found[0];
        assert!(first.message.starts_with(message), "{first}");
        assert!(first.help.as_deref().is_some_and(|text| text.starts_with(help)), "{first}");
        let span = first.span.as_ref().expect("a place");
        assert_eq!((span.source.as_str(), span.line), ("events.graphql", 2), "{first}");
    }
}

/// A value type of a subgraph that an event holds a part of: legal, and a client that asks for the rest is refused.
#[test]
fn the_rest_of_a_value_type_is_warned_of_where_nobody_can_be_asked() {
    let mut sources: Vec<SchemaSource> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
    let types = "type T { d: Details! } type Details { forename: String! }";
    sources.push(events("events", &subscription(types)));
    let warnings = compose(&sources).expect("composes").warnings;
    let [warning] = warnings.as_slice() else { panic!("one warning: {warnings:?}") };
    assert!(warning.message.starts_with("no subgraph can be asked for `surname` of `Details`"), "{warning}");
    let help = "add `@key` to `Details` in a subgraph, or declare all its fields here";
    assert_eq!(warning.help.as_deref(), Some(help));
    let span = warning.span.as_ref().expect("a place");
    assert_eq!((span.source.as_str(), span.line), ("events.graphql", 2), "{warning}");
}

#[test]
fn what_is_no_graphql_is_told_at_its_place() {
    let cases = [
        ("type T { a: Int\n a: Int }", 3),
        ("type T { a(b: Int): In }\ninput In { x: Int }", 2),
        ("union T = U | E\ntype U { a: Int } enum E { A }", 2),
        ("type T { a: Int }\ninput In { x: In! }", 3),
        ("interface T { a: Int }\ntype U implements T { a: String }", 3),
    ];
    for (types, line) in cases {
        let found = refused(&subscription(types));
        let spans: Vec<_> = found.iter().filter_map(|diagnostic| diagnostic.span.as_ref()).collect();
        let told = spans.iter().any(|span| span.source == "events.graphql" && span.line == line);
        assert!(told, "{types}: {found:?}");
    }
}

#[test]
fn a_root_field_has_one_source() {
    let found = refused(
        r#"type Query { employee(id: Int!): Employee @edfs__natsRequest(subject: "e") }
           type Employee @key(fields: "id", resolvable: false) { id: Int! }"#,
    );
    assert_eq!(found[0].message, "`Query.employee` is in the supergraph already");
}

#[test]
fn undeclared_types_do_not_reach_the_composer() {
    let broken = http("broken", "type Query { a: Ordr b(in: Inn): Order } type Order { id: ID! }");
    let found =
        compose(&[broken, events("events", &subscription("type T { x: Nowhere }"))]).expect_err("refused");
    let messages: Vec<_> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`Query.a` names `Ordr`, which is not declared",
            "`Query.b(in:)` names `Inn`, which is not declared",
            "`T.x` names `Nowhere`, which is not declared",
        ]
    );
    assert_eq!(found[0].help.as_deref(), Some("did you mean `Order`?"));
}

#[test]
fn syntax_errors_of_every_source_are_shown_with_their_place() {
    let sources =
        [http("one", "type Query {"), http("two", "\n  tpe Query"), http("ok", "type Query { a: Int }")];
    let found = compose(&sources).expect_err("refused");
    let places: Vec<_> = found.iter().filter_map(|diagnostic| diagnostic.span.as_ref()).collect();
    assert!(places.iter().any(|span| span.source == "one.graphql"), "{found:?}");
    assert!(places.iter().any(|span| span.source == "two.graphql" && span.line == 2), "{found:?}");
}

#[test]
fn sources_must_be_told_apart_and_answered_for() {
    let plain = "type Query { a: Int }";
    let found = compose(&[http("a", plain), http("A", plain), events("b", plain)]).expect_err("refused");
    let messages: Vec<_> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["two subgraphs are called `A`", "subgraph `b` has no routing_url"]);
    let nothing = compose(&[]).expect_err("refused");
    assert_eq!(nothing[0].message, "there is no subgraph to compose");
}

#[test]
fn the_composer_s_own_errors_come_through() {
    let one = http("one", "type Query { a: Thing } type Thing @key(fields: \"id\") { id: ID! }");
    let two = http("two", "type Query { b: Thing } enum Thing { A }");
    let found = compose(&[one, two]).expect_err("refused");
    assert!(found.iter().any(|diagnostic| diagnostic.message.contains("Thing")), "{found:?}");
}

#[test]
fn a_misspelt_event_directive_is_told_whether_or_not_the_subgraph_has_an_address() {
    let sdl = "type Subscription { a: A! @edfs__natsSubscrib(subjects: [\"a\"]) } type A { id: ID! }";
    for routing_url in [None, Some("http://a".to_owned())] {
        let (name, origin) = ("events".to_owned(), "events.graphql".to_owned());
        let source = SchemaSource { name, routing_url, sdl: sdl.into(), origin };
        let found = compose(&[source]).expect_err("refused");
        let [told] = &found[..] else { panic!("one finding: {found:?}") };
        assert_eq!(told.message, "`@edfs__natsSubscrib` is no directive of the event dialect");
        assert_eq!(told.help.as_deref(), Some("did you mean `@edfs__natsSubscribe`?"));
    }
}
