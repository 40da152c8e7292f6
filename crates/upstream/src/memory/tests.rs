//! The memory broker: every matching source gets every message in order, waits are bounded, nothing leaks.
//! Runs on tokio's paused clock where a timeout is part of the behaviour.

use super::*;
use crate::broker_tests::payloads;
use bytes::Bytes;
use futures::FutureExt;
use graph::events::Feed;
use proptest::prelude::*;

fn broker(source_messages_max: usize) -> MemoryBroker {
    MemoryBroker::new(Options { source_messages_max, ..Options::new("local") }, &Metrics::default())
}

async fn source(broker: &MemoryBroker, subjects: &[&str]) -> Box<dyn Source> {
    let subjects = subjects.iter().map(|s| (*s).to_owned()).collect();
    broker
        .subscribe(Subscribe { subjects, feed: Feed::Plain, batch_events_max: 4 })
        .await
        .expect("subscribes")
}

fn outgoing(subject: &str, payload: &str) -> Outgoing {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    Outgoing { headers: vec![("k".into(), "v".into())], ..Outgoing::new(subject, payload) }
}

fn ready(source: &mut Box<dyn Source>) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(batch) = source.next().now_or_never() {
        let batch = batch.expect("the source lives");
        assert!((1..=4).contains(&batch.len()), "a batch holds 1 to batch_events_max messages");
        messages.extend(batch);
    }
    messages
}

const PATTERNS: [&str; 9] = ["a", "a.b", "*", "a.*", "*.b", "a.>", ">", "b.*.c", "c"];

fn subject() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|t| t.join("."))
}

proptest! {
    #[test]
    fn every_matching_source_gets_every_message_in_order(
        published in proptest::collection::vec(subject(), 0..60),
        sources in proptest::collection::vec(
            proptest::collection::vec(
                proptest::sample::select(PATTERNS.to_vec()), 1..4),
            1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        runtime.block_on(async {
            let broker = broker(1_000);
            let mut open = Vec::new();
            for subjects in &sources {
                open.push(source(&broker, subjects).await);
            }
            for (n, subject) in published.iter().enumerate() {
                broker.publish(outgoing(subject, &n.to_string())).await.expect("publishes");
            }
            for (subjects, source) in sources.iter().zip(&mut open) {
                let expected: Vec<String> = published.iter().enumerate()
                    .filter(|(_, s)| subjects.iter().any(|pattern| subject::matches(pattern, s)))
                    .map(|(n, _)| n.to_string())
                    .collect();
                let messages = ready(source);
                assert_eq!(payloads(&messages), expected, "{subjects:?}");
                assert!(messages.is_sorted_by(|a, b| a.position < b.position));
            }
            drop(open);
            assert_eq!(broker.subscriptions(), 0);
            let registry = broker.shared.registry();
            assert!(registry.literal.is_empty() && registry.patterns.is_empty());
        });
    }
}

#[tokio::test]
async fn carries_subject_headers_and_position() {
    let broker = broker(10);
    let mut source = source(&broker, &["orders.>"]).await;
    broker.publish(outgoing("elsewhere", "0")).await.expect("publishes");
    broker.publish(outgoing("orders.1", "1")).await.expect("publishes");
    let message = ready(&mut source).remove(0);
    assert_eq!(&*message.subject, "orders.1");
    assert_eq!(message.headers, [("k".to_owned(), "v".to_owned())]);
    assert_eq!(message.position, Position { partition: 0, sequence: 2 });
}

#[tokio::test]
async fn refuses_bad_subjects() {
    let broker = broker(10);
    for subject in ["", "a..b", "a b", "a.>.b"] {
        let subscribe = Subscribe { subjects: vec![subject.into()], feed: Feed::Plain, batch_events_max: 1 };
        assert!(matches!(broker.subscribe(subscribe).await, Err(BrokerError::Refused(_))), "{subject:?}");
    }
    for subject in ["", "a.*", ">", "a\nb"] {
        let refused = broker.publish(outgoing(subject, "")).await;
        assert!(matches!(refused, Err(BrokerError::Refused(_))), "{subject:?}");
    }
    assert_eq!(broker.subscriptions(), 0);
}

#[tokio::test(start_paused = true)]
async fn publish_waits_for_room_and_loses_nothing() {
    let broker = broker(2);
    let mut source = source(&broker, &["a"]).await;
    for n in ["1", "2"] {
        broker.publish(outgoing("a", n)).now_or_never().expect("there is room").expect("publishes");
    }
    let mut third = std::pin::pin!(broker.publish(outgoing("a", "3")));
    assert!(third.as_mut().now_or_never().is_none(), "the queue is full, so the publisher waits");
    assert_eq!(payloads(&source.next().await.expect("a batch")), ["1", "2", "3"]);
    third.await.expect("publishes");
    assert_eq!(source.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_source_delays_others_once_and_is_told_what_it_lost() {
    let broker = broker(2);
    let mut stuck = source(&broker, &["a"]).await;
    let mut healthy = source(&broker, &["a"]).await;
    let mut expected = Vec::new();
    let start = tokio::time::Instant::now();
    for n in 0..100 {
        broker.publish(outgoing("a", &n.to_string())).await.expect("publishes");
        expected.push(n.to_string());
        assert_eq!(payloads(&ready(&mut healthy)), [n.to_string()]);
    }
    // The clock is paused and moves only when everybody waits: exactly one stall timeout has passed.
    assert_eq!(start.elapsed().as_secs(), Options::new("").stall_timeout.as_secs());
    let kept = payloads(&ready(&mut stuck));
    assert_eq!(kept, expected[..kept.len()]);
    assert_eq!(stuck.dropped(), (expected.len() - kept.len()) as u64);
    assert_eq!(stuck.dropped(), 0, "told once");
    broker.publish(outgoing("a", "back")).now_or_never().expect("no wait").expect("publishes");
    assert_eq!(payloads(&ready(&mut stuck)), ["back"], "it takes part again");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_full_source_frees_its_publishers() {
    let broker = broker(1);
    let source = source(&broker, &["a"]).await;
    broker.publish(outgoing("a", "1")).await.expect("publishes");
    let mut waiting = std::pin::pin!(broker.publish(outgoing("a", "2")));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(source);
    waiting.now_or_never().expect("freed at once").expect("publishes");
    assert_eq!(broker.subscriptions(), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelled_publishers_cannot_grow_a_queue() {
    let broker = broker(5);
    let mut source = source(&broker, &["a"]).await;
    for _ in 0..1_000 {
        let _cancelled = broker.publish(outgoing("a", "x")).now_or_never();
    }
    assert_eq!(ready(&mut source).len(), 10);
    assert_eq!(source.dropped(), 990);
}

#[tokio::test]
async fn next_is_cancel_safe() {
    let broker = broker(10);
    let mut source = source(&broker, &["a"]).await;
    let mut next = source.next();
    assert!(next.as_mut().now_or_never().is_none());
    broker.publish(outgoing("a", "1")).await.expect("publishes");
    drop(next);
    assert_eq!(payloads(&source.next().await.expect("a batch")), ["1"]);
}

#[tokio::test]
async fn a_source_ends_with_its_broker() {
    let broker = broker(10);
    let mut source = source(&broker, &["a", "b.*"]).await;
    broker.publish(outgoing("a", "1")).await.expect("publishes");
    drop(broker);
    assert_eq!(source.next().await.map(|batch| payloads(&batch)), Some(vec!["1".into()]));
    assert!(source.next().await.is_none());
    assert!(source.end_reason().contains("`local`"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_keep_one_order_for_all_sources() {
    let broker = Arc::new(broker(4));
    let mut sources = [source(&broker, &["a"]).await, source(&broker, &[">"]).await];
    let publishers: Vec<_> = (0..4)
        .map(|_| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                for n in 0..250 {
                    broker.publish(outgoing("a", &n.to_string())).await.expect("publishes");
                }
            })
        })
        .collect();
    let seen = join_all(sources.iter_mut().map(|source| async move {
        let mut sequences = Vec::new();
        while sequences.len() < 1_000 {
            sequences.extend(source.next().await.expect("a batch").iter().map(|m| m.position.sequence));
        }
        sequences
    }))
    .await;
    for publisher in publishers {
        publisher.await.expect("publishes");
    }
    assert_eq!(seen[0], (1..=1_000).collect::<Vec<u128>>());
    assert_eq!(seen[0], seen[1]);
}
