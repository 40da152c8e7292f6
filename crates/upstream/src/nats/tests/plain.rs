//! Core NATS: what arrives, in which order, and what a full queue costs.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_after_subscribe_returns_arrives() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let other = async_nats::connect(server.url()).await.expect("connects");
    for n in 0..50 {
        let subject = format!("orders.{n}");
        let mut source = broker.subscribe(subscribe(&[&subject])).await.expect("subscribes");
        // Through another connection, which the server reads on its own: only a true round trip orders the
        // two.
        other.publish(subject.clone(), "theirs".into()).await.expect("publishes");
        other.flush().await.expect("flushes");
        assert_eq!(payloads(&take(&mut source, 1).await), ["theirs"]);
        let headers = vec![("Trace".to_owned(), "1".to_owned())];
        broker.publish(Outgoing { headers, ..outgoing(&subject, "ours") }).await.expect("publishes");
        let message = take(&mut source, 1).await.remove(0);
        assert_eq!((&*message.subject, &*message.payload), (&*subject, &b"ours"[..]));
        assert_eq!(message.headers, [("Trace".to_owned(), "1".to_owned())]);
        assert_eq!(message.position.sequence, 2);
    }
    assert_eq!(broker.status(), BrokerStatus::Up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_arrives_whole_and_in_order() {
    const COUNT: usize = 10_000;
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = broker.subscribe(subscribe(&["burst"])).await.expect("subscribes");
    let other = async_nats::connect(server.url()).await.expect("connects");
    for n in 0..COUNT {
        other.publish("burst", n.to_string().into()).await.expect("publishes");
    }
    other.flush().await.expect("flushes");
    let messages = take(&mut source, COUNT).await;
    assert_eq!(payloads(&messages), (0..COUNT).map(|n| n.to_string()).collect::<Vec<_>>());
    let sequences: Vec<u128> = messages.iter().map(|m| m.position.sequence).collect();
    assert_eq!(sequences, (1..=COUNT as u128).collect::<Vec<_>>());
    assert_eq!(source.dropped(), 0);
}

#[tokio::test]
async fn overlapping_subjects_of_one_source_bring_each_event_once() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = broker.subscribe(subscribe(&["a.*", "a.1", ">"])).await.expect("subscribes");
    for n in 0..20 {
        broker.publish(outgoing("a.1", &format!("one {n}"))).await.expect("publishes");
        broker.publish(outgoing("b", &format!("b {n}"))).await.expect("publishes");
    }
    let messages = take(&mut source, 40).await;
    for (subject, prefix) in [("a.1", "one"), ("b", "b")] {
        let got: Vec<_> = messages.iter().filter(|m| &*m.subject == subject).cloned().collect();
        assert_eq!(payloads(&got), (0..20).map(|n| format!("{prefix} {n}")).collect::<Vec<_>>());
        assert!(got.is_sorted_by(|a, b| a.position < b.position), "one partition");
    }
    let partitions: std::collections::BTreeSet<u32> = messages.iter().map(|m| m.position.partition).collect();
    assert_eq!(partitions.len(), 2, "there is no order between subjects, and none is claimed");
}

#[tokio::test]
async fn what_does_not_fit_is_counted_exactly() {
    let server = Server::start().await;
    for (messages_max, bytes_max, kept) in [(10, 1 << 20, 10), (1_000, 55, 5)] {
        let options =
            Options { source_messages_max: messages_max, source_bytes_max: bytes_max, ..options(&server) };
        let metrics = Metrics::default();
        let broker = NatsBroker::connect(options, &metrics).await.expect("options are right");
        let mut source = broker.subscribe(subscribe(&["s"])).await.expect("subscribes");
        for n in 0..100 {
            broker.publish(outgoing("s", &format!("{n:010}"))).await.expect("publishes");
        }
        let mut dropped = 0;
        until("the rest is dropped", async || {
            dropped += source.dropped();
            dropped == 100 - kept
        })
        .await;
        let messages = take(&mut source, usize::try_from(kept).expect("small")).await;
        assert_eq!(payloads(&messages), (0..kept).map(|n| format!("{n:010}")).collect::<Vec<_>>());
        assert!(metrics.render().contains(&format!(
            "messages_dropped_total{{family=\"nats\",provider=\"default\"}} {dropped}\n"
        )));
        broker.publish(outgoing("s", "after")).await.expect("publishes");
        let after = take(&mut source, 1).await.remove(0);
        assert_eq!((after.position.sequence, source.dropped()), (101, 0), "the gap shows in the sequence");
    }
}

#[tokio::test]
async fn a_dropped_source_leaves_nothing_at_the_server() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let source = broker.subscribe(subscribe(&["kept.a", "kept.b"])).await.expect("subscribes");
    let cancelled = broker.subscribe(subscribe(&["cancelled"])).now_or_never();
    assert!(cancelled.is_none());
    assert_eq!(server.subscriptions("kept").await, ["kept.a", "kept.b"], "one subscription per subject");
    drop(source);
    until("all are gone", async || server.subscriptions("").await.is_empty()).await;
}

#[tokio::test]
async fn next_is_cancel_safe() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = broker.subscribe(subscribe(&["a"])).await.expect("subscribes");
    for n in 0..50 {
        let mut next = source.next();
        assert!(next.as_mut().now_or_never().is_none());
        broker.publish(outgoing("a", &n.to_string())).await.expect("publishes");
        // A trigger drops the future when another turn comes first, also when a message is there already.
        drop(next);
        assert_eq!(payloads(&take(&mut source, 1).await), [n.to_string()]);
    }
}
