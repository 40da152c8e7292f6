//! Brokers that go and come back, and what is left behind when we go.

use super::*;
use futures::FutureExt;
use server::{private, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_survive_a_restart_of_the_broker() {
    let mut server = private();
    let writer = Writer::connect(&server).await;
    writer.create("restart", 2).await;
    let metrics = Metrics::default();
    let brief = Options { timeout: Duration::from_millis(300), ..options(&server) };
    let brief = KafkaBroker::connect(brief, &Metrics::default()).await.expect("options are right");
    let broker = KafkaBroker::connect(options(&server), &metrics).await.expect("options are right");
    // This one does not look at the cluster until it has a reason.
    let unaware = connect(Options { metadata_interval: PATIENCE * 10, ..options(&server) }).await;
    let keyed =
        |payload: &str| Outgoing { key: Some("a".into()), ..Outgoing::new("restart", payload.to_owned()) };
    unaware.publish(keyed("before")).await.expect("publishes");
    until("the other one is up", async || brief.status() == BrokerStatus::Up).await;
    let mut source = broker.subscribe(subscribe(&["restart"])).await.expect("subscribes");
    writer.write("restart", 0, &numbers(0..10)).await;
    writer.write("restart", 1, &numbers(10..20)).await;
    let mut messages = take(&mut source, 20).await;
    broker.publish(keyed("20")).await.expect("publishes");

    server.stop();
    until("down is seen", async || {
        [&brief, &broker].iter().all(|b| matches!(b.status(), BrokerStatus::Down { .. }))
    })
    .await;
    let BrokerStatus::Down { reason } = broker.status() else { panic!("down") };
    assert!(reason.contains(&server.address(Listener::Plain)), "{reason}");
    let failed = brief.publish(Outgoing::new("restart", "never")).await;
    assert!(matches!(failed, Err(BrokerError::Unavailable(_))), "{failed:?}");
    let failed = brief.subscribe(subscribe(&["restart"])).await.err();
    assert!(matches!(failed, Some(BrokerError::Unavailable(_))), "{failed:?}");
    let mut waiting = broker.subscribe(subscribe(&["restart"]));
    assert!(waiting.as_mut().now_or_never().is_none(), "it waits for the connection");

    tokio::task::block_in_place(|| server.start_again());
    let mut late = waiting.await.expect("subscribes once the broker is back");
    until("up is seen", async || [&brief, &broker].iter().all(|b| b.status() == BrokerStatus::Up)).await;
    unaware.publish(keyed("21")).await.expect("finds that its connection has broken, and makes another");
    for n in 22..40 {
        broker.publish(Outgoing::new("restart", n.to_string())).await.expect("publishes");
    }
    messages.extend(take(&mut source, 20).await);
    let mut seen = payloads(&messages);
    seen.sort_by_key(|payload| payload.parse::<usize>().expect("a number"));
    assert_eq!(seen, numbers(0..40), "no loss, no duplicate, and not what failed while it was down");
    by_partition(&messages);
    assert_eq!(take(&mut late, 19).await.len(), 19);
    assert!(
        metrics.render().contains("connection_losses_total{family=\"kafka\",provider=\"default\"} 1\n"),
        "{}",
        metrics.render()
    );

    drop((source, late, writer, brief, unaware, broker));
    let port = server.port(Listener::Plain);
    until("no socket is left", async || connections_to(port) == 0).await;
}

#[tokio::test]
async fn what_is_dropped_leaves_no_task() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("drop", 3).await;
    drop(writer);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    until("the writer's are gone", async || tasks() == 0).await;
    let broker = connect(options(server)).await;
    let source = broker.subscribe(subscribe(&["drop", "drop.missing"])).await.expect("subscribes");
    broker.publish(Outgoing::new("drop", "1")).await.expect("publishes");
    assert!(broker.subscribe(subscribe(&["drop"])).now_or_never().is_none(), "and is dropped half open");
    assert!(tasks() > 3);
    drop(broker);
    drop(source);
    until("no task is left", async || tasks() == 0).await;

    let lost = connect(Options::new("x", vec!["127.0.0.1:1".into()])).await;
    until(
        "it tries",
        async || matches!(lost.status(), BrokerStatus::Down { reason } if reason.contains("refused")),
    )
    .await;
    drop(lost);
    until("no task is left", async || tasks() == 0).await;
}

/// Open connections from this machine to a local port.
fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let end = format!("0100007F:{port:04X}");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 3 && row[2] == end && row[3] == ESTABLISHED).count()
}
