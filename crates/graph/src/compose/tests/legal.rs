//! Shapes of events schemas that are legal in Cosmo, each in words of our own: they compose, load and are planned on.

use super::world::{events, http, plan};
use crate::compose::compose;
use crate::condition::{Filter, FilterValue};
use crate::events::bindings;
use crate::operation::Bounds;
use crate::scalar::ScalarKind;
use crate::supergraph::Supergraph;

/// Nested keys, a code list, a union of two entities and an interface: what the events schemas below point at.
const DEPOT: &str = r#"
enum Zone { NORTH SOUTH }
type Query { crates: [Crate!]! parcel(id: ID!): Parcel }
type Crate @key(fields: "id") @key(fields: "id label { text, size } place { zone, row }") {
  id: ID! name: String! label: Label! place: Place! secret: String @inaccessible
}
type Label { id: ID! text: String! size: Int! print: Print! }
type Print { ink: String! }
type Place { zone: Zone! row: String! }
interface Sent { id: ID! code: String! }
type Parcel implements Sent @key(fields: "id code") { id: ID! code: String! title: String! }
type Letter implements Sent @key(fields: "id code") { id: ID! code: String! }
type Note @key(fields: "id") { id: ID! }
"#;

fn fed2(sdl: &str) -> String {
    let imports = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.5\", \
        import: [\"@key\", \"@inaccessible\"])";
    format!("{imports}\n{sdl}")
}

const CRATE: &str = "type Crate @key(fields: \"id\", resolvable: false) { id: ID! @external }";

const FILTER: &str = "@edfs__kafkaSubscribe(topics: [\"t\"]) @openfed__subscriptionFilter";

#[test]
fn legal_shapes_compose_load_and_are_planned_on() {
    let nested = format!(
        r#"enum Zone {{ NORTH SOUTH }}
        type Crate @key(fields: "id label {{ text, size }} place {{ zone, row }}", resolvable: false) {{
          id: ID! @external label: Label! @external place: Place! @external }}
        type Label @external {{ text: String! size: Int! }}
        type Place @external {{ zone: Zone! row: String! }}
        type Subscription {{ f: Crate! {FILTER}(condition: {{ AND: [
          {{ NOT: {{ OR: [{{ IN: {{ fieldPath: "label.text", values: ["a", "b"] }} }},
            {{ IN: {{ fieldPath: "label.size", values: ["11", "22"] }} }}] }} }},
          {{ AND: [{{ NOT: {{ IN: {{ fieldPath: "place.row", values: ["r"] }} }} }},
            {{ IN: {{ fieldPath: "place.zone" values: ["NORTH"] }} }}] }}] }}) }}"#
    );
    let hidden = |field: &str| {
        format!(
            r#"type Crate @key(fields: "id", resolvable: false) @key(fields: "secret", resolvable: false) {{
              id: ID! @external {field} }}
            type Subscription {{ f: Crate! {FILTER}(condition: {{
              IN: {{ fieldPath: "secret", values: ["x"] }} }}) }}"#
        )
    };
    let sent = |letter: &str, of: &str| {
        format!(
            r#"type Parcel {of} @key(fields: "id code", resolvable: false) {{
              id: ID! @external code: String! @external }}
            {letter}
            type Subscription {{ f(code: String!): Sent! {FILTER}(condition: {{
              IN: {{ fieldPath: "code", values: ["{{{{ args.code }}}}"] }} }}) }}"#
        )
    };
    let letter = r#"type Letter implements Sent @key(fields: "id code", resolvable: false) {
        id: ID! @external code: String! @external } interface Sent { id: ID! code: String! }"#;
    let note = r#"union Sent2 = Parcel | Note
        type Note @inaccessible @key(fields: "id", resolvable: false) { id: ID! @external }"#;
    let union = sent(note, "").replace(": Sent!", ": Sent2!");
    let wrong_input = format!(
        "{CRATE} input edfs__NatsStreamConfiguration {{ consumerInactiveThreshold: String! }}
         type Subscription {{ f: Crate! @edfs__natsSubscribe(subjects: [\"c\"]) }}"
    );
    let extended = format!(
        "extend {CRATE} type Subscription {{ f: Crate! {FILTER}(condition: {{
           IN: {{ fieldPath: \"id\", values: 3.3 }} }}) }}
         scalar openfed__SubscriptionFilterValue"
    );
    let cases = [
        ("nested keys and what they filter on", &nested, "f { name label { print { ink } } }"),
        ("a hidden field here", &hidden("secret: String @external @inaccessible"), "f { name }"),
        ("a field hidden there", &hidden("secret: String @external"), "f { name }"),
        ("an interface", &sent(letter, "implements Sent"), "f(code: 1) { id ... on Parcel { title } }"),
        ("a union with a hidden member", &union, "f(code: \"1\") { ... on Parcel { title } }"),
        ("an input that is not used", &wrong_input, "f { name }"),
        ("an extension, a value that never fits", &extended, "f { name }"),
    ];
    for (what, sdl, selection) in cases {
        let sources = [http("depot", &fed2(DEPOT)), events("live", sdl)];
        let composed = compose(&sources).unwrap_or_else(|found| panic!("{what}: {found:?}"));
        super::is_valid(&composed.sdl);
        Supergraph::load(&composed.sdl).unwrap_or_else(|found| panic!("{what}: {found:?}"));
        let selection = selection.replace("code: 1", "code: \"1\"");
        let plan = plan(&composed.sdl, &format!("subscription {{ {selection} }}"));
        plan.subscribes_to("live");
        plan.asks_entities_of(&["depot"]);
    }
}

#[test]
fn a_part_of_a_value_type_is_enough_where_its_owner_can_be_asked() {
    let people = http(
        "people",
        r#"type Query { employee(id: ID!): Employee }
        type Employee @key(fields: "id org { code }") { id: ID! org: Org! }
        type Org { code: ID! title: String! head: Head } type Head { name: String! age: Int }"#,
    );
    let keyed = r#"type Employee @key(fields: "id org { code }", resolvable: false) {
        id: ID! @external org: Org! @external }
        type Org { code: ID! @external }"#;
    let told = |sdl: &str| {
        let composed = compose(&[people.clone(), events("live", sdl)]).expect("composes");
        super::is_valid(&composed.sdl);
        composed.warnings.into_iter().map(|warning| warning.message).collect::<Vec<_>>()
    };
    let hired = "type Subscription { hired: Employee! @edfs__natsSubscribe(subjects: [\"h\"]) }";
    assert_eq!(told(&format!("{hired} {keyed}")), Vec::<String>::new());
    // Through a type of the events' own the employee can still be asked.
    let batch =
        "type Subscription { f: Batch @edfs__natsSubscribe(subjects: [\"h\"]) } type Batch { e: Employee }";
    assert_eq!(told(&format!("{batch} {keyed}")), Vec::<String>::new());
    // One way that leads past the employee is one too many.
    let direct = "extend type Subscription { moved: Org @edfs__natsSubscribe(subjects: [\"o\"]) }";
    let warning = "no subgraph can be asked for `head`, `title` of `Org` with what an event carries";
    let mut messages = told(&format!("{hired} {keyed} {direct}"));
    messages.iter_mut().for_each(|message| *message = message.replace("`title`, `head`", "`head`, `title`"));
    assert_eq!(messages, [warning]);
    // A field that only events have leads to nobody.
    let own = keyed.replace("org: Org! @external", "org: Org! @external last: Org");
    let messages = told(&format!("{hired} {own}"));
    assert!(
        messages.iter().any(|message| message.starts_with("no subgraph can be asked for")),
        "{messages:?}"
    );
}

/// The planner goes by no key that overlaps with what it looks for, unless the two are taken apart.
#[test]
fn what_a_key_holds_and_what_it_does_not_are_asked_for_together() {
    let people = http(
        "people",
        r#"type Query { employees: [Employee!]! }
        type Employee @key(fields: "id org { code hq { zip } }") { id: ID! org: Org! }
        type Org { code: ID! title: String! hq: Place! } type Place { zip: String! street: String }"#,
    );
    let sdl = r#"type Subscription { hired: Employee! @edfs__natsSubscribe(subjects: ["h"]) }
        type Employee @key(fields: "id org { code hq { zip } }", resolvable: false) {
          id: ID! @external org: Org! @external }
        type Org { code: ID! @external hq: Place! @external } type Place { zip: String! @external }"#;
    let composed = compose(&[people, events("live", sdl)]).expect("composes");
    assert_eq!(composed.warnings, []);
    let supergraph = Supergraph::load(&composed.sdl).expect("loads");
    let bounds = Bounds {
        tokens_max: 1_000,
        depth_max: 12,
        selections_max: 100,
        planning_timeout: std::time::Duration::from_secs(60),
    };
    // (selection, whether anybody must be asked)
    let cases = [
        ("org { code hq { zip } }", None),
        ("org { code title }", Some("org{title}")),
        ("org { code hq { zip street } title }", Some("org{hq{street} title}")),
        ("o: org { c: code t: title }", Some("o: org{t: title}")),
        ("org { code ... @include(if: $x) { hq { zip } title } }", Some("title")),
        ("org { ...F } } } fragment F on Org { title code hq { street zip", Some("org{hq{street} title}")),
    ];
    for (selection, asked) in cases {
        let variable = if selection.contains("$x") { "($x: Boolean!)" } else { "" };
        let document = format!("subscription{variable} {{ hired {{ {selection} }} }}");
        let operation = supergraph.prepare(&document, None, &bounds);
        let operation = operation.unwrap_or_else(|errors| panic!("{document}: {errors:?}"));
        let plan = format!("{:?}", operation.plan.node);
        assert_eq!(plan.contains("people"), asked.is_some(), "{document}: {plan}");
        assert!(plan.contains(asked.unwrap_or_default()), "{document}: {plan}");
    }
}

#[test]
fn a_value_that_never_fits_is_warned_of_once_and_carried_as_written() {
    let sdl = format!(
        "{CRATE} type Subscription {{ f: Crate! {FILTER}(condition: {{
           NOT: {{ IN: {{ fieldPath: \"id\", values: [3.3, 7, true] }} }} }}) }}"
    );
    let composed = compose(&[http("depot", &fed2(DEPOT)), events("live", &sdl)]).expect("composes");
    let told: Vec<_> = composed.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(told, ["`3.3` can never be equal to an ID", "`true` can never be equal to an ID"]);
    let bindings = bindings(&composed.sdl).expect("reads back without a word");
    let Some(Filter::Not(not)) = &bindings[0].filter else { panic!("{bindings:?}") };
    let values = vec![FilterValue::Literal(serde_json::json!(7))];
    assert_eq!(**not, Filter::In { path: vec!["id".into()], kind: ScalarKind::Id, values });
}
