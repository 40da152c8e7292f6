//! What is known to go wrong in the peer's hooks and fan-out, each as a test that it does not here.

use async_trait::async_trait;
use engine::outbox::End;
use engine::port::{Admission, Hook, Policy, Refusal, Select, Selection, Start};
use engine::{Event, View};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::bench::{Bench, EVERY, order, settle};

/// Refuses `bob`, and takes its time to.
struct SlowToRefuse;

#[async_trait]
impl Hook for SlowToRefuse {
    fn name(&self) -> &str {
        "slow-to-refuse"
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        if start.identity.claims["sub"] != "bob" {
            return Ok(Admission::allow());
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Err(Refusal::new("not you"))
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_refused_is_sent_nothing_though_its_trigger_runs_already() {
    let mut bench = Bench::new(vec![Arc::new(SlowToRefuse)]);
    let (ada, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    let mut late = bench.another();
    let refused = tokio::spawn(async move { late.subscribe("bob", EVERY).await.map(|_| ()).unwrap_err() });
    for n in 1..=5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bench.publish(order(n));
    }
    assert_eq!(refused.await.expect("no panic"), "not you");
    settle().await;
    assert_eq!(bench.numbers(ada, "everyOrder"), [1, 2, 3, 4, 5]);
    assert_eq!(bench.engine.metrics.deliveries.load(Ordering::Relaxed), 5, "all of them to ada");
}

/// Panics for `bob`; hands everybody else one initial event; fails where a batch has number 13.
struct Unsteady;

#[async_trait]
impl Hook for Unsteady {
    fn name(&self) -> &str {
        "unsteady"
    }

    fn policy(&self) -> Policy {
        Policy { receives: true, ..Policy::default() }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        let who = start.identity.claims["sub"].as_str().expect("a name").to_owned();
        assert_ne!(who, "bob", "a planned panic");
        let first = order(if who == "ada" { 100 } else { 200 }).as_object().cloned().expect("an object");
        Ok(Admission::allow().with_initial(None, move || async move { Ok(vec![first]) }))
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        match events.iter().any(|event| event.payload["n"] == 13) {
            true => Err(Refusal::new("unlucky")),
            false => Ok(events),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_when_a_subscription_starts_refuses_that_one_and_initial_events_are_for_their_own() {
    let mut bench = Bench::new(vec![Arc::new(Unsteady)]);
    let (ada, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    let refused = bench.subscribe("bob", EVERY).await.map(|_| ()).unwrap_err();
    assert_eq!(refused, "a server-side check failed");
    let (eve, _stays) = bench.subscribe("eve", EVERY).await.expect("joins");
    settle().await;
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.numbers(ada, "everyOrder"), [100, 1]);
    assert_eq!(bench.numbers(eve, "everyOrder"), [200, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_its_hook_fails_on_is_dropped_for_all_and_counted_and_nobody_ends() {
    let mut bench = Bench::new(vec![Arc::new(Unsteady)]);
    let (ada, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    settle().await;
    for n in [1, 13, 2] {
        bench.publish(order(n));
        settle().await;
    }
    assert_eq!(bench.numbers(ada, "everyOrder"), [100, 1, 2]);
    assert_eq!(bench.engine.metrics.events_dropped.count(&["memory", "default", "hook_failed"]), 1);
    assert!(bench.record(ada).end.is_none());
}

/// Notes which field each call was about.
#[derive(Default)]
struct Fields(Mutex<Vec<(&'static str, String)>>);

impl Fields {
    fn note(&self, step: &'static str, field: &str) {
        self.0.lock().expect("not poisoned").push((step, field.to_owned()));
    }

    fn of(&self, wanted: &str) -> Vec<String> {
        let noted = self.0.lock().expect("not poisoned");
        noted.iter().filter(|(step, _)| *step == wanted).map(|(_, field)| field.clone()).collect()
    }
}

struct Noting(Arc<Fields>);

#[async_trait]
impl Hook for Noting {
    fn name(&self) -> &str {
        "noting"
    }

    fn policy(&self) -> Policy {
        Policy { selects: true, view: View::nothing(), ..Policy::default() }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        self.0.note("on_subscribe", &start.field);
        Ok(Admission::allow())
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        self.0.note("on_select", &select.field);
        Ok(Selection::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_sees_the_field_it_is_asked_about_though_the_trigger_is_another_fields_too() {
    let fields = Arc::new(Fields::default());
    let mut bench = Bench::new(vec![Arc::new(Noting(fields.clone()))]);
    let _every = bench.subscribe("ada", EVERY).await.expect("joins");
    let own = r#"subscription { ownOrders(region: "north") { n } }"#;
    let _own = bench.subscribe("ada", own).await.expect("joins");
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.broker.opened(), 1, "one trigger for both");
    assert_eq!(fields.of("on_subscribe"), ["everyOrder", "ownOrders"]);
    let mut selected = fields.of("on_select");
    selected.sort();
    assert_eq!(selected, ["everyOrder", "ownOrders"]);
}

/// Changes nothing at all.
struct Idle;

#[async_trait]
impl Hook for Idle {
    fn name(&self) -> &str {
        "idle"
    }

    fn policy(&self) -> Policy {
        Policy { receives: true, selects: true, ..Policy::default() }
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        Ok(events)
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_does_nothing_costs_no_fetch_and_no_delivery() {
    let mut bench = Bench::new(vec![Arc::new(Idle)]);
    let mut joined = Vec::new();
    for at in 0..1_000 {
        joined.push(bench.subscribe(&format!("user {at}"), EVERY).await.expect("joins"));
    }
    for n in 1..=3 {
        bench.publish(order(n));
        settle().await;
    }
    assert_eq!(bench.subgraph.requests.load(Ordering::Relaxed), 3, "one for each event");
    assert!(joined.iter().all(|(id, _)| bench.numbers(*id, "everyOrder") == [1, 2, 3]));
}

/// Sends `two` to two subjects, and both of them where there were more.
struct Moving;

#[async_trait]
impl Hook for Moving {
    fn name(&self) -> &str {
        "moving"
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        let subjects = match start.identity.claims["sub"].as_str() {
            Some("two") => vec!["orders.west".to_owned(), "orders.east".to_owned()],
            Some("one") => vec!["orders.west".to_owned()],
            _ => return Ok(Admission::allow()),
        };
        Ok(Admission { subjects: Some(subjects), ..Admission::allow() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_moves_subscriptions_to_other_subjects_one_into_two_and_many_into_one() {
    let mut bench = Bench::new(vec![Arc::new(Moving)]);
    let mut joined = Vec::new();
    let south = EVERY.replace("north", "south");
    for (who, query) in [("stays", EVERY), ("two", EVERY), ("one", EVERY), ("one", south.as_str())] {
        joined.push(bench.subscribe(who, query).await.expect("joins"));
    }
    for (n, subject) in [(1, "orders.north"), (2, "orders.west"), (3, "orders.east")] {
        bench.broker.send(subject, order(n).to_string().into());
    }
    settle().await;
    let seen: Vec<_> = joined.iter().map(|(id, _)| bench.numbers(*id, "everyOrder")).collect();
    assert_eq!(seen, [vec![1], vec![2, 3], vec![2], vec![2]]);
    assert_eq!(bench.broker.opened(), 3, "north, west with east, west");
}

#[tokio::test(start_paused = true)]
async fn events_do_not_wait_for_the_fetch_of_the_one_before() {
    let mut bench = Bench::new(vec![]);
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    let started = tokio::time::Instant::now();
    for n in 1..=300 {
        bench.publish(order(n));
    }
    while bench.numbers(id, "everyOrder").len() < 300 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.numbers(id, "everyOrder"), (1..=300).collect::<Vec<_>>());
    // The clock is the test's own. One after the other, 300 fetches of up to 5 ms take 750 of them on average.
    let took = started.elapsed();
    assert!(took < Duration::from_millis(150), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_hook_keeps_the_others_from_being_asked_and_its_reason_is_told() {
    let fields = Arc::new(Fields::default());
    let hooks: Vec<Arc<dyn Hook>> = vec![Arc::new(SlowToRefuse), Arc::new(Noting(fields.clone()))];
    let mut bench = Bench::new(hooks);
    assert_eq!(bench.subscribe("bob", EVERY).await.map(|_| ()).unwrap_err(), "not you");
    assert_eq!(fields.of("on_subscribe"), Vec::<String>::new());
    assert_eq!(bench.broker.opened(), 0, "the broker never hears of it");
    assert_eq!(bench.engine.census()["subscriptions"], Value::from(0));
    assert_eq!(bench.engine.census()["triggers"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_for_good_ends_its_subscribers_with_an_error() {
    let mut bench = Bench::new(vec![]);
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    bench.broker.end_sources();
    settle().await;
    let end = bench.record(id).end.expect("told");
    let End::Errors(errors) = end else { panic!("{end:?}") };
    assert_eq!(errors[0].message, "the event source ended");
    assert_eq!(bench.engine.census()["triggers"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn whoever_returns_within_the_linger_finds_the_broker_subscription_still_there() {
    let mut bench = Bench::new(vec![]);
    let left = bench.subscribe("ada", EVERY).await.expect("joins");
    drop(left);
    tokio::time::sleep(bench.engine.limits.linger / 2).await;
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    bench.publish(order(1));
    tokio::time::sleep(bench.engine.limits.linger * 2).await;
    assert_eq!(bench.numbers(id, "everyOrder"), [1]);
    assert_eq!((bench.broker.opened(), bench.broker.subscriptions()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_to_whoever_left_is_not_acknowledged_where_a_consumer_resumes() {
    let kept = r#"subscription { keptOrders(region: "north") { n status } }"#;
    // (field, whether its place is kept): the linger is over long after the last look.
    for (query, resumes) in [(kept, true), (EVERY, false)] {
        let mut bench = Bench::new(vec![]);
        let (id, left) = bench.subscribe("ada", query).await.expect("joins");
        bench.publish(order(1));
        while bench.payloads(id).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(bench.broker.acked(), [1], "what was delivered is acknowledged");
        bench.publish(order(2));
        drop(left);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(bench.broker.acked(), if resumes { [1] } else { [2] }, "{query}");
        assert_eq!(bench.broker.subscriptions(), usize::from(!resumes), "{query}");
    }
}
