//! Named behaviours of the real engine, each on fakes and a paused clock: sharing, the seam, hooks that fail, ends.

use async_trait::async_trait;
use engine::outbox::{End, Overflow};
use engine::port::{Admission, Failure, Hook, Policy, Publish, Refusal, Select, Selection, Start};
use engine::{Event, Identity, Limits, Request, View};
use graph::Object;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::bench::{Bench, EVERY, order, settle};
use testkit::broker::FakeBroker;

#[tokio::test(start_paused = true)]
async fn a_thousand_identical_subscribers_cost_one_broker_subscription_and_one_fetch_per_event() {
    let mut bench = Bench::new(vec![]);
    let mut joined = Vec::new();
    for at in 0..1_000 {
        joined.push(bench.subscribe(&format!("user {at}"), EVERY).await.expect("joins"));
    }
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.broker.opened(), 1);
    assert_eq!(bench.subgraph.requests.load(Ordering::Relaxed), 1);
    for (id, _) in &joined {
        assert_eq!(bench.payloads(*id), [json!({"data": {"everyOrder": {"n": 1, "status": "status of 7"}}})]);
    }
    drop(joined);
    settle().await;
    assert_eq!(bench.engine.census(), json!({ "triggers": 0, "groups": 0, "subscriptions": 0 }));
    assert_eq!(bench.broker.subscriptions(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_that_hooks_tell_apart_still_share_the_fetch_of_an_event() {
    let mut bench = Bench::new(vec![Arc::new(ByRole(AtomicUsize::new(0)))]);
    let mut joined = Vec::new();
    for at in 0..12 {
        joined.push(bench.subscribe(&format!("role {at}"), EVERY).await.expect("joins"));
    }
    assert_eq!(bench.engine.census()["groups"], 12);
    for n in 1..=5 {
        bench.publish(order(n));
        settle().await;
        assert_eq!(bench.subgraph.requests.load(Ordering::Relaxed), n, "one for each event that comes apart");
    }
}

#[tokio::test(start_paused = true)]
async fn different_fields_on_one_subject_share_the_trigger_and_not_the_group() {
    let mut bench = Bench::new(vec![]);
    let every = bench.subscribe("ada", EVERY).await.expect("joins");
    let query = r#"subscription { ordersOf(region: "north", customers: ["bob"]) { n } }"#;
    let of_bob = bench.subscribe("ada", query).await.expect("joins");
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.broker.opened(), 1);
    assert_eq!(bench.engine.census(), json!({ "triggers": 1, "groups": 2, "subscriptions": 2 }));
    assert_eq!(bench.numbers(every.0, "everyOrder"), [1]);
    assert_eq!(bench.payloads(of_bob.0), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_template_argument_cannot_reach_another_subject() {
    let mut bench = Bench::new(vec![]);
    for region in ["*", ">", "a.b", "", " ", "a b", "a\\r\\nSUB x", "\\\"", "'"] {
        let query = format!("subscription {{ everyOrder(region: \"{region}\") {{ n }} }}");
        let refused = bench.subscribe("ada", &query).await.expect_err(region);
        assert!(refused.contains("region"), "names the argument: {refused}");
    }
    assert_eq!(bench.broker.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn bad_events_are_counted_and_the_subscription_lives() {
    let limits = Limits { event_bytes_max: 200, ..Limits::default() };
    let mut bench = Bench::with(vec![], limits, HashMap::new());
    let (id, _stays) = bench.subscribe("ada", EVERY).await.expect("joins");
    let table = [
        ("{nonsense", "invalid_json"),
        ("", "invalid_json"),
        ("null", "null_payload"),
        ("[]", "not_an_object"),
        (r#"{"__typename":"Customer","id":"1"}"#, "typename_unknown"),
        (&format!(r#"{{"id":"{}"}}"#, "x".repeat(300)), "payload_too_large"),
    ];
    for (payload, reason) in table {
        let before = bench.engine.metrics.events_dropped.count(&["memory", "default", reason]);
        bench.broker.send("orders.north", payload.to_owned().into());
        settle().await;
        assert_eq!(
            bench.engine.metrics.events_dropped.count(&["memory", "default", reason]),
            before + 1,
            "{payload}"
        );
        assert_eq!(bench.record(id).payloads.len(), 0, "{payload}");
    }
    bench.publish(order(1));
    settle().await;
    assert_eq!(bench.numbers(id, "everyOrder"), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_asked_for_and_the_event_lacks_is_an_error_at_its_path() {
    let mut bench = Bench::new(vec![]);
    let (asks, _a) = bench.subscribe("ada", EVERY).await.expect("joins");
    let query = r#"subscription { everyOrder(region: "north") { __typename } }"#;
    let (does_not, _b) = bench.subscribe("ada", query).await.expect("joins");
    bench.publish(json!({ "__typename": "Order", "id": "7" }));
    settle().await;
    let told = &bench.payloads(asks)[0];
    assert_eq!(told["errors"][0]["path"], json!(["everyOrder", "n"]), "{told}");
    assert_eq!(bench.payloads(does_not), [json!({"data": {"everyOrder": {"__typename": "Order"}}})]);
    assert!(bench.record(asks).end.is_none());
}

/// Counts its runs; sees the role alone.
struct ByRole(AtomicUsize);

#[async_trait]
impl Hook for ByRole {
    fn name(&self) -> &str {
        "by_role"
    }

    fn policy(&self) -> Policy {
        Policy { selects: true, view: View::claims(["sub"]), ..Policy::default() }
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match select.viewer.claims["sub"].as_str() {
            Some("blind") => Ok(Selection::Drop),
            Some("other") => {
                let mut changed = select.event.object().clone();
                changed.insert("n".into(), json!(99));
                Ok(Selection::Change(changed))
            }
            _ => Ok(Selection::Keep),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_runs_once_per_view_and_what_it_changes_reaches_only_that_view() {
    let hook = Arc::new(ByRole(AtomicUsize::new(0)));
    let mut bench = Bench::new(vec![hook.clone()]);
    let mut joined = Vec::new();
    for at in 0..30 {
        let role = ["plain", "blind", "other"][at % 3];
        joined.push((role, bench.subscribe(role, EVERY).await.expect("joins")));
    }
    bench.publish(order(1));
    settle().await;
    assert_eq!(hook.0.load(Ordering::Relaxed), 3);
    for (role, (id, _)) in &joined {
        let expected: &[u64] = match *role {
            "plain" => &[1],
            "blind" => &[],
            _ => &[99],
        };
        assert_eq!(bench.numbers(*id, "everyOrder"), expected, "{role}");
    }
}

/// The current order at once, through a load that lets live events happen meanwhile.
struct Current {
    broker: Arc<Mutex<Option<Arc<FakeBroker>>>>,
}

#[async_trait]
impl Hook for Current {
    fn name(&self) -> &str {
        "current"
    }

    async fn on_subscribe(&self, _start: &Start) -> Result<Admission, Refusal> {
        let broker = self.broker.lock().expect("not poisoned").clone();
        Ok(Admission::allow().with_initial(Some("n"), move || async move {
            let broker = broker.expect("set by the test");
            // 4 is in the snapshot and on its way at once; 5 happens after the snapshot was read.
            broker.send("orders.north", order(4).to_string().into());
            tokio::time::sleep(Duration::from_millis(50)).await;
            broker.send("orders.north", order(5).to_string().into());
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(vec![order(4).as_object().expect("an object").clone()])
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_is_sent_the_state_and_then_each_change_once() {
    let holder = Arc::new(Mutex::new(None));
    let mut bench = Bench::new(vec![Arc::new(Current { broker: holder.clone() })]);
    *holder.lock().expect("not poisoned") = Some(bench.broker.clone());
    let (first, _a) = bench.subscribe("ada", EVERY).await.expect("joins");
    settle().await;
    bench.publish(order(6));
    settle().await;
    bench.publish(order(7));
    settle().await;
    assert_eq!(bench.numbers(first, "everyOrder"), [4, 5, 6, 7]);
    // The seam is behind it: it shares with whoever comes with nothing to lead in.
    assert_eq!(bench.engine.census()["groups"], 1);
}

/// Fails as told, with a declared policy.
struct Failing {
    how: &'static str,
    on_failure: Failure,
}

#[async_trait]
impl Hook for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn policy(&self) -> Policy {
        let view = View::claims(["sub"]);
        Policy {
            fields: vec!["ownOrders".into()],
            selects: true,
            view,
            on_failure: self.on_failure,
            ..Policy::default()
        }
    }

    async fn on_select(&self, _select: &Select) -> Result<Selection, Refusal> {
        match self.how {
            "panics" => panic!("planned"),
            "errs" => Err(Refusal::new("the reason")),
            _ => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_hook_meets_its_policy_and_nobody_else_waits() {
    for how in ["panics", "errs", "hangs"] {
        for on_failure in [Failure::Drop, Failure::Pass, Failure::Close] {
            let mut bench = Bench::new(vec![Arc::new(Failing { how, on_failure })]);
            let query = r#"subscription { ownOrders(region: "north") { n } }"#;
            let (met, _a) = bench.subscribe("ada", query).await.expect("joins");
            let (bystander, _b) = bench.subscribe("ada", EVERY).await.expect("joins");
            for n in 1..=3 {
                bench.publish(order(n));
            }
            // Less than the hook's time: the bystander has everything before the hook is given up on.
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(bench.numbers(bystander, "everyOrder"), [1, 2, 3], "{how} {on_failure:?}");
            settle().await;
            let (numbers, end) = (bench.numbers(met, "ownOrders"), bench.record(met).end);
            match on_failure {
                Failure::Drop => assert!(numbers.is_empty() && end.is_none(), "{how}"),
                Failure::Pass => assert!(numbers == [1, 2, 3] && end.is_none(), "{how}"),
                Failure::Close => assert!(numbers.is_empty() && matches!(end, Some(End::Errors(_))), "{how}"),
            }
        }
    }
}

/// Adds a field to each event of a batch, and drops the odd ones.
struct Evens;

#[async_trait]
impl Hook for Evens {
    fn name(&self) -> &str {
        "evens"
    }

    fn policy(&self) -> Policy {
        Policy { receives: true, ..Policy::default() }
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        Ok(events
            .into_iter()
            .filter(|event| event.payload["n"].as_u64().is_some_and(|n| n % 2 == 0))
            .collect())
    }

    async fn on_publish(&self, publish: &Publish) -> Result<Object, Refusal> {
        if publish.payload["n"] == 13 {
            return Err(Refusal::new("thirteen is not for sale"));
        }
        let mut enriched = publish.payload.clone();
        enriched.insert("customer".into(), publish.identity.claims["sub"].clone());
        enriched.insert("id".into(), json!("7"));
        Ok(enriched)
    }
}

#[tokio::test(start_paused = true)]
async fn on_receive_sees_batches_once_and_on_publish_enriches_or_refuses_with_its_reason() {
    let mut bench = Bench::new(vec![Arc::new(Evens)]);
    let query = r#"subscription { everyOrder(region: "north") { n customer } }"#;
    let (id, _a) = bench.subscribe("ada", query).await.expect("joins");
    let mutate = async |n: u64| {
        let query = format!("mutation {{ a: placeOrder(region: \"north\", n: {n}) {{ success }} }}");
        let request = Request::from_json(json!({ "query": query })).expect("well formed");
        let identity = Identity { claims: Arc::new(json!({ "sub": "cyd" })), ..Identity::default() };
        let prepared = bench.engine.prepare(request, identity).await.expect("prepares");
        serde_json::from_slice::<Value>(&bench.engine.execute(prepared).await).expect("JSON")
    };
    assert_eq!(mutate(2).await, json!({ "data": { "a": { "success": true } } }));
    assert_eq!(mutate(3).await, json!({ "data": { "a": { "success": true } } }));
    let refused = mutate(13).await;
    assert_eq!(refused["errors"][0]["message"], "thirteen is not for sale");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "PUBLISH_REFUSED");
    assert_eq!(refused["data"], Value::Null);
    settle().await;
    assert_eq!(bench.payloads(id), [json!({"data": {"everyOrder": {"n": 2, "customer": "cyd"}}})]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_every_stream_and_refuses_new_ones() {
    let mut bench = Bench::new(vec![]);
    let (id, _a) = bench.subscribe("ada", EVERY).await.expect("joins");
    bench.engine.drain().await;
    assert!(matches!(bench.record(id).end, Some(End::Drain)));
    let refused = bench.subscribe("ada", EVERY).await.expect_err("draining");
    assert!(refused.contains("stopping"), "{refused}");
    assert_eq!(bench.broker.subscriptions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_far_behind_loses_by_its_policy_and_says_so_while_others_lose_nothing() {
    for overflow in [Overflow::Latest, Overflow::Disconnect] {
        let limits = Limits { group_backlog_max: 2, group_inflight_max: 1, ..Limits::default() };
        let slow = Failing { how: "hangs", on_failure: Failure::Pass };
        let policy = HashMap::from([("ownOrders".to_owned(), overflow)]);
        let mut bench = Bench::with(vec![Arc::new(slow)], limits, policy);
        let query = r#"subscription { ownOrders(region: "north") { n } }"#;
        let (behind, _a) = bench.subscribe("ada", query).await.expect("joins");
        let query = r#"subscription { everyOrder(region: "north") { n } }"#;
        let (healthy, _b) = bench.subscribe("ada", query).await.expect("joins");
        for n in 1..=10 {
            bench.publish(order(n));
        }
        settle().await;
        assert_eq!(bench.numbers(healthy, "everyOrder"), (1..=10).collect::<Vec<u64>>());
        let record = bench.record(behind);
        match overflow {
            Overflow::Disconnect => assert!(matches!(record.end, Some(End::Errors(_)))),
            _ => {
                let got = bench.numbers(behind, "ownOrders");
                assert_eq!(got.len() as u64 + record.skipped, 10, "{got:?}");
                assert_eq!(got.last(), Some(&10));
            }
        }
    }
}
