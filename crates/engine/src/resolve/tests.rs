//! Responses as bytes, for documents × events × subgraphs that behave and that do not; and what sharing costs.
//! Owns the expectations; the fakes are in `world`.

mod sharing;
mod world;

use serde_json::{Value, json};
use world::{Behaviour, World};

use crate::limits::Limits;
use crate::port::SubgraphError;

async fn check(document: &str, variables: Value, payload: Value, expected: &str) {
    let response = World::new().respond(document, variables, payload).await;
    assert_eq!(response, expected, "{document}");
}

#[tokio::test]
async fn responses_of_queries_and_mutations() {
    let cases = [
        ("{ me { name id } }", json!({}), r#"{"data":{"me":{"name":"Ada","id":"u1"}}}"#),
        ("{ a: me { b: name } __typename }", json!({}), r#"{"data":{"a":{"b":"Ada"},"__typename":"Query"}}"#),
        (
            "query($on: Boolean!) { me { id @skip(if: $on) name @include(if: $on) ...F @include(if: $on) } } fragment F on User { tier }",
            json!({ "on": true }),
            r#"{"data":{"me":{"name":"Ada","tier":"PRO"}}}"#,
        ),
        (
            "query($on: Boolean!) { me { id @skip(if: $on) name @include(if: $on) ...F @include(if: $on) } } fragment F on User { tier }",
            json!({ "on": false }),
            r#"{"data":{"me":{"id":"u1"}}}"#,
        ),
        (
            "query($on: Boolean!) { order(id: 1) { total customer @include(if: $on) { name } } }",
            json!({ "on": false }),
            r#"{"data":{"order":{"total":5}}}"#,
        ),
        (
            "{ products { name reviews { rating author { name } } } }",
            json!({}),
            r#"{"data":{"products":[{"name":"Lamp","reviews":[{"rating":5,"author":{"name":"Ada"}},{"rating":1,"author":null}]},{"name":"Rug","reviews":[]}]}}"#,
        ),
        (
            "{ products { shippingEstimate } }",
            json!({}),
            r#"{"data":{"products":[{"shippingEstimate":12.5},{"shippingEstimate":99.5}]}}"#,
        ),
        (
            "{ nodes { __typename id ... on Product { price } ... on User { tier } } }",
            json!({}),
            r#"{"data":{"nodes":[{"__typename":"Product","id":"p1","price":10},null,{"__typename":"Product","id":"p2","price":99.5},null]}}"#,
        ),
        ("{ user(id: 2) { name tier } }", json!({}), r#"{"data":{"user":{"name":"Bob","tier":null}}}"#),
        (
            "mutation { a: createOrder(order: {id: 1}) { ok: success } b: createOrder(order: {id: 2}) { success __typename } }",
            json!({}),
            r#"{"data":{"a":{"ok":true},"b":{"success":true,"__typename":"edfs__PublishResult"}}}"#,
        ),
        (
            "mutation($skip: Boolean!) { a: createOrder(order: {id: 13}) @skip(if: $skip) { success } cancelOrder(id: 1) { id } }",
            json!({ "skip": true }),
            r#"{"data":{"cancelOrder":{"id":"1"}}}"#,
        ),
        (
            "mutation { createOrder(order: {id: 13}) { success } }",
            json!({}),
            r#"{"data":null,"errors":[{"message":"unlucky","path":["createOrder"],"extensions":{"code":"PUBLISH_REFUSED"}}]}"#,
        ),
        ("{ lookup(id: 1) { id total } }", json!({}), r#"{"data":{"lookup":{"id":"1","total":12.5}}}"#),
        (
            "{ t: __type(name: \"Tier\") { enumValues { name } } me { id } }",
            json!({}),
            r#"{"data":{"t":{"enumValues":[{"name":"FREE"},{"name":"PRO"}]},"me":{"id":"u1"}}}"#,
        ),
        (
            "query($n: String!) { __type(name: $n) { kind } }",
            json!({ "n": "User" }),
            r#"{"data":{"__type":{"kind":"OBJECT"}}}"#,
        ),
    ];
    for (document, variables, expected) in cases {
        check(document, variables, Value::Null, expected).await;
    }
}

#[tokio::test]
async fn responses_of_events() {
    let cases = [
        ("orderUpdated(id: 1) { id }", json!({ "id": 1 }), r#"{"data":{"orderUpdated":{"id":"1"}}}"#),
        (
            "up: orderUpdated(id: 1) { key: id state: status sum: total }",
            json!({ "id": 1, "status": "PLACED" }),
            r#"{"data":{"up":{"key":"1","state":"PLACED","sum":12.5}}}"#,
        ),
        (
            "orderUpdated(id: 1) { customer { name reviewCount address { country zip } } total }",
            json!({ "id": 1 }),
            r#"{"data":{"orderUpdated":{"customer":{"name":"Ada","reviewCount":1,"address":{"country":"GB","zip":null}},"total":12.5}}}"#,
        ),
        (
            "orderUpdated(id: 1) { items { quantity product { name cost: shippingEstimate } } }",
            json!({ "id": 1 }),
            r#"{"data":{"orderUpdated":{"items":[{"quantity":1,"product":{"name":"Lamp","cost":12.5}},{"quantity":2,"product":{"name":"Rug","cost":99.5}},{"quantity":3,"product":{"name":"Lamp","cost":12.5}}]}}}"#,
        ),
        // Two kinds of entities from one subgraph: one request with two `_entities` fields.
        (
            "orderUpdated(id: 1) { customer { reviewCount } items { product { reviews { body } } } }",
            json!({ "id": 1 }),
            r#"{"data":{"orderUpdated":{"customer":{"reviewCount":1},"items":[{"product":{"reviews":[{"body":"good"},{"body":"bad"}]}},{"product":{"reviews":[]}},{"product":{"reviews":[{"body":"good"},{"body":"bad"}]}}]}}}"#,
        ),
        (
            "orderUpdated(id: 1) { serial extra }",
            json!({ "id": 1 }),
            r#"{"data":{"orderUpdated":{"serial":9007199254740993,"extra":{"b":[1,{"__typename":"x"}],"a":null}}}}"#,
        ),
        (
            "feed { __typename ... on Order { note } ... on Review { rating author { name } } ... on Reconnected { at } }",
            json!({ "__typename": "Review", "id": "r1" }),
            r#"{"data":{"feed":{"__typename":"Review","rating":5,"author":{"name":"Ada"}}}}"#,
        ),
        (
            "feed { ... on Review { x: body } ... on Reconnected { x: at } }",
            json!({ "__typename": "Reconnected", "at": "now" }),
            r#"{"data":{"feed":{"x":"now"}}}"#,
        ),
        (
            "nodeChanged { id ...P ... on User { name } } fragment P on Product { price }",
            json!({ "__typename": "Product", "id": "p2" }),
            r#"{"data":{"nodeChanged":{"id":"p2","price":99.5}}}"#,
        ),
        (
            "orderUpdated(id: 9) { id total }",
            json!({ "id": 9 }),
            r#"{"data":{"orderUpdated":null},"errors":[{"message":"cannot return null for the non-nullable field `total`","path":["orderUpdated","total"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
    ];
    for (selection, payload, expected) in cases {
        let (selection, fragment) = selection.split_once(" fragment").unwrap_or((selection, ""));
        let fragment = if fragment.is_empty() { String::new() } else { format!("fragment{fragment}") };
        check(&format!("subscription {{ {selection} }} {fragment}"), json!({}), payload, expected).await;
    }
}

#[tokio::test]
async fn errors_and_nulls_of_single_fields() {
    let cases = [
        // A leaf of a wrong type is null with an error; an unknown enum value is null without a word.
        (
            "orderUpdated(id: 2) { note status }",
            json!({ "id": 2, "status": "GONE" }),
            r#"{"data":{"orderUpdated":{"note":null,"status":null}},"errors":[{"message":"the value of `note` is not a string","path":["orderUpdated","note"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
        // Null climbs from `total: Float!` to the nearest nullable field.
        (
            "orderUpdated(id: 2) { total note }",
            json!({ "id": 2 }),
            r#"{"data":{"orderUpdated":null},"errors":[{"message":"cannot return null for the non-nullable field `total`","path":["orderUpdated","total"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
        // Null inside [OrderItem!] takes the list.
        (
            "orderUpdated(id: 3) { total items { quantity } }",
            json!({ "id": 3 }),
            r#"{"data":{"orderUpdated":{"total":1,"items":null}},"errors":[{"message":"the value of `quantity` is not a whole number of 32 bits","path":["orderUpdated","items",0,"quantity"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
        (
            "orderUpdated(id: 3) { total customer { name } }",
            json!({ "id": 3 }),
            r#"{"data":{"orderUpdated":{"total":1,"customer":null}},"errors":[{"message":"cannot return null for the non-nullable field `name`","path":["orderUpdated","customer","name"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
        // A subgraph's error keeps its code and gets the client's path.
        (
            "up: orderUpdated(id: 2) { id buyer: customer { mail: email } }",
            json!({ "id": 2 }),
            r#"{"data":{"up":{"id":"2","buyer":{"mail":null}}},"errors":[{"message":"mail is down","path":["up","buyer","mail"],"extensions":{"code":"TEAPOT","serviceName":"users"}}]}"#,
        ),
        (
            "orderUpdated(id: 4) { id note }",
            json!({ "id": 4 }),
            r#"{"data":{"orderUpdated":{"id":"4","note":null}},"errors":[{"message":"order four is broken","path":["orderUpdated"],"extensions":{"code":"TEAPOT","serviceName":"orders"}}]}"#,
        ),
        // The non-null root has nothing nullable around it.
        (
            "feed { ... on Reconnected { at } }",
            json!({ "__typename": "Reconnected" }),
            r#"{"data":null,"errors":[{"message":"cannot return null for the non-nullable field `at`","path":["feed","at"],"extensions":{"code":"INVALID_VALUE"}}]}"#,
        ),
    ];
    for (selection, payload, expected) in cases {
        check(&format!("subscription {{ {selection} }}"), json!({}), payload, expected).await;
    }
    check(
        "{ user(id: 2) { email name } }",
        json!({}),
        Value::Null,
        r#"{"data":{"user":{"email":null,"name":"Bob"}},"errors":[{"message":"mail is down","path":["user","email"],"extensions":{"code":"TEAPOT","serviceName":"users"}}]}"#,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn subgraphs_that_misbehave_cost_one_response_its_fields() {
    let say = Behaviour::Say;
    let cases = [
        (say("<html>"), "subgraph `orders` answered with something that is no GraphQL response"),
        (say("[]"), "subgraph `orders` answered with something that is no GraphQL response"),
        (say(""), "subgraph `orders` answered with something that is no GraphQL response"),
        (say("{}"), "subgraph `orders` answered without data"),
        (say(r#"{"data":null}"#), "subgraph `orders` answered without data"),
        (say(r#"{"data":7}"#), "subgraph `orders` answered with data that is no object"),
        (say(r#"{"data":{}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":null}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":{}}}"#), "subgraph `orders` answered with too few entities"),
        (say(r#"{"data":{"_entities":[]}}"#), "subgraph `orders` answered with too few entities"),
        (
            say(r#"{"data":{"_entities":["x"]}}"#),
            "subgraph `orders` answered with an entity that is no object",
        ),
        (say(r#"{"data":null,"errors":[{"message":"m"}]}"#), "m"),
        (
            say(r#"{"data":null,"errors":["m"]}"#),
            "subgraph `orders` answered with an error that is no object",
        ),
        (say(r#"{"errors":[{"path":7}]}"#), "subgraph `orders` answered with an error that has no message"),
        (
            say(r#"{"errors":7,"data":{"_entities":[7]}}"#),
            "subgraph `orders` answered with an entity that is no object",
        ),
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
    let world = World::with(&[("users", Behaviour::Say("nonsense"))], &[], Limits::default());
    let response =
        world.respond("{ user(id: 1) { id } u: user(id: 2) { id } }", json!({}), Value::Null).await;
    let response: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["data"], json!({ "user": null, "u": null }));
    let paths: Vec<_> = response["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, [&json!(["user"]), &json!(["u"])]);
    assert_eq!(world.resolver.metrics.subgraph_errors.count(&["users"]), 1);
}
