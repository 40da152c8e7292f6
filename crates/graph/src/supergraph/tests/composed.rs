//! What `compose` writes, loaded and planned on.

use super::{BOUNDS, object, outline};
use crate::compose::{SchemaSource, compose};
use crate::plan::{EventFault, Node};
use crate::supergraph::Supergraph;
use serde_json::json;

fn source(name: &str, url: Option<&str>, sdl: &str) -> SchemaSource {
    SchemaSource {
        name: name.into(),
        routing_url: url.map(String::from),
        sdl: sdl.into(),
        origin: format!("{name}.graphql"),
    }
}

#[test]
fn what_compose_writes_is_loaded_and_planned() {
    let events = r#"
        type Subscription {
          employeeUpdated(employeeID: Int!): Employee!
            @edfs__natsSubscribe(subjects: ["employeeUpdated.{{ args.employeeID }}"])
        }
        type Mutation { hire(name: String!): edfs__PublishResult! @edfs__natsPublish(subject: "hired") }
        type edfs__PublishResult { success: Boolean! }
        type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
    "#;
    let employees = r#"
        type Query { employee(id: Int!): Employee }
        type Employee @key(fields: "id") { id: Int! name: String! }
    "#;
    let moods = r#"type Employee @key(fields: "id") { id: Int! mood: String }"#;
    let sources = [
        source("events", None, events),
        source("employees", Some("http://employees.test"), employees),
        source("moods", Some("http://moods.test"), moods),
    ];
    let composed = compose(&sources).expect("composes");
    let supergraph = Supergraph::load(&composed.sdl).expect("loads");
    let names: Vec<_> = supergraph.subgraphs.iter().map(|subgraph| subgraph.name.as_str()).collect();
    assert_eq!(names, ["employees", "moods"]);
    let document = "subscription($e: Int!) { employeeUpdated(employeeID: $e) { name mood } }";
    let operation = supergraph.prepare(document, None, &BOUNDS).expect("prepares");
    assert_eq!(operation.plan.node.as_ref().map(outline).unwrap_or_default(), "(employees & moods)");
    let event = operation.event.expect("a root");
    assert_eq!(event.check(&object(json!({ "__typename": "Employee", "id": 1 }))), []);
    assert_eq!(event.check(&object(json!({ "id": "1" }))), [EventFault::WrongType("id".into())]);
    let hire = supergraph.prepare(r#"mutation { hire(name: "A") { success } }"#, None, &BOUNDS);
    let hire = hire.expect("prepares");
    assert_eq!(hire.plan.node.as_ref().map(outline).unwrap_or_default(), "broker[hire=hire]");
}

/// An event carries the part of a value type that its entity's key is made of; the entity's owner has the rest.
#[test]
fn the_rest_of_a_value_type_is_asked_of_the_owner_of_its_entity() {
    let people = r#"
        type Query { people: [Employee!]! }
        type Employee @key(fields: "id org { code }") { id: ID! org: Org! }
        type Org { code: ID! title: String! }
    "#;
    let events = r#"
        type Query { employee: Employee! @edfs__natsRequest(subject: "employee") }
        type Subscription { hired: Employee! @edfs__natsSubscribe(subjects: ["hired"]) }
        type Employee @key(fields: "id org { code }", resolvable: false) { id: ID! @external org: Org! @external }
        type Org { code: ID! @external }
    "#;
    let sources = [source("people", Some("http://people.test"), people), source("events", None, events)];
    let composed = compose(&sources).unwrap_or_else(|found| panic!("{found:?}"));
    assert_eq!(composed.warnings, []);
    let supergraph = Supergraph::load(&composed.sdl).expect("loads");
    let request = supergraph.prepare("{ employee { org { code title } } }", None, &BOUNDS).expect("prepares");
    assert_eq!(
        request.plan.node.as_ref().map(outline).unwrap_or_default(),
        "broker[employee=employee] > people"
    );
    let hired = supergraph.prepare("subscription { hired { org { code title } } }", None, &BOUNDS);
    let hired = hired.expect("prepares");
    let Some(Node::Entities(entities)) = &hired.plan.node else { panic!("{:?}", hired.plan.node) };
    let document = &entities.question.document;
    assert!(document.contains("...on Employee{org{title}}"), "{document}");
    let event = hired.event.expect("a root");
    let payload = object(json!({ "id": 1, "org": { "code": "a", "title": "not the key" } }));
    assert_eq!(event.check(&payload), []);
    let carried = json!({ "hired": { "__typename": "Employee", "id": "1", "org": { "code": "a" } } });
    assert_eq!(event.root_value(&payload), carried);
}
