//! Who may subscribe, see and create what: tables over alice, bob, the admin, strangers and nobody.

use super::*;
use engine::event::{Event, Position};
use engine::identity::Viewer;
use serde_json::json;

fn claims(sub: &str, role: &str, issuer: &str) -> Value {
    json!({ "iss": issuer, "sub": sub, "role": role, "exp": 4_102_444_800_u64 })
}

fn identity(claims: Value) -> Identity {
    Identity { claims: Arc::new(claims), ..Identity::default() }
}

fn start(field: &str, claims: Value, arguments: Value) -> Start {
    Start {
        identity: identity(claims),
        document: "subscription { x }".into(),
        operation_name: None,
        variables: Object::new(),
        field: field.into(),
        arguments: arguments.as_object().cloned().unwrap(),
        provider: "default".into(),
        subjects: Vec::new(),
    }
}

fn publish(claims: Value, payload: Value) -> Publish {
    Publish {
        identity: identity(claims),
        document: "mutation { x }".into(),
        operation_name: None,
        variables: Object::new(),
        field: "createOrder".into(),
        action: graph::events::Action::Publish,
        provider: "default".into(),
        subject: "orders".into(),
        key: None,
        headers: Vec::new(),
        payload: payload.as_object().cloned().unwrap(),
    }
}

#[tokio::test]
async fn orders_need_a_token_of_the_trusted_issuer() {
    let hook = Orders { world: Arc::new(World::load()) };
    for (claims, refusal) in [
        (claims("alice", "customer", ISSUER), None),
        (claims("admin", "admin", ISSUER), None),
        (claims("admin", "admin", "https://elsewhere.example"), Some("not trusted")),
        (json!({ "sub": "alice" }), Some("not trusted")),
        (Value::Null, Some("no token")),
    ] {
        let answer = hook.on_subscribe(&start("orderUpdated", claims.clone(), json!({}))).await;
        match (answer, refusal) {
            (Ok(admission), None) => assert!(admission.initial.is_none() && admission.subjects.is_none()),
            (Err(refused), Some(reason)) => assert!(refused.reason.contains(reason), "{refused}"),
            (answer, _) => panic!("{claims}: allowed = {}", answer.is_ok()),
        }
    }
}

#[tokio::test]
async fn customers_see_their_own_orders_and_the_admin_all() {
    let hook = Orders { world: Arc::new(World::load()) };
    for (sub, role, customer, seen) in [
        ("alice", "customer", json!("alice"), true),
        ("alice", "customer", json!("bob"), false),
        ("bob", "customer", json!("bob"), true),
        ("admin", "admin", json!("bob"), true),
        ("admin", "customer", json!("bob"), false),
        ("alice", "customer", Value::Null, false),
    ] {
        let payload = json!({ "__typename": "Order", "id": "o-1", "customerId": customer });
        let select = Select {
            event: Event {
                provider: "default".into(),
                subject: "orders".into(),
                position: Position::default(),
                key: None,
                headers: Arc::default(),
                envelope: Arc::default(),
                payload: Arc::new(payload),
            },
            viewer: Arc::new(Viewer { claims: json!({ "sub": sub, "role": role }), ..Viewer::default() }),
            field: "orderUpdated".into(),
            document: "".into(),
        };
        let kept = matches!(hook.on_select(&select).await, Ok(Selection::Keep));
        assert_eq!(kept, seen, "{sub} ({role}), order of {customer}");
    }
}

#[tokio::test]
async fn an_event_without_an_owner_is_nobodys() {
    assert!(!may_act_for(&json!({}), None));
    assert!(!may_act_for(&json!({ "sub": null }), Some(&Value::Null)));
}

#[tokio::test]
async fn orders_are_created_for_oneself_or_by_the_admin() {
    for (claims, payload, refusal) in [
        (claims("alice", "customer", ISSUER), ("alice", "p-1", json!(2)), None),
        (claims("admin", "admin", ISSUER), ("bob", "p-1", json!(1)), None),
        (claims("alice", "customer", ISSUER), ("bob", "p-1", json!(1)), Some("for yourself only")),
        (claims("admin", "admin", "elsewhere"), ("bob", "p-1", json!(1)), Some("not trusted")),
        (Value::Null, ("alice", "p-1", json!(1)), Some("no token")),
        (claims("alice", "customer", ISSUER), ("alice", "p-9", json!(1)), Some("no such product")),
        (claims("admin", "admin", ISSUER), ("dora", "p-1", json!(1)), Some("no such customer")),
        (claims("alice", "customer", ISSUER), ("alice", "p-1", json!(0)), Some("from 1 to 100")),
        (claims("alice", "customer", ISSUER), ("alice", "p-1", json!(101)), Some("from 1 to 100")),
        (claims("alice", "customer", ISSUER), ("alice", "p-1", json!(-1)), Some("from 1 to 100")),
    ] {
        let world = Arc::new(World::load());
        let before = world.all("Order").len();
        let (customer, product, quantity) = payload;
        let payload = json!({ "customerId": customer, "productId": product, "quantity": quantity });
        let answer = Orders { world: Arc::clone(&world) }.on_publish(&publish(claims, payload.clone())).await;
        match refusal {
            None => {
                let event = answer.unwrap();
                assert_eq!(event["customerId"], customer);
                assert!(world.record("Order", &event["id"]).is_some());
            }
            Some(reason) => {
                assert!(answer.unwrap_err().reason.contains(reason), "{payload}");
                assert_eq!(world.all("Order").len(), before, "a refused order was stored: {payload}");
            }
        }
    }
}

#[tokio::test]
async fn a_fan_is_first_sent_the_score_of_the_moment_it_is_loaded() {
    let world = Arc::new(World::load());
    let hook = Soccer { world: Arc::clone(&world) };
    let admission = hook
        .on_subscribe(&start("scoreUpdated", Value::Null, json!({ "matchId": "m-1" })))
        .await
        .ok()
        .unwrap();
    let initial = admission.initial.unwrap();
    assert_eq!(initial.revision.as_deref(), Some("revision"));
    let goal = world.advance_match(0).unwrap();
    assert_eq!((initial.load)().await.unwrap(), [goal]);
}

#[tokio::test]
async fn an_unknown_match_is_refused() {
    let hook = Soccer { world: Arc::new(World::load()) };
    let refused = hook.on_subscribe(&start("scoreUpdated", Value::Null, json!({ "matchId": "m-9" }))).await;
    assert_eq!(refused.err().unwrap().reason, "there is no such match");
}
