//! JetStream sources, durable or not: where they begin, what they bring, and what they cost when idle.

use super::*;
use crate::Start;
use engine::event::Position;

#[tokio::test]
async fn a_new_consumer_brings_none_of_50_old_messages() {
    let orders = Orders::start().await;
    orders.fill("orders.a", 0..50).await;
    let broker = orders.broker().await;
    for (round, consumer) in [None, Some("router")].into_iter().enumerate() {
        let mut source = broker.subscribe(at_orders(consumer, &["orders.a"])).await.expect("subscribes");
        orders.fill("orders.a", 50..51).await;
        let message = take(&mut source, 1).await.remove(0);
        assert_eq!((&*message.subject, &*message.payload), ("orders.a", &b"50"[..]));
        assert_eq!(message.position, Position { partition: 0, sequence: 51 + round as u128 });
    }
}

#[tokio::test]
async fn start_says_where_a_new_consumer_begins() {
    let orders = Orders::start().await;
    orders.fill("orders.a", 0..50).await;
    for (start, first) in [(Start::Earliest, 0), (Start::At(0), 0), (Start::At(1), 0), (Start::At(41), 40)] {
        let broker = connect(Options { start, ..orders.options() }).await;
        for consumer in [None, Some(start.to_string())] {
            let subscribe = at_orders(consumer.as_deref(), &["orders.a"]);
            let mut source = broker.subscribe(subscribe).await.expect("subscribes");
            let messages = take(&mut source, 50 - first as usize).await;
            assert_eq!(payloads(&messages), numbers(first..50), "{start}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_2000_arrives_whole_and_in_order() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut plain = broker.subscribe(at_orders(None, &["orders.>"])).await.expect("subscribes");
    let mut durable = broker.subscribe(at_orders(Some("router"), &["orders.>"])).await.expect("subscribes");
    orders.fill("orders.a", 0..2_000).await;
    assert_eq!(payloads(&take(&mut plain, 2_000).await), numbers(0..2_000));
    assert_eq!(payloads(&take_acked(&mut durable, 2_000).await), numbers(0..2_000));
    until("everything is acknowledged", async || {
        orders.consumers().await.iter().all(|consumer| consumer.num_ack_pending == 0)
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_loses_nothing() {
    let orders = Orders::start().await;
    for (messages_max, bytes_max) in [(1, 1 << 20), (1_000, 20)] {
        let subject = format!("orders.{messages_max}");
        let bounds =
            Options { source_messages_max: messages_max, source_bytes_max: bytes_max, ..orders.options() };
        let broker = connect(bounds).await;
        for consumer in [None, Some("router")] {
            let mut source = broker.subscribe(at_orders(consumer, &[&subject])).await.expect("subscribes");
            orders.fill(&subject, 0..700).await;
            let mut messages = Vec::new();
            while messages.len() < 700 {
                messages.extend(take_acked(&mut source, 1).await);
            }
            assert!(payloads(&messages) == numbers(0..700), "whole and in order");
            assert_eq!(source.dropped(), 0);
        }
    }
}

#[tokio::test]
async fn subjects_filter_and_headers_arrive() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    for consumer in [None, Some("router")] {
        let subjects = ["orders.a", "orders.b.*"];
        let mut source = broker.subscribe(at_orders(consumer, &subjects)).await.expect("subscribes");
        for subject in ["orders.a", "orders.c", "orders.b", "orders.b.x"] {
            let mut headers = HeaderMap::new();
            headers.append("Trace", subject);
            headers.append("Trace", "again");
            let publish = orders.jetstream.publish_with_headers(subject.to_owned(), headers, subject.into());
            publish.await.expect("publishes").await.expect("is confirmed");
        }
        let messages = take(&mut source, 2).await;
        assert_eq!(payloads(&messages), ["orders.a", "orders.b.x"]);
        for message in messages {
            let traces =
                [("Trace".to_owned(), message.subject.to_string()), ("Trace".into(), "again".into())];
            assert_eq!(message.headers, traces);
        }
    }
}

#[tokio::test]
async fn a_source_without_a_name_leaves_nothing() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let source = broker.subscribe(at_orders(None, &["orders.a"])).await.expect("subscribes");
    let consumers = orders.consumers().await;
    let [consumer] = consumers.as_slice() else { panic!("one consumer: {consumers:?}") };
    assert!(consumer.config.durable_name.is_none() && !consumer.config.inactive_threshold.is_zero());
    drop(source);
    until("it is gone", async || orders.consumers().await.is_empty()).await;
}

#[tokio::test]
async fn an_idle_source_does_not_poll() {
    let orders = Orders::start().await;
    let heartbeat = Duration::from_millis(200);
    let broker = connect(Options { idle_heartbeat: heartbeat, ..orders.options() }).await;
    let mut sources = Vec::new();
    for n in 0..10 {
        let subject = format!("orders.{n}");
        let consumer = (n % 2 == 0).then_some("router");
        sources.push(broker.subscribe(at_orders(consumer, &[&subject])).await.expect("subscribes"));
    }
    let (sent, heard) = orders.server.traffic().await;
    until("each has heard ten heartbeats", async || orders.server.traffic().await.1 >= heard + 100).await;
    let sent = orders.server.traffic().await.0 - sent;
    // A request stands for 20 heartbeats, so each has renewed it once at most.
    assert!(sent <= 10, "{sent} messages to the server while nothing happened");
    orders.fill("orders.9", 0..1).await;
    assert_eq!(payloads(&take(&mut sources[9], 1).await), ["0"]);
}

/// Not a test: prints what 100 idle sources cost in a minute. Run it by name, with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "takes a minute and only prints"]
async fn cost_of_100_idle_sources() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut sources = Vec::new();
    for n in 0..100 {
        let subject = format!("orders.{n}");
        let consumer = (n % 2 == 0).then_some("router");
        sources.push(broker.subscribe(at_orders(consumer, &[&subject])).await.expect("subscribes"));
    }
    let ticks = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("is there");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a line").split_whitespace().collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    };
    let pids = [std::process::id(), orders.server.pid()];
    let before = (orders.server.traffic().await, pids.map(ticks));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after = (orders.server.traffic().await, pids.map(ticks));
    println!(
        "100 idle sources, 60 s: in {}, out {}; CPU ticks (10 ms): us {}, nats-server {}",
        after.0.0 - before.0.0,
        after.0.1 - before.0.1,
        after.1[0] - before.1[0],
        after.1[1] - before.1[1]
    );
}
