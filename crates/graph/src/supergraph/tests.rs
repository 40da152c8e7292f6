//! What a loaded supergraph makes of documents: plans, refusals, requirements, event roots.
//! Owns nothing beyond this room's contract; execution is proven in the engine.

mod composed;

use super::Supergraph;
use crate::Object;
use crate::operation::{Bounds, Kind, Operation, Rule};
use crate::plan::{EventFault, Node};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

const BOUNDS: Bounds = Bounds {
    tokens_max: 2_000,
    depth_max: 12,
    selections_max: 400,
    planning_timeout: Duration::from_secs(60),
};

fn shop() -> &'static Supergraph {
    static SHOP: LazyLock<Supergraph> = LazyLock::new(|| {
        Supergraph::load(include_str!("../../fixtures/shop.graphql")).expect("the fixture loads")
    });
    &SHOP
}

fn prepare(document: &str) -> Operation {
    shop().prepare(document, None, &BOUNDS).unwrap_or_else(|errors| panic!("{document}: {errors:?}"))
}

fn object(value: Value) -> Object {
    value.as_object().expect("an object").clone()
}

/// A plan on one line: `a > b` in sequence, `(a & b)` in parallel, `$v?a` under a condition.
fn outline(node: &Node) -> String {
    let all = |nodes: &[Node]| nodes.iter().map(outline).collect::<Vec<_>>();
    match node {
        Node::Sequence(nodes) => all(nodes).join(" > "),
        Node::Parallel(nodes) => {
            let mut parts = all(nodes);
            parts.sort();
            format!("({})", parts.join(" & "))
        }
        Node::Condition(guard, node) => {
            let sign = if guard.include { "" } else { "!" };
            format!("{sign}${}?{}", guard.variable, outline(node))
        }
        Node::Fetch(fetch) => format!("{}[{}]", fetch.question.subgraph, fetch.keys.join(" ")),
        Node::Entities(entities) if entities.targets.len() > 1 => {
            format!("{}×{}", entities.question.subgraph, entities.targets.len())
        }
        Node::Entities(entities) => entities.question.subgraph.to_string(),
        Node::Publish(fields) => {
            let fields = fields.iter().map(|field| format!("{}={}", field.key, field.binding.field));
            format!("broker[{}]", fields.collect::<Vec<_>>().join(" "))
        }
        Node::Introspect => "introspect".into(),
    }
}

#[test]
fn plans() {
    let cases = [
        ("subscription { orderUpdated(id: 1) { id } }", ""),
        ("subscription { orderUpdated(id: 1) { id status } }", ""),
        ("subscription { orderUpdated(id: 1) { id total } }", "orders"),
        ("subscription { orderUpdated(id: 1) { total customer { name } } }", "orders > users"),
        (
            "subscription { orderUpdated(id: 1) { customer { reviewCount } \
             items { product { reviews { id } } } } }",
            "orders > reviews×2",
        ),
        ("subscription { feed { ... on Order { total } ... on Review { body } } }", "(orders & reviews)"),
        ("subscription { nodeChanged { id ... on Product { price } } }", "products"),
        ("query { product(id: 1) { reviews { author { name } } } }", "products[product] > reviews"),
        ("query { product(id: 1) { shippingEstimate } }", "products[product] > shipping"),
        (
            "query($mail: Boolean!) { order(id: 1) { id customer @include(if: $mail) { name } } }",
            "orders[order] > $mail?users",
        ),
        ("{ __typename }", ""),
        ("{ __schema { types { name } } }", "introspect"),
        (
            "{ ...I user(id: 1) { name } } fragment I on Query { t: __type(name: \"User\") { name } }",
            "(introspect & users[user])",
        ),
        (
            "mutation { a: createOrder(order: {id:1}) { success } b: createOrder(order: {id:2}) { success }}",
            "broker[a=createOrder b=createOrder]",
        ),
        (
            "mutation { z: createOrder(order: {id: 1}) { success } x: cancelOrder(id: 1) { id } \
             b: createOrder(order: {id: 2}) { success } }",
            "broker[z=createOrder] > orders[x] > broker[b=createOrder]",
        ),
        (
            "mutation { z: createOrder(order: {id: 1}) { success } b: createOrder(order: {id: 2}) { success }\
             a: createOrder(order: {id: 3}) { success } }",
            "broker[z=createOrder b=createOrder a=createOrder]",
        ),
        ("{ lookup(id: 1) { id total } }", "broker[lookup=lookup] > orders"),
    ];
    for (document, expected) in cases {
        let operation = prepare(document);
        let plan = operation.plan.node.as_ref().map(outline).unwrap_or_default();
        assert_eq!(plan, expected, "{document}");
    }
}

#[test]
fn refusals_have_codes_and_places() {
    let deep = format!(
        "{{ product(id: 1) {}{} }}",
        "{ reviews { product ".repeat(8),
        "{ id }".to_owned() + &"} }".repeat(8)
    );
    let wide: String = (0..500).map(|n| format!("a{n}: me {{ id }} ")).collect();
    let bomb: String =
        (0..20).map(|n| format!("fragment F{n} on Query {{ ...F{} ...F{} }} ", n + 1, n + 1)).collect();
    let cases = [
        ("{ user(id: 1) { ", "GRAPHQL_PARSE_FAILED", Some(1)),
        ("\n{ nope }", "GRAPHQL_VALIDATION_FAILED", Some(2)),
        ("subscription { feed { __typename } nodeChanged { id } }", "GRAPHQL_VALIDATION_FAILED", Some(1)),
        ("subscription { __typename }", "GRAPHQL_VALIDATION_FAILED", Some(1)),
        ("query($a: Int) { user(id: $a) { id } }", "GRAPHQL_VALIDATION_FAILED", Some(1)),
        ("{ user(id: 1) { tier } } query B { me { id } }", "GRAPHQL_VALIDATION_FAILED", Some(1)),
        ("query A { me { id } } query B { me { id } }", "BAD_REQUEST", None),
        ("subscription { feed { ... on Audit { who } } }", "GRAPHQL_VALIDATION_FAILED", Some(1)),
        (&deep, "GRAPHQL_VALIDATION_FAILED", None),
        (&format!("{{ {wide} }}"), "GRAPHQL_PARSE_FAILED", None),
        (
            &format!("{{ ...F0 }} {bomb} fragment F20 on Query {{ me {{ id }} }}"),
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
    ];
    for (document, code, line) in cases {
        let errors = shop().prepare(document, None, &BOUNDS).expect_err(document);
        assert_eq!(errors[0].code.as_str(), code, "{document}: {errors:?}");
        if line.is_some() {
            assert_eq!(errors[0].locations.first().map(|place| place.0), line, "{document}");
        }
    }
    assert!(shop().prepare("query A { me { id } } query B { me { id } }", Some("B"), &BOUNDS).is_ok());
}

#[test]
fn no_alias_chooses_which_entity_is_resolved() {
    let refused = [
        "subscription { orderUpdated(id: 1) { id: status total } }",
        "subscription { orderUpdated(id: 1) { customer { id: name reviewCount } } }",
        "subscription { orderUpdated(id: 1) { __typename: status total } }",
        "subscription { feed { ...F } } fragment F on Order { id: note total }",
        "subscription { nodeChanged { ... on User { id: name } } }",
        "{ products { price: name shippingEstimate } }",
    ];
    for document in refused {
        let errors = shop().prepare(document, None, &BOUNDS).expect_err(document);
        let told = &errors[0].message;
        assert!(told.contains("choose another") || told.contains("__typename"), "{document}: {told}");
    }
    let allowed = [
        "subscription { orderUpdated(id: 1) { id: id key: id sum: total state: status } }",
        "{ id: me { name: tier } }",
        "subscription { feed { ... on Reconnected { when: at } } }",
    ];
    for document in allowed {
        assert!(shop().prepare(document, None, &BOUNDS).is_ok(), "{document}");
    }
}

#[test]
fn planning_is_bounded_in_time() {
    let bounds = Bounds { planning_timeout: Duration::ZERO, ..BOUNDS };
    let errors = shop().prepare("{ product(id: 1) { reviews { id } } }", None, &bounds).expect_err("no time");
    assert_eq!(errors[0].code.as_str(), "PLANNING_FAILED");
}

#[test]
fn no_schema_text_makes_loading_panic() {
    let whole = include_str!("../../fixtures/shop.graphql");
    let cases = [
        String::new(),
        "type Query { a: Int }".into(),
        "type Query {".into(),
        "enum join__Graph { A @join__graph(name: \"a\", url: \"\") }".into(),
        whole.replace("type Query", "type Kweri"),
        whole.replace("graph: REVIEWS", "graph: NOWHERE"),
        whole.replace("key: \"id\"", "key: \"{\""),
    ];
    for sdl in cases {
        let errors = Supergraph::load(&sdl).expect_err("a broken schema");
        assert!(!errors.is_empty() && !errors[0].message.is_empty());
    }
}

#[test]
fn the_api_hides_what_is_private_and_events_subgraphs_have_no_address() {
    let shop = shop();
    let api = shop.api_sdl();
    for hidden in ["Audit", "STAFF", "join__", "link__", "policy", "authenticated"] {
        assert!(!api.contains(hidden), "{hidden} is in {api}");
    }
    for shown in ["orderUpdated", "edfs__PublishResult", "scalar JSON", "input OrderInput"] {
        assert!(api.contains(shown), "{shown} is not in {api}");
    }
    let names: Vec<_> = shop.subgraphs.iter().map(|subgraph| subgraph.name.as_str()).collect();
    assert_eq!(names, ["orders", "products", "reviews", "shipping", "users"]);
    assert_eq!(shop.subgraphs[0].url, "http://orders.test/graphql");
    assert_eq!(shop.bindings.len(), 5);
}

#[test]
fn requirements_follow_every_selection() {
    let cases = [
        ("{ me { id name } }", vec![]),
        ("{ me { email } }", vec!["User.email"]),
        ("{ me { ...F } } fragment F on User { salary address { zip } }", vec!["Address", "User.salary"]),
        ("subscription { nodeChanged { ... on User { email } } }", vec!["User.email"]),
    ];
    for (document, expected) in cases {
        let operation = prepare(document);
        let found: Vec<_> = operation.requirements.iter().map(|it| it.coordinate.as_str()).collect();
        assert_eq!(found, expected, "{document}");
    }
    let scopes = prepare("{ me { salary } }").requirements.remove(0).rule;
    let sets = vec![vec!["read:salary".to_owned(), "hr".to_owned()], vec!["admin".to_owned()]];
    assert_eq!(scopes, Rule::Scopes(sets));

    let guarded = include_str!("../../fixtures/shop.graphql")
        .replace("type Product implements Node\n", "type Product implements Node @authenticated\n");
    let guarded = Supergraph::load(&guarded).expect("loads");
    let operation = guarded.prepare("{ nodes { id } }", None, &BOUNDS).expect("prepares");
    assert_eq!(operation.requirements[0].coordinate, "Product", "an interface asks for its objects");
}

#[test]
fn variables_read_leaves_out_the_event_roots_own() {
    let cases = [
        ("subscription($id: ID!) { orderUpdated(id: $id) { id } }", vec![]),
        (
            "subscription($id: ID!, $on: Boolean!) { orderUpdated(id: $id) { id total @include(if: $on) } }",
            vec!["on"],
        ),
        (
            "subscription($z: String) { nodeChanged { ... on Product { shippingEstimate(zip: $z) } } }",
            vec!["z"],
        ),
        ("query($id: ID!) { user(id: $id) { id } }", vec!["id"]),
        ("mutation($o: ID!) { createOrder(order: {id: $o}) { success } }", vec!["o"]),
    ];
    for (document, expected) in cases {
        let document =
            document.replace("zip: $id", "zip: $z").replace("($id: ID!) { feed", "($z: String) { feed");
        let expected: Vec<_> = if document.contains("$z") { vec!["z"] } else { expected };
        let read: Vec<_> = prepare(&document).variables_read.into_iter().collect();
        assert_eq!(read, expected, "{document}");
    }
}

#[test]
fn variables_are_coerced() {
    let operation =
        prepare("query($id: ID!, $first: Int = 2) { user(id: $id) { id } products(first: $first) { id } }");
    let given = object(json!({ "id": 7, "other": 1 }));
    assert_eq!(
        Value::Object(operation.coerce(&given).expect("fits")),
        json!({ "id": 7, "first": 2 }).clone()
    );
    for wrong in [json!({}), json!({ "id": null }), json!({ "id": {} }), json!({ "id": "a", "first": "b" })] {
        let errors = operation.coerce(&object(wrong)).expect_err("does not fit");
        assert_eq!(errors[0].code.as_str(), "BAD_USER_INPUT");
        assert!(!errors[0].message.is_empty());
    }
}

#[test]
fn arguments_take_variables_and_defaults() {
    let cases = [
        ("subscription { orderUpdated(id: 5) { id } }", json!({}), json!({ "id": "5" })),
        ("subscription($a: ID!) { orderUpdated(id: $a) { id } }", json!({ "a": "x" }), json!({ "id": "x" })),
        ("subscription { feed { __typename } }", json!({}), json!({ "userId": "7" })),
        ("subscription($a: ID) { feed(userId: $a) { __typename } }", json!({}), json!({ "userId": "7" })),
        (
            "subscription($a: ID) { feed(userId: $a) { __typename } }",
            json!({ "a": null }),
            json!({ "userId": null }),
        ),
    ];
    for (document, variables, expected) in cases {
        let event = prepare(document).event.expect("a subscription has a root");
        let arguments = event.arguments(&object(variables)).expect("good arguments");
        assert_eq!(Value::Object(arguments), expected, "{document}");
    }
    let operation = prepare("mutation($t: [String!]) { createOrder(order: {id: 1, tags: $t}) { success } }");
    let Some(Node::Publish(fields)) = &operation.plan.node else { panic!("a publish") };
    let filled = fields[0].arguments.fill(&object(json!({ "t": ["a"] }))).expect("good arguments");
    assert_eq!(
        Value::Object(filled),
        json!({ "order": { "id": "1", "amount": 1, "tags": ["a"] }, "source": "web" })
    );
}

#[test]
fn events_become_root_values() {
    let cases = [
        ("orderUpdated(id: 1) { id }", json!({ "id": 1 }), json!({ "orderUpdated": { "id": "1" } })),
        (
            "upd: orderUpdated(id: 1) { key: id s: status }",
            json!({ "id": "1", "status": "PLACED", "secret": 1 }),
            json!({ "upd": { "key": "1", "s": "PLACED" } }),
        ),
        (
            "feed { __typename ... on Reconnected { when: at } }",
            json!({ "__typename": "Reconnected", "at": "now" }),
            json!({ "feed": { "__typename": "Reconnected", "when": "now" } }),
        ),
    ];
    for (selection, payload, expected) in cases {
        let operation = prepare(&format!("subscription {{ {selection} }}"));
        assert_eq!(operation.kind, Kind::Subscription);
        let event = operation.event.expect("a subscription has a root");
        assert_eq!(event.root_value(&object(payload)), expected, "{selection}");
    }
    // What a later fetch needs is there, although the client did not ask for it.
    let event = prepare("subscription { orderUpdated(id: 1) { total } }").event.expect("a root");
    let root = event.root_value(&object(json!({ "id": 1 })));
    assert_eq!(root, json!({ "orderUpdated": { "__typename": "Order", "id": "1" } }));
}

/// `id` is an `Int` here and an `ID` there, so the planner asks for one of them under an alias of its own.
#[test]
fn keys_of_different_types_keep_their_names() {
    let document = "subscription { feed { ... on Order { total } ... on Employee { role } } }";
    let event = prepare(document).event.expect("a root");
    for (name, id, carried) in [("Order", json!("7"), json!("7")), ("Employee", json!(7), json!(7))] {
        let root = event.root_value(&object(json!({ "__typename": name, "id": id })));
        assert_eq!(root, json!({ "feed": { "__typename": name, "id": carried } }));
    }
}

#[test]
fn events_are_checked() {
    use EventFault::{KeyMissing, TypenameMissing, TypenameUnknown, WrongType};
    let order = "orderUpdated(id: 1) { id }";
    let feed = "feed { __typename }";
    let node = "nodeChanged { id }";
    let cases = [
        (order, json!({ "id": 1 }), vec![]),
        (order, json!({ "__typename": "Order", "id": "1", "status": "SHIPPED", "more": {} }), vec![]),
        (order, json!({}), vec![KeyMissing("id".into())]),
        (order, json!({ "id": null }), vec![KeyMissing("id".into())]),
        (order, json!({ "id": {} }), vec![WrongType("id".into())]),
        (order, json!({ "id": 1, "status": 3 }), vec![WrongType("status".into())]),
        (order, json!({ "id": 1, "status": "GONE" }), vec![WrongType("status".into())]),
        (order, json!({ "id": 1, "status": null }), vec![]),
        (order, json!({ "__typename": "User", "id": 1 }), vec![TypenameUnknown("User".into())]),
        (feed, json!({ "id": 1 }), vec![TypenameMissing]),
        (feed, json!({ "__typename": "Product", "id": 1 }), vec![TypenameUnknown("Product".into())]),
        (feed, json!({ "__typename": 7 }), vec![TypenameUnknown("7".into())]),
        (feed, json!({ "__typename": "Reconnected", "at": 1 }), vec![WrongType("at".into())]),
        (node, json!({ "__typename": "Product", "id": 1 }), vec![]),
        (node, json!({ "__typename": "Node", "id": 1 }), vec![TypenameUnknown("Node".into())]),
    ];
    for (selection, payload, expected) in cases {
        let event = prepare(&format!("subscription {{ {selection} }}")).event.expect("a root");
        assert_eq!(event.check(&object(payload.clone())), expected, "{selection} {payload}");
    }
}

#[test]
fn entity_keys_name_the_entity() {
    let key = |selection: &str, payload: Value| {
        let event = prepare(&format!("subscription {{ {selection} }}")).event.expect("a root");
        event.entity_key(&object(payload))
    };
    let feed = "feed { __typename }";
    let one = key(feed, json!({ "__typename": "Order", "id": 1, "status": "PLACED" }));
    assert!(one.is_some());
    assert_eq!(one, key("orderUpdated(id: 1) { id }", json!({ "id": "1" })), "an ID is its text");
    assert_ne!(one, key(feed, json!({ "__typename": "Review", "id": 1 })));
    assert_ne!(one, key(feed, json!({ "__typename": "Order", "id": 2 })));
    assert_eq!(key(feed, json!({ "__typename": "Order" })), None);
    assert_eq!(key(feed, json!({ "__typename": "Reconnected", "at": "x" })), None);
}

/// JSON of any shape, with the names that mean something among its members.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["__typename", "id", "status", "at", "x"]);
    let words = prop::sample::select(vec!["Order", "Review", "Reconnected", "Node", "PLACED", "1", ""]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let members = prop::collection::vec((names.clone(), inner.clone()), 0..4);
        let object =
            |members: Vec<(&str, Value)>| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            members.prop_map(move |members| Value::Object(object(members))),
        ]
    })
}

proptest! {
    #[test]
    fn no_payload_makes_an_event_root_panic(payload in any_json()) {
        static ROOTS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
            let selections =
                ["orderUpdated(id: 1) { id total }", "feed { __typename }", "nodeChanged { id }"];
            selections.map(|selection| prepare(&format!("subscription {{ {selection} }}"))).into()
        });
        let Value::Object(payload) = payload else { return Ok(()) };
        for event in ROOTS.iter().filter_map(|operation| operation.event.as_ref()) {
            let faults = event.check(&payload);
            prop_assert!(event.root_value(&payload).is_object());
            if faults.iter().any(|fault| fault.is_fatal() || matches!(fault, EventFault::KeyMissing(_))) {
                prop_assert_eq!(event.entity_key(&payload), None);
            }
        }
    }
}
