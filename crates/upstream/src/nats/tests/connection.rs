//! A connection that is not there yet, is lost, and returns.

use super::*;

#[tokio::test]
async fn sources_survive_a_restart_of_the_server() {
    let mut server = Server::start().await;
    let metrics = Metrics::default();
    let options = Options { timeout: Duration::from_millis(200), ..options(&server) };
    let brief = NatsBroker::connect(options, &metrics).await.expect("options are right");
    let broker = broker(&server).await;
    let mut source = broker.subscribe(subscribe(&["a", "b.>"])).await.expect("subscribes");
    until("the other one is up", async || brief.status() == BrokerStatus::Up).await;
    server.stop();
    until("down is seen", async || {
        [&brief, &broker].iter().all(|b| matches!(b.status(), BrokerStatus::Down { .. }))
    })
    .await;
    let BrokerStatus::Down { reason } = broker.status() else { panic!("down") };
    assert!(reason.contains(&server.url()), "{reason}");
    let failed = brief.publish(outgoing("a", "never")).await;
    assert!(matches!(failed, Err(BrokerError::Unavailable(_))), "{failed:?}");
    assert!(matches!(brief.subscribe(subscribe(&["c"])).await, Err(BrokerError::Unavailable(_))));
    let mut waiting = std::pin::pin!(broker.subscribe(subscribe(&["late"])));
    assert!(waiting.as_mut().now_or_never().is_none(), "it waits for the connection");
    server.start_again().await;
    let mut late = waiting.await.expect("subscribes once the server is back");
    until("up is seen", async || [&brief, &broker].iter().all(|b| b.status() == BrokerStatus::Up)).await;
    for (subject, payload) in [("a", "1"), ("b.x", "2"), ("late", "3")] {
        broker.publish(outgoing(subject, payload)).await.expect("publishes");
    }
    assert_eq!(payloads(&take(&mut source, 2).await), ["1", "2"], "and not what failed while it was down");
    assert_eq!(payloads(&take(&mut late, 1).await), ["3"]);
    assert!(
        metrics.render().contains("connection_losses_total{family=\"nats\",provider=\"default\"} 1\n"),
        "{}",
        metrics.render()
    );
}

#[tokio::test]
async fn a_server_absent_at_start_is_found_later() {
    let mut server = Server::reserve();
    let broker = broker(&server).await;
    assert!(matches!(broker.status(), BrokerStatus::Down { .. }));
    let mut opening = std::pin::pin!(broker.subscribe(subscribe(&["a"])));
    assert!(opening.as_mut().now_or_never().is_none());
    server.start_again().await;
    let mut source = opening.await.expect("subscribes");
    broker.publish(outgoing("a", "1")).await.expect("publishes");
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
    assert_eq!(broker.status(), BrokerStatus::Up);
}
