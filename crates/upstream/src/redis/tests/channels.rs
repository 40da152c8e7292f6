//! Channels and patterns of one server: exactness, order, sharing, bounds.

use super::*;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[tokio::test]
async fn a_channel_is_no_pattern_and_a_pattern_is_one() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let table: [(Feed, &[&str], &[&str]); 5] = [
        (Feed::Plain, &["a*"], &["a*"]),
        (Feed::Plain, &["a[b]", "ab"], &["ab", "a[b]"]),
        (Feed::Patterns, &["a*"], &["ab", "a*", "a[b]"]),
        (Feed::Patterns, &["a[b]", "?*"], &["ab", "a*", "b", "a[b]"]),
        (Feed::Patterns, &[r"a\*"], &["a*"]),
    ];
    let mut sources = Vec::new();
    for (feed, subjects, expected) in table {
        sources.push((open(&broker, feed, subjects).await, subjects, expected));
    }
    for channel in ["ab", "a*", "b", "a[b]"] {
        publish(&broker, channel, channel).await;
    }
    // What must not come would come before this.
    for (channel, payload) in [("a*", "end"), ("ab", "end"), ("b", "end")] {
        publish(&broker, channel, payload).await;
    }
    for (source, subjects, expected) in &mut sources {
        let messages = take(source, expected.len() + 1).await;
        assert_eq!(payloads(&messages[..expected.len()]), *expected, "{subjects:?}");
        assert!(messages.iter().all(|m| m.payload == "end" || *m.payload == *m.subject.as_bytes()));
        assert_eq!(messages[expected.len()].payload, "end", "{subjects:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_arrives_whole_and_in_order() {
    const COUNT: usize = 2_000;
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut by_name = open(&broker, Feed::Plain, &["burst"]).await;
    let mut by_pattern = open(&broker, Feed::Patterns, &["b*", "bu*"]).await;
    let mut other = server.connection().await;
    let mut burst = redis::pipe();
    for n in 0..COUNT {
        burst.cmd("PUBLISH").arg("burst").arg(n).ignore();
    }
    burst.query_async::<()>(&mut other).await.expect("publishes");
    for source in [&mut by_name, &mut by_pattern] {
        let messages = take(source, COUNT).await;
        assert_eq!(payloads(&messages), numbers(0..COUNT));
        let sequences: Vec<u128> = messages.iter().map(|m| m.position.sequence).collect();
        assert_eq!(sequences, (1..=COUNT as u128).collect::<Vec<_>>());
        assert_eq!(source.dropped(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_after_subscribe_returns_arrives() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut other = server.connection().await;
    for n in 0..50 {
        let channel = format!("orders.{n}");
        let mut source = open(&broker, Feed::Plain, &[&channel]).await;
        // Through another connection, which the server reads on its own.
        let heard: usize =
            redis::cmd("PUBLISH").arg(&channel).arg(n).query_async(&mut other).await.expect("publishes");
        assert_eq!(heard, 1);
        assert_eq!(payloads(&take(&mut source, 1).await), [n.to_string()]);
    }
    assert_eq!(broker.status(), BrokerStatus::Up);
}

#[tokio::test]
async fn sources_share_a_subscription_and_the_last_one_ends_it() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut first = open(&broker, Feed::Plain, &["shared", "own"]).await;
    let mut second = open(&broker, Feed::Plain, &["shared", "shared"]).await;
    let pattern = open(&broker, Feed::Patterns, &["sh*", "x*"]).await;
    let twin = open(&broker, Feed::Patterns, &["x*"]).await;
    assert_eq!((server.listeners("shared").await, server.call::<usize>("PUBSUB NUMPAT").await), (1, 2));
    publish(&broker, "shared", "both").await;
    for source in [&mut first, &mut second] {
        assert_eq!(payloads(&take(source, 1).await), ["both"]);
    }
    drop((first, pattern));
    until("what nobody else has is gone", async || {
        server.listeners("own").await == 0 && server.call::<usize>("PUBSUB NUMPAT").await == 1
    })
    .await;
    assert_eq!(server.listeners("shared").await, 1);
    publish(&broker, "shared", "one").await;
    assert_eq!(payloads(&take(&mut second, 1).await), ["one"]);
    let cancelled = broker.subscribe(subscribe(Feed::Plain, &["cancelled"])).now_or_never();
    assert!(cancelled.is_none());
    drop((second, twin));
    until("all are gone", async || {
        let channels = server.call::<Vec<String>>("PUBSUB CHANNELS").await;
        channels.is_empty() && server.call::<usize>("PUBSUB NUMPAT").await == 0
    })
    .await;
    // An end and a beginning of one name keep their order.
    for n in 0..50 {
        let mut again = open(&broker, Feed::Plain, &["shared"]).await;
        publish(&broker, "shared", &n.to_string()).await;
        assert_eq!(payloads(&take(&mut again, 1).await), [n.to_string()]);
    }
}

#[tokio::test]
async fn nothing_is_left_when_the_broker_and_its_sources_are_dropped() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let sources = [open(&broker, Feed::Plain, &["a"]).await, open(&broker, Feed::Log, &["b"]).await];
    until_up(&broker).await;
    assert_eq!(server.clients().await, 3, "one for channels, one for commands, one that reads the stream");
    drop(broker);
    drop(sources);
    until("no connection is left", async || server.clients().await == 0).await;
}

#[tokio::test]
async fn what_does_not_fit_is_counted_exactly() {
    let server = Server::start().await;
    for (messages_max, bytes_max, kept) in [(10, 1 << 20, 10), (1_000, 55, 5)] {
        let options =
            Options { source_messages_max: messages_max, source_bytes_max: bytes_max, ..options(&server) };
        let metrics = Metrics::default();
        let broker = RedisBroker::connect(options, &metrics).await.expect("options are right");
        let mut source = open(&broker, Feed::Plain, &["s"]).await;
        for n in 0..100 {
            publish(&broker, "s", &format!("{n:010}")).await;
        }
        let mut dropped = 0;
        until("the rest is dropped", async || {
            dropped += source.dropped();
            dropped == 100 - kept
        })
        .await;
        let messages = take(&mut source, usize::try_from(kept).expect("small")).await;
        assert_eq!(payloads(&messages), (0..kept).map(|n| format!("{n:010}")).collect::<Vec<_>>());
        publish(&broker, "s", "after").await;
        let after = take(&mut source, 1).await.remove(0);
        assert_eq!((after.position.sequence, source.dropped()), (101, 0), "the gap shows in the sequence");
        let rendered = metrics.render();
        for line in [
            "dropped_total{family=\"redis\",provider=\"default\"} 9",
            "published_total{family=\"redis\",provider=\"default\"} 101\n",
        ] {
            assert!(rendered.contains(line), "{rendered}");
        }
    }
}

#[tokio::test]
async fn a_channel_that_is_not_text_comes_by_its_pattern() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Patterns, &["b*"]).await;
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(b"b\xff").arg(b"\xfe\x00");
    publish.query_async::<()>(&mut server.connection().await).await.expect("publishes");
    let message = take(&mut source, 1).await.remove(0);
    assert_eq!((&*message.subject, &*message.payload), ("b\u{fffd}", &b"\xfe\x00"[..]));
}

/// `KEYS` matches as `PSUBSCRIBE` does, and answers at once.
#[tokio::test]
async fn patterns_match_as_the_server_matches_them() {
    const ALPHABET: &str = r"[ab\-\*\?\[\]\^\\]{1,6}";
    let server = Server::start().await;
    let mut connection = server.connection().await;
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> =
        (0..60).map(|_| "[ab\\-\\]\\\\*]{1,5}".new_tree(&mut runner).expect("a text").current()).collect();
    for text in &texts {
        redis::cmd("SET").arg(text).arg("").query_async::<()>(&mut connection).await.expect("sets");
    }
    let mut matched = 0;
    for _ in 0..600 {
        let pattern = ALPHABET.new_tree(&mut runner).expect("a pattern").current();
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(&pattern).query_async(&mut connection).await.expect("answers");
        for text in &texts {
            let covers = glob::matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(covers, keys.contains(text), "pattern `{pattern}`, channel `{text}`");
            matched += usize::from(covers);
        }
    }
    assert!(matched > 500, "only {matched} pairs match: this proves little");
}
