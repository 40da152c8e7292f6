//! Responses as bytes, for documents × events × subgraphs that behave and that do not; and what sharing
//! costs.
//! Owns the expectations; the fakes are in `world`.

mod sharing;
mod world;

use proptest::prelude::*;
use serde_json::{Value, json};
use world::{Behaviour, World};

use crate::limits::Limits;
use crate::port::SubgraphError;

#[tokio::test]
async fn responses() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("tests/cases.json")).expect("cases are JSON");
    assert!(cases.len() >= 30);
    for case in cases {
        let document = case["document"].as_str().expect("a case has a document");
        let world = World::new();
        let response = world.respond(document, case["variables"].clone(), case["event"].clone()).await;
        // As text: the order of members is the client's.
        assert_eq!(response, case["response"].to_string(), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn subgraphs_that_misbehave_cost_one_response_its_fields() {
    let say = |text: &str| Behaviour::Say(text.to_owned());
    let nonsense = "subgraph `orders` answered with something that is no GraphQL response";
    let no_object = "subgraph `orders` answered with an entity that is no object";
    let cases = [
        (say("<html>"), nonsense),
        (say("[]"), nonsense),
        (say(""), nonsense),
        (say("{}"), "subgraph `orders` answered without data"),
        (say(r#"{"data":null}"#), "subgraph `orders` answered without data"),
        (say(r#"{"data":7}"#), "subgraph `orders` answered with data that is no object"),
        (say(r#"{"data":{}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":null}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":{}}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":[]}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":["x"]}}"#), no_object),
        (say(r#"{"data":null,"errors":[{"message":"m"}]}"#), "m"),
        (
            say(r#"{"data":null,"errors":["m"]}"#),
            "subgraph `orders` answered with an error that is no object",
        ),
        (say(r#"{"errors":[{"path":7}]}"#), "subgraph `orders` answered with an error that has no message"),
        (say(r#"{"errors":7,"data":{"_entities":[7]}}"#), no_object),
        (Behaviour::Fail(SubgraphError::Status(503)), "subgraph `orders` answered with status 503"),
        (Behaviour::Fail(SubgraphError::TooLarge(9)), "subgraph `orders` answer is larger than 9 bytes"),
        (
            Behaviour::Fail(SubgraphError::Unreachable("10.0.0.1".into())),
            "subgraph `orders` could not be reached",
        ),
        (Behaviour::Never, "subgraph `orders` did not answer in time"),
        (Behaviour::Panic, "subgraph `orders` could not be reached"),
    ];
    for (behaviour, message) in cases {
        let world = World::with(&[("orders", behaviour)], &[], Limits::default());
        let document = "subscription { up: orderUpdated(id: 1) { id note } }";
        let response = world.respond(document, json!({}), json!({ "id": 1 })).await;
        let error = json!({
            "message": message,
            "path": ["up"],
            "extensions": { "serviceName": "orders", "code": "DOWNSTREAM_SERVICE_ERROR" },
        });
        let expected = json!({ "data": { "up": { "id": "1", "note": null } }, "errors": [error] });
        assert_eq!(serde_json::from_str::<Value>(&response).unwrap(), expected, "{message}");
        assert_eq!(world.resolver.metrics.subgraph_requests.count(&["orders"]), 1);
    }
}

#[tokio::test]
async fn a_root_fetch_that_fails_names_every_field_it_was_for() {
    let world = World::with(&[("users", Behaviour::Say("nonsense".into()))], &[], Limits::default());
    let response =
        world.respond("{ user(id: 1) { id } u: user(id: 2) { id } }", json!({}), Value::Null).await;
    let response: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["data"], json!({ "user": null, "u": null }));
    let paths: Vec<_> = response["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, [&json!(["user"]), &json!(["u"])]);
    assert_eq!(world.resolver.metrics.subgraph_errors.count(&["users"]), 1);
}

/// JSON of any shape, with the names of a subgraph's answer among its members.
fn any_answer() -> impl Strategy<Value = Value> {
    let names =
        ["data", "errors", "_entities", "__typename", "path", "message", "items", "product", "total", "name"];
    let names = prop::sample::select(names.to_vec());
    let words = prop::sample::select(vec!["Order", "Product", "_entities", "text"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(5, 40, 4, move |inner| {
        let members = prop::collection::vec((names.clone(), inner.clone()), 0..5);
        let object =
            |members: Vec<(&str, Value)>| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            members.prop_map(move |members| Value::Object(object(members))),
        ]
    });
    // Most answers get past the first look.
    prop_oneof![
        any.clone(),
        (any.clone(), any.clone()).prop_map(|(entities, errors)| {
            json!({ "data": { "_entities": entities }, "errors": errors })
        }),
        (any.clone(), any).prop_map(|(entity, path)| {
            let error = json!({ "message": "m", "path": ["_entities", 0, path] });
            json!({ "data": { "_entities": [entity] }, "errors": [error] })
        }),
    ]
}

proptest! {
    #[test]
    fn no_answer_makes_a_response_panic_or_break_its_types(orders in any_answer(), products in any_answer()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let say = |answer: Value| Behaviour::Say(answer.to_string());
        let behaviours = [("orders", say(orders)), ("products", say(products))];
        let world = World::with(&behaviours, &[], Limits::default());
        let document = "subscription { orderUpdated(id: 1) { id total items { product { name } } } }";
        let response = runtime.block_on(world.respond(document, json!({}), json!({ "id": 1 })));
        let response: Value = serde_json::from_str(&response).expect("a response is JSON");
        let order = &response["data"]["orderUpdated"];
        prop_assert!(order.is_null() || (order["total"].is_number() && order["id"] == "1"));
        for item in order["items"].as_array().into_iter().flatten() {
            prop_assert!(item["product"]["name"].is_string());
        }
        prop_assert!(!order.is_null() || !response["errors"].as_array().unwrap().is_empty());
    }
}
