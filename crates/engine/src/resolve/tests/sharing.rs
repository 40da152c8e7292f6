//! What goes together in one request, and what never does.
//! Owns the counts at the subgraphs; responses themselves are proven beside.

use super::world::{Behaviour, World, caller, prepare};
use crate::identity::Identity;
use crate::limits::Limits;
use futures::future::join_all;
use futures::poll;
use serde_json::{Value, json};
use std::time::Duration;

const ORDER: &str = "subscription { orderUpdated(id: 1) { id total } }";

async fn respond_all(world: &World, document: &str, events: &[Value], identity: &Identity) -> Vec<String> {
    let operation = prepare(document);
    join_all(events.iter().map(|event| world.respond_to(&operation, json!({}), event.clone(), identity)))
        .await
}

fn orders(ids: impl Iterator<Item = usize>) -> Vec<Value> {
    ids.map(|id| json!({ "id": id })).collect()
}

#[tokio::test]
async fn events_in_flight_together_are_one_request() {
    let cases: [(&str, Vec<Value>, Vec<usize>); 4] = [
        ("distinct entities", orders(1..=100), vec![100]),
        ("one entity", orders(std::iter::repeat_n(1, 100)), vec![1]),
        ("more than fit", orders(1..=600), vec![256, 256, 88]),
        ("one event", orders(1..=1), vec![1]),
    ];
    for (name, events, expected) in cases {
        let world = World::new();
        let responses = respond_all(&world, ORDER, &events, &Identity::default()).await;
        assert_eq!(world.fakes["orders"].representations(), expected, "{name}");
        assert_eq!(responses[0], r#"{"data":{"orderUpdated":{"id":"1","total":12.5}}}"#, "{name}");
        assert!(responses.iter().all(|text| text.starts_with(r#"{"data":{"orderUpdated":"#)), "{name}");
    }
}

#[tokio::test]
async fn an_asker_with_more_than_fits_is_split() {
    let limits = Limits { entities_per_request_max: 1, ..Limits::default() };
    let world = World::with(&[], &[], limits);
    let document = "subscription { orderUpdated(id: 1) { items { product { name } } } }";
    let response = world.respond(document, json!({}), json!({ "id": 1 })).await;
    assert_eq!(world.fakes["products"].representations(), [1, 1]);
    let names = r#"[{"product":{"name":"Lamp"}},{"product":{"name":"Rug"}},{"product":{"name":"Lamp"}}]"#;
    assert_eq!(response, format!(r#"{{"data":{{"orderUpdated":{{"items":{names}}}}}}}"#));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_enough_are_in_flight_goes_together() {
    let slow = Behaviour::Delay(Duration::from_millis(10));
    let limits = Limits { entity_requests_inflight_max: 1, ..Limits::default() };
    let world = World::with(&[("orders", slow)], &[], limits);
    let operation = prepare(ORDER);
    let identity = Identity::default();
    let mut first = Box::pin(world.respond_to(&operation, json!({}), json!({ "id": 1 }), &identity));
    assert!(poll!(&mut first).is_pending());
    tokio::time::sleep(Duration::from_millis(1)).await;
    // The same entity as the one in flight among them: that request may be older than this event, so it is
    // asked again.
    let later = orders(1..=20);
    let later = respond_all(&world, ORDER, &later, &identity);
    let (_, later) = futures::join!(first, later);
    assert_eq!(world.fakes["orders"].representations(), [1, 20]);
    assert_eq!(later.len(), 20);
}

#[tokio::test]
async fn sharing_never_crosses_what_differs() {
    let other_document = "subscription { orderUpdated(id: 1) { id note } }";
    let zip = "subscription($z: String) { orderUpdated(id: 1) { items { product { \
               shippingEstimate(zip: $z) } } } }";
    let (ann, bob) = (caller("ann"), caller("bob"));
    let run = async |forwarding: &[&str], left: (&str, Value, &Identity), right: (&str, Value, &Identity)| {
        let world = World::with(&[], forwarding, Limits::default());
        let (one, two) = (prepare(left.0), prepare(right.0));
        let event = json!({ "id": 1 });
        futures::join!(
            world.respond_to(&one, left.1, event.clone(), left.2),
            world.respond_to(&two, right.1, event.clone(), right.2),
        );
        world
    };
    let none = || json!({});
    let world = run(&[], (ORDER, none(), &ann), (ORDER, none(), &bob)).await;
    assert_eq!(world.fakes["orders"].representations(), [1], "no header is forwarded");
    assert_eq!(*world.fakes["orders"].headers.lock().unwrap(), [vec![]], "nor sent");

    let world = run(&["orders"], (ORDER, none(), &ann), (ORDER, none(), &ann)).await;
    assert_eq!(world.fakes["orders"].representations(), [1], "equal headers");

    let world = run(&["orders"], (ORDER, none(), &ann), (ORDER, none(), &bob)).await;
    assert_eq!(world.fakes["orders"].representations(), [1, 1], "other headers");
    let mut sent = world.fakes["orders"].headers.lock().unwrap().clone();
    sent.sort();
    let header = |who: &str| vec![("authorization".to_owned(), who.to_owned())];
    assert_eq!(sent, [header("ann"), header("bob")]);

    let world = run(&[], (ORDER, none(), &ann), (other_document, none(), &ann)).await;
    assert_eq!(world.fakes["orders"].representations(), [1, 1], "other document");

    let world = run(&[], (zip, json!({ "z": "1" }), &ann), (zip, json!({ "z": "2" }), &ann)).await;
    assert_eq!(world.fakes["shipping"].representations(), [2, 2], "other variables");
    assert_eq!(world.fakes["orders"].representations(), [1], "but not where they are not read");
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_takes_nothing_from_the_others() {
    let slow = Behaviour::Delay(Duration::from_millis(10));
    let world = World::with(&[("orders", slow)], &[], Limits::default());
    let operation = prepare(ORDER);
    let identity = Identity::default();
    let mut leaver = Box::pin(world.respond_to(&operation, json!({}), json!({ "id": 1 }), &identity));
    let mut stayer = Box::pin(world.respond_to(&operation, json!({}), json!({ "id": 1 }), &identity));
    assert!(poll!(&mut leaver).is_pending() && poll!(&mut stayer).is_pending());
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(leaver);
    assert_eq!(stayer.await, r#"{"data":{"orderUpdated":{"id":"1","total":12.5}}}"#);
    assert_eq!(world.fakes["orders"].representations(), [1]);
}

#[tokio::test]
async fn an_event_that_carries_what_is_asked_asks_nobody() {
    let world = World::new();
    let document = "subscription { orderUpdated(id: 1) { id status } }";
    world.respond(document, json!({}), json!({ "id": 1, "status": "PLACED" })).await;
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn equal_queries_and_mutations_are_each_asked() {
    for document in ["{ me { id } }", "mutation { cancelOrder(id: 1) { id } }"] {
        let world = World::new();
        respond_all(&world, document, &[Value::Null, Value::Null], &Identity::default()).await;
        assert_eq!(world.asked(), 2, "{document}");
    }
}
