//! Every embedded subgraph answers its root fields and `_entities`, in the form that a router asks.

use super::*;
use crate::demo::subgraphs;

fn ask(name: &str, query: &str, variables: Value) -> Value {
    let all = subgraphs(&Arc::new(World::load()));
    let subgraph = all.iter().find(|subgraph| subgraph.name == name).unwrap();
    let body = json!({ "query": query, "variables": variables });
    serde_json::from_slice(&subgraph.answer(body.to_string().as_bytes())).unwrap()
}

#[test]
fn root_fields() {
    let bundle_and_product = json!([
        { "__typename": "Product", "id": "p-1", "name": "Harbour Breakfast" },
        { "__typename": "Bundle", "products": [{ "id": "p-2" }, { "id": "p-4" }] },
    ]);
    for (name, query, expected) in [
        (
            "customers",
            "{ customers { id city } }",
            json!({ "customers": [
            { "id": "alice", "city": "Oslo" },
            { "id": "bob", "city": "Lisbon" },
            { "id": "carol", "city": "Lyon" },
        ] }),
        ),
        ("customers", "{ customer(id: \"nobody\") { id } }", json!({ "customer": null })),
        (
            "orders",
            "{ order(id: \"o-2\") { status customer { id orders { id } } product { id } } }",
            json!({ "order": { "status": "PAID", "customer": { "id": "bob", "orders": [{ "id": "o-2" }] },
                "product": { "id": "p-2" } } }),
        ),
        (
            "products",
            "{ search(text: \"br\") { __typename ... on Product { id name } } }",
            json!({ "search": [bundle_and_product[0]] }),
        ),
        (
            "products",
            "{ search(text: \"morning\") { __typename ... on Bundle { products { id } } } }",
            json!({ "search": [bundle_and_product[1]] }),
        ),
        (
            "matches",
            "{ match(id: \"m-1\") { homeGoals awayGoals home { id } } }",
            json!({ "match": { "homeGoals": 1, "awayGoals": 0, "home": { "id": "t-1" } } }),
        ),
        ("teams", "{ team(id: \"t-4\") { name } }", json!({ "team": { "name": "Saltmarsh United" } })),
        (
            "employees",
            "{ employee(id: 2) { details { forename } role } }",
            json!({ "employee": { "details": { "forename": "Mira" }, "role": "Pilot" } }),
        ),
        (
            "availability",
            "{ present { id location } }",
            json!({ "present": [
            { "id": 1, "location": "Bergen" }, { "id": 3, "location": "Porto" } ] }),
        ),
    ] {
        assert_eq!(ask(name, query, json!({})), json!({ "data": expected }), "{name}: {query}");
    }
}

#[test]
fn an_interface_field_returns_every_type_behind_it() {
    let answer = ask("products", "{ catalog { __typename name priceCents } }", json!({}));
    let types: Vec<&str> = answer["data"]["catalog"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["__typename"].as_str())
        .collect();
    assert_eq!(types, ["Product", "Product", "Product", "Product", "Bundle", "Bundle"]);
}

#[test]
fn entities_in_the_order_asked_with_null_for_unknown_ones() {
    for (name, typename, fields, known, expected) in [
        ("customers", "Customer", "name", json!("bob"), json!({ "name": "Bob Castro" })),
        ("orders", "Order", "quantity", json!("o-4"), json!({ "quantity": 4 })),
        ("orders", "Customer", "orders { id }", json!("carol"), json!({ "orders": [{ "id": "o-4" }] })),
        ("products", "Product", "name", json!("p-4"), json!({ "name": "Lighthouse Mug" })),
        ("products", "Bundle", "priceCents", json!("b-1"), json!({ "priceCents": 2490 })),
        ("matches", "Match", "minute", json!("m-2"), json!({ "minute": 3 })),
        ("teams", "Team", "stadium", json!("t-2"), json!({ "stadium": "Weir Lane" })),
        (
            "employees",
            "Employee",
            "details { surname }",
            json!(1),
            json!({ "details": { "surname": "Solberg" } }),
        ),
        ("availability", "Employee", "isAvailable", json!(2), json!({ "isAvailable": false })),
    ] {
        let query = format!(
            "query ($representations: [_Any!]!) {{ _entities(representations: $representations) {{ \
             __typename ... on {typename} {{ {fields} }} }} }}"
        );
        let key = |id: &Value| json!({ "__typename": typename, "id": id });
        let representations = [key(&json!("unknown")), key(&known), key(&known)];
        let answer = ask(name, &query, json!({ "representations": representations }));
        let mut found = expected;
        found["__typename"] = typename.into();
        let entities = answer["data"]["_entities"].as_array().unwrap_or_else(|| panic!("{name}: {answer}"));
        let sorted = |value: &Value| {
            serde_json::from_value::<std::collections::BTreeMap<String, Value>>(value.clone())
        };
        assert!(entities[0].is_null(), "{name}: {answer}");
        assert_eq!(sorted(&entities[1]).unwrap(), sorted(&found).unwrap(), "{name} {typename}");
        assert_eq!(entities[1], entities[2]);
    }
}

#[test]
fn nonsense_is_answered_with_an_error() {
    let all = subgraphs(&Arc::new(World::load()));
    for body in ["", "null", "[]", "{}", r#"{"query":"{"}"#, r#"{"query":"{ nothing }"}"#] {
        let answer: Value = serde_json::from_slice(&all[0].answer(body.as_bytes())).unwrap();
        assert!(answer["errors"][0]["message"].is_string(), "{body}: {answer}");
        assert!(answer.get("data").is_none(), "{body}: {answer}");
    }
}
