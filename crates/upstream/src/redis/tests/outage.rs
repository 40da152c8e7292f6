//! Servers that die, come late, fall silent, or are one of several.

use super::*;

#[tokio::test]
async fn sources_survive_a_restart_of_the_server() {
    let mut server = Server::start().await;
    let metrics = Metrics::default();
    let options = Options { timeout: Duration::from_millis(200), ..options(&server) };
    let brief = RedisBroker::connect(options, &metrics).await.expect("options are right");
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Plain, &["a"]).await;
    let mut patterns = open(&broker, Feed::Patterns, &["b.*"]).await;
    let mut log = open(&broker, Feed::Log, &["log"]).await;
    until_up(&brief).await;
    until_up(&broker).await;
    server.stop();
    until_down(&brief).await;
    let reason = until_down(&broker).await;
    assert!(reason.contains(&server.url()), "{reason}");
    until("a publish is refused at once", async || {
        matches!(brief.publish(outgoing(Feed::Plain, "a", "never")).await, Err(BrokerError::Unavailable(_)))
    })
    .await;
    for feed in [Feed::Plain, Feed::Log] {
        let failed = brief.subscribe(subscribe(feed, &["c"])).await.err();
        assert!(matches!(failed, Some(BrokerError::Unavailable(_))), "{failed:?}");
    }
    let mut waiting = std::pin::pin!(broker.subscribe(subscribe(Feed::Plain, &["late"])));
    let mut reading = std::pin::pin!(broker.subscribe(subscribe(Feed::Log, &["late log"])));
    assert!(waiting.as_mut().now_or_never().is_none(), "it waits for the connection");
    assert!(reading.as_mut().now_or_never().is_none(), "it waits for the connection");
    server.start_again().await;
    let mut late = waiting.await.expect("subscribes once the server is back");
    let mut late_log = reading.await.expect("subscribes once the server is back");
    until_up(&brief).await;
    until_up(&broker).await;
    for (channel, payload) in [("a", "1"), ("b.x", "2"), ("late", "3")] {
        publish(&broker, channel, payload).await;
    }
    for (key, payload) in [("log", "4"), ("late log", "5")] {
        broker.publish(outgoing(Feed::Log, key, payload)).await.expect("publishes");
    }
    for (source, payload) in
        [(&mut source, "1"), (&mut patterns, "2"), (&mut late, "3"), (&mut log, "4"), (&mut late_log, "5")]
    {
        assert_eq!(payloads(&take(source, 1).await), [payload], "and not what failed while it was down");
    }
    let rendered = metrics.render();
    assert!(
        rendered.contains("connection_losses_total{family=\"redis\",provider=\"default\"} 1\n"),
        "{rendered}"
    );
}

#[tokio::test]
async fn a_server_absent_at_start_is_found_later() {
    let mut server = Server::reserve(&[]);
    let broker = broker(&server).await;
    assert!(matches!(broker.status(), BrokerStatus::Down { .. }));
    let mut opening = std::pin::pin!(broker.subscribe(subscribe(Feed::Plain, &["a"])));
    assert!(opening.as_mut().now_or_never().is_none());
    server.start_again().await;
    let mut source = opening.await.expect("subscribes");
    until_up(&broker).await;
    publish(&broker, "a", "1").await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
}

#[tokio::test]
async fn a_provider_that_is_only_published_to_is_up_too() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    until_up(&broker).await;
    publish(&broker, "a", "1").await;
    // And again once the connection that takes commands was lost, while the other one stands.
    let killed: usize = server.call("CLIENT KILL TYPE normal SKIPME yes").await;
    assert!(killed >= 1);
    until("it is published again", async || broker.publish(outgoing(Feed::Plain, "a", "2")).await.is_ok())
        .await;
    until_up(&broker).await;
}

#[tokio::test]
async fn subscriptions_are_renewed_when_only_their_connection_breaks() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Plain, &["a"]).await;
    for n in 0..5 {
        let killed: usize = server.call("CLIENT KILL TYPE pubsub").await;
        assert_eq!(killed, 1);
        until("it is subscribed again", async || server.listeners("a").await == 1).await;
        until("it is heard", async || server.call::<usize>(&format!("PUBLISH a {n}")).await == 1).await;
        assert_eq!(payloads(&take(&mut source, 1).await), [n.to_string()]);
    }
}

#[tokio::test]
async fn many_channels_are_renewed_at_once() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let names: Vec<String> = (0..5_000).map(|n| format!("channel.{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut source = open(&broker, Feed::Plain, &names).await;
    server.call::<usize>("CLIENT KILL TYPE pubsub").await;
    until("all are there again", async || {
        server.call::<Vec<String>>("PUBSUB CHANNELS").await.len() == names.len()
            && broker.status() == BrokerStatus::Up
    })
    .await;
    publish(&broker, "channel.4999", "1").await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
}

/// As when a machine or a network vanishes without a word: the connections stay, and nothing comes.
#[tokio::test]
async fn a_silent_server_is_noticed() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Plain, &["a"]).await;
    until_up(&broker).await;
    server.signal("-STOP");
    // Each on its own: one may not lean on the other to notice.
    until("both connections are given up", async || {
        [Line::Subscriptions, Line::Commands].iter().all(|line| !broker.standing.stands(*line))
    })
    .await;
    let reason = until_down(&broker).await;
    assert!(reason.contains("does not answer"), "{reason}");
    server.signal("-CONT");
    until_up(&broker).await;
    publish(&broker, "a", "1").await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
}

#[tokio::test]
async fn another_url_is_tried_where_one_is_dead() {
    let (dead, server) = (Server::reserve(&[]), Server::start().await);
    let broker = connect(Options { urls: vec![dead.url(), server.url()], ..options(&server) }).await;
    let mut source = open(&broker, Feed::Plain, &["a"]).await;
    let mut log = open(&broker, Feed::Log, &["log"]).await;
    until_up(&broker).await;
    publish(&broker, "a", "1").await;
    broker.publish(outgoing(Feed::Log, "log", "2")).await.expect("publishes");
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
    assert_eq!(payloads(&take(&mut log, 1).await), ["2"]);
}
