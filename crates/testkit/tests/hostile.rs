//! Behaviours of the real engine under what nobody should do: clients that give up, hooks that break anywhere,
//! brokers that are away at the wrong moment, and bursts.

use async_trait::async_trait;
use engine::outbox::{End, Overflow};
use engine::port::{Admission, Failure, Hook, Policy, Refusal, Select, Selection, Start};
use engine::{Event, Limits, View};
use futures::FutureExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use testkit::bench::{Bench, EVERY, order, settle};

const OWN: &str = r#"subscription { ownOrders(region: "north") { n } }"#;

fn nothing_left(bench: &Bench) {
    assert_eq!(bench.engine.census(), json!({ "triggers": 0, "groups": 0, "subscriptions": 0 }));
    assert_eq!(bench.broker.subscriptions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_while_the_broker_is_away_is_let_go() {
    let mut bench = Bench::new(vec![]);
    bench.broker.set_down(true);
    for _ in 0..3 {
        let asked = tokio::time::timeout(Duration::from_millis(50), bench.subscribe("ada", EVERY)).await;
        assert!(asked.is_err(), "waits for the broker");
    }
    // Well before the next try to open: the linger, and no more.
    tokio::time::sleep(Duration::from_secs(4)).await;
    nothing_left(&bench);
    bench.broker.set_down(false);
    settle().await;
    assert_eq!(bench.broker.opened(), 0, "nobody is there to open it for");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_the_broker_count_as_subscriptions() {
    let limits = Limits { subscriptions_max: 2, ..Limits::default() };
    let mut bench = Bench::with(vec![], limits, HashMap::new());
    bench.broker.set_down(true);
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut another = bench.another();
        waiting.push(tokio::spawn(async move { another.subscribe("ada", EVERY).await.map(|_| ()) }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = bench.subscribe("ada", EVERY).await.expect_err("full");
    assert!(refused.contains("as many subscriptions"), "{refused}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    bench.broker.set_down(false);
    settle().await;
    bench.subscribe("ada", EVERY).await.expect("their places are free again");
}

/// Takes its time to let anybody in.
struct Hesitant;

#[async_trait]
impl Hook for Hesitant {
    fn name(&self) -> &str {
        "hesitant"
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(Admission::allow())
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_that_a_drain_overtakes_is_refused_and_the_drain_ends() {
    let mut bench = Bench::new(vec![Arc::new(Hesitant)]);
    let engine = bench.engine.clone();
    let joining = tokio::spawn(async move { bench.subscribe("ada", EVERY).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drained = tokio::time::timeout(Duration::from_secs(60), engine.drain());
    drained.await.expect("no trigger to wait for");
    let refused = joining.await.expect("no panic").expect_err("drained");
    assert!(refused.contains("stopping"), "{refused}");
    tokio::time::timeout(Duration::from_secs(60), engine.drain()).await.expect("still none");
}

#[tokio::test(start_paused = true)]
async fn a_drain_while_the_broker_is_away_refuses_those_who_wait() {
    let mut bench = Bench::new(vec![]);
    bench.broker.set_down(true);
    let engine = bench.engine.clone();
    let joining = tokio::spawn(async move { bench.subscribe("ada", EVERY).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::time::timeout(Duration::from_secs(1), engine.drain()).await.expect("nothing to wait for");
    let refused = joining.await.expect("no panic").expect_err("drained");
    assert!(refused.contains("stopping"), "{refused}");
}

/// Breaks where no step is awaited.
struct Broken(&'static str);

/// Panics when it is dropped unfinished.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("planned");
    }
}

#[async_trait]
impl Hook for Broken {
    fn name(&self) -> &str {
        if self.0 == "name" { panic!("planned") } else { "broken" }
    }

    fn policy(&self) -> Policy {
        if self.0 == "policy" {
            panic!("planned");
        }
        let fields = vec!["ownOrders".into()];
        Policy {
            fields,
            receives: self.0 != "load",
            selects: true,
            on_failure: Failure::Pass,
            ..Policy::default()
        }
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        Ok(match self.0 {
            "load" => Admission::allow().with_initial(None, || async {
                let _trap = Trap;
                std::future::pending().await
            }),
            _ => Admission::allow(),
        })
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        match self.0 {
            "name" => Err(Refusal::new("planned")),
            "not_an_object" => {
                let scalar = |event: &Event| Event { payload: Arc::new(json!([])), ..event.clone() };
                Ok(events.iter().map(scalar).chain(events.clone()).collect())
            }
            "drop" => {
                let _trap = Trap;
                std::future::pending().await
            }
            _ => Ok(events),
        }
    }

    async fn on_select(&self, _select: &Select) -> Result<Selection, Refusal> {
        match self.0 {
            "name" => Err(Refusal::new("planned")),
            _ => Ok(Selection::Keep),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_breaks_anywhere_ends_nobody_elses_stream() {
    for how in ["name", "policy", "not_an_object", "drop", "load"] {
        let mut bench = Bench::new(vec![Arc::new(Broken(how))]);
        // Another trigger for the same subject: the hook does not see that field.
        let bystander = bench.subscribe("ada", r#"subscription { everyOrder(region: "north") { n } }"#).await;
        let met = std::panic::AssertUnwindSafe(bench.subscribe("ada", OWN)).catch_unwind().await;
        let met = met.unwrap_or_else(|_| panic!("{how}: subscribing panicked"));
        bench.publish(order(1));
        settle().await;
        if how == "policy" {
            // It might have guarded any field.
            assert!(met.is_err() && bystander.is_err(), "{how}");
            continue;
        }
        let (id, _stays) = bystander.expect("joins");
        assert_eq!(bench.numbers(id, "everyOrder"), [1], "{how}");
        let (id, _stays) = met.expect("joins");
        let (numbers, end) = (bench.numbers(id, "ownOrders"), bench.record(id).end);
        match how {
            "load" => {
                assert!(matches!(&end, Some(End::Errors(e)) if e[0].message.contains("check")), "{end:?}")
            }
            _ => assert!(numbers == [1] && end.is_none(), "{how}: {numbers:?} {end:?}"),
        }
    }
}

/// Gives many initial events.
struct Generous(usize);

#[async_trait]
impl Hook for Generous {
    fn name(&self) -> &str {
        "generous"
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        let many = self.0;
        let event = |n: usize| json!({ "__typename": "Order", "id": "7", "n": n, "customer": "ada" });
        Ok(Admission::allow().with_initial(None, move || async move {
            Ok((0..many).map(|n| event(n).as_object().expect("an object").clone()).collect())
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn initial_events_are_bounded_in_number_and_in_what_runs_at_once() {
    let limits = || Limits {
        initial_events_max: 100,
        group_inflight_max: 2,
        entity_requests_inflight_max: 1,
        ..Limits::default()
    };
    let mut bench = Bench::with(vec![Arc::new(Generous(100))], limits(), HashMap::new());
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    bench.publish(order(100));
    settle().await;
    assert_eq!(bench.numbers(id, "everyOrder"), (0..=100).collect::<Vec<u64>>());

    let mut bench = Bench::with(vec![Arc::new(Generous(101))], limits(), HashMap::new());
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    settle().await;
    let record = bench.record(id);
    let told = matches!(&record.end, Some(End::Errors(errors)) if errors[0].message.contains("100 initial"));
    assert!(told && record.payloads.is_empty(), "{:?}", record.end);
}

#[tokio::test(start_paused = true)]
async fn initial_events_are_never_what_an_overflow_drops() {
    let limits = Limits { group_inflight_max: 1, group_backlog_max: 2, ..Limits::default() };
    let latest = HashMap::from([("everyOrder".to_owned(), Overflow::Latest)]);
    let mut bench = Bench::with(vec![Arc::new(Generous(5))], limits, latest);
    let (behind, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    let quick = r#"subscription { everyOrder(region: "north") { n } }"#;
    let (_bystander, _stays_too) = bench.subscribe("ada", quick).await.expect("joins");
    for n in 5..15 {
        bench.publish(order(n));
    }
    settle().await;
    let (numbers, skipped) = (bench.numbers(behind, "everyOrder"), bench.record(behind).skipped);
    assert_eq!(numbers[..5], [0, 1, 2, 3, 4], "{numbers:?}");
    assert!(skipped > 0, "the live ones overflowed: {numbers:?}");
    assert_eq!(numbers.len() as u64 + skipped, 15, "{numbers:?}");
}

/// Slow for every event; reads nothing, so all share a group.
struct Slow;

#[async_trait]
impl Hook for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn policy(&self) -> Policy {
        let fields = vec!["ownOrders".into(), "guardedOrders".into()];
        Policy { fields, receives: true, selects: true, view: View::nothing(), ..Policy::default() }
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        // Ten of each.
        Ok(events.iter().flat_map(|event| std::iter::repeat_n(event.clone(), 10)).collect())
    }

    async fn on_select(&self, _select: &Select) -> Result<Selection, Refusal> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Selection::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_larger_than_the_backlog_waits_at_the_source_and_loses_nothing() {
    for overflow in [Overflow::Disconnect, Overflow::Latest, Overflow::Conflate] {
        let limits =
            Limits { group_backlog_max: 3, batch_events_max: 8, group_inflight_max: 2, ..Limits::default() };
        let policy =
            HashMap::from([("ownOrders".to_owned(), overflow), ("guardedOrders".to_owned(), overflow)]);
        let mut bench = Bench::with(vec![Arc::new(Slow)], limits, policy);
        let (one, _a) = bench.subscribe("ada", OWN).await.expect("joins");
        let two = r#"subscription { guardedOrders(region: "north") { n } }"#;
        let (two, _b) = bench.subscribe("ada", two).await.expect("joins");
        for n in 1..=50 {
            bench.publish(order(n));
        }
        settle().await;
        let expected: Vec<u64> = (1..=50).flat_map(|n| std::iter::repeat_n(n, 10)).collect();
        for (id, field) in [(one, "ownOrders"), (two, "guardedOrders")] {
            let record = bench.record(id);
            assert_eq!(bench.numbers(id, field), expected, "{overflow:?}");
            assert!(record.skipped == 0 && record.end.is_none(), "{overflow:?}");
        }
        assert_eq!(bench.broker.acked(), [50]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_source_lost_is_told_to_everyone_it_may_have_been_for() {
    let mut bench = Bench::new(vec![]);
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    bench.broker.lose(7);
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.record(id).skipped, 7);
    assert_eq!(bench.engine.metrics.events_dropped.count(&["memory", "default", "source_overflow"]), 7);
    assert_eq!(bench.numbers(id, "everyOrder"), [1]);
}

/// Sends everybody elsewhere.
struct Elsewhere(Value);

#[async_trait]
impl Hook for Elsewhere {
    fn name(&self) -> &str {
        "elsewhere"
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        let subjects = serde_json::from_value(self.0.clone()).expect("a list of texts");
        Ok(Admission { subjects: Some(subjects), ..Admission::allow() })
    }
}

#[tokio::test(start_paused = true)]
async fn subjects_a_hook_chose_are_refused_where_the_broker_refuses_them() {
    for (subjects, reason) in [(json!(["a b"]), "refused"), (json!([]), "nothing to subscribe")] {
        let mut bench = Bench::new(vec![Arc::new(Elsewhere(subjects))]);
        let refused = bench.subscribe("ada", EVERY).await.expect_err("refused");
        assert!(refused.contains(reason), "{refused}");
        settle().await;
        nothing_left(&bench);
    }
}

/// Changes every event into something else, and begins with the same.
struct Forger(Value);

#[async_trait]
impl Hook for Forger {
    fn name(&self) -> &str {
        "forger"
    }

    fn policy(&self) -> Policy {
        Policy { selects: true, ..Policy::default() }
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        let forged = self.0.as_object().expect("an object").clone();
        Ok(Admission::allow().with_initial(Some("n"), move || async move { Ok(vec![forged]) }))
    }

    async fn on_select(&self, _select: &Select) -> Result<Selection, Refusal> {
        Ok(Selection::Change(self.0.as_object().expect("an object").clone()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_hook_makes_of_an_event_is_held_to_the_schema() {
    let forgeries = [
        json!({ "__typename": "Customer", "id": "7", "n": 1, "secret": "s" }),
        json!({ "__typename": 7, "n": 1, "secret": "s" }),
        json!({ "__typename": "Order", "n": "secret" }),
        json!({ "__typename": "Order", "id": { "secret": 1 }, "n": [1] }),
        json!({}),
    ];
    for forged in forgeries {
        let mut bench = Bench::new(vec![Arc::new(Forger(forged.clone()))]);
        let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
        bench.publish(order(1));
        settle().await;
        for payload in bench.payloads(id) {
            let told = payload.to_string();
            assert!(payload["errors"].is_array() && !told.contains("secret"), "{forged}: {told}");
        }
        assert!(bench.record(id).end.is_none(), "{forged}");
        let dropped = bench.engine.metrics.events_dropped.count(&["memory", "default", "typename_unknown"]);
        let is_foreign = forged.get("__typename").is_some_and(|name| name != "Order");
        assert_eq!(dropped, if is_foreign { 2 } else { 0 }, "{forged}");
    }
}
