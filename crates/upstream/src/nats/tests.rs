//! The NATS broker against a real `nats-server`, named by TIDEGATE_TEST_NATS_SERVER; without it these tests
//! say so and pass. Each starts its own server on a free port of 127.0.0.1.

mod server;

use super::*;
use bytes::Bytes;
use futures::FutureExt;
use graph::events::Stream;
use server::Server;
use std::time::Duration;

/// The tests' patience with a real process. Never a measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(server: &Server) -> Options {
    Options { timeout: PATIENCE, ..Options::new("default", vec![server.url()]) }
}

async fn connect(options: Options) -> NatsBroker {
    NatsBroker::connect(options, &Metrics::default()).await.expect("options are right")
}

async fn broker(server: &Server) -> NatsBroker {
    connect(options(server)).await
}

fn subscribe(subjects: &[&str]) -> Subscribe {
    let subjects = subjects.iter().map(|s| (*s).to_owned()).collect();
    Subscribe { subjects, stream: None, batch_events_max: 256 }
}

fn outgoing(subject: &str, payload: &str) -> Outgoing {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    Outgoing { subject: subject.into(), payload, headers: Vec::new() }
}

async fn take(source: &mut Box<dyn Source>, count: usize) -> Vec<engine::event::Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let batch = tokio::time::timeout(PATIENCE, source.next()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{} of {count} messages came", messages.len()));
        messages.extend(batch.expect("the source lives"));
    }
    messages
}

fn payloads(messages: &[engine::event::Message]) -> Vec<String> {
    messages.iter().map(|m| String::from_utf8_lossy(&m.payload).into_owned()).collect()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn refuses_options_that_can_never_work() {
    let url = || vec!["nats://127.0.0.1:1".to_owned()];
    let tls = |tls| Options { tls: Some(tls), ..Options::new("x", url()) };
    let auth = |a| Options { authentication: Some(a), ..Options::new("x", url()) };
    let missing = Some(PathBuf::from("/nowhere/ca.pem"));
    for (options, named) in [
        (Options::new("x", vec![]), "`url` is empty"),
        (Options::new("x", vec!["http://a".into()]), "`url` is not"),
        (Options::new("x", vec!["ws://u:secret@a".into()]), "`ws://`"),
        (tls(Tls { ca_file: missing.clone(), ..Tls::default() }), "`tls.ca_file` (/nowhere/ca.pem)"),
        (tls(Tls { cert_file: missing, ..Tls::default() }), "`tls.key_file`"),
        (auth(Authentication::Credentials("secret".into())), "`.creds`"),
        (auth(Authentication::Nkey("secret".into())), "`SU`"),
    ] {
        let Err(error) = NatsBroker::connect(options, &Metrics::default()).await else {
            panic!("accepted, but {named} is wrong");
        };
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("`x`") && !error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn refuses_streams_and_bad_subjects_without_a_server() {
    let broker = connect(Options::new("x", vec!["nats://127.0.0.1:1".into()])).await;
    let stream = Stream {
        stream_name: "s".into(),
        consumer_name: "c".into(),
        consumer_inactive_threshold_seconds: 30,
    };
    let refused = broker.subscribe(Subscribe { stream: Some(stream), ..subscribe(&["a"]) }).await.err();
    assert!(matches!(&refused, Some(BrokerError::Refused(text)) if text.contains("`s`")), "{refused:?}");
    assert!(matches!(broker.subscribe(subscribe(&["a..b"])).await, Err(BrokerError::Refused(_))));
    assert!(matches!(broker.publish(outgoing("a.>", "")).await, Err(BrokerError::Refused(_))));
    assert_eq!(broker.rule().forbidden, ['.', '*', '>']);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_after_subscribe_returns_arrives() {
    let Some(server) = Server::start("round trip").await else { return };
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
    let Some(server) = Server::start("burst").await else { return };
    let broker = broker(&server).await;
    let mut source = broker.subscribe(subscribe(&["burst"])).await.expect("subscribes");
    let other = async_nats::connect(server.url()).await.expect("connects");
    for n in 0..COUNT {
        other.publish("burst", n.to_string().into()).await.expect("publishes");
    }
    other.flush().await.expect("flushes");
    let messages = take(&mut source, COUNT).await;
    assert_eq!(payloads(&messages), (0..COUNT).map(|n| n.to_string()).collect::<Vec<_>>());
    let sequences: Vec<u64> = messages.iter().map(|m| m.position.sequence).collect();
    assert_eq!(sequences, (1..=COUNT as u64).collect::<Vec<_>>());
    assert_eq!(source.dropped(), 0);
}

#[tokio::test]
async fn overlapping_subjects_of_one_source_bring_each_event_once() {
    let Some(server) = Server::start("overlap").await else { return };
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
    }
    assert!(messages.is_sorted_by(|a, b| a.position < b.position));
}

#[tokio::test]
async fn what_does_not_fit_is_counted_exactly() {
    let Some(server) = Server::start("bounds").await else { return };
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
        assert!(
            metrics.render().contains(&format!("messages_dropped_total{{provider=\"default\"}} {dropped}\n"))
        );
        broker.publish(outgoing("s", "after")).await.expect("publishes");
        let after = take(&mut source, 1).await.remove(0);
        assert_eq!((after.position.sequence, source.dropped()), (101, 0), "the gap shows in the sequence");
    }
}

#[tokio::test]
async fn sources_survive_a_restart_of_the_server() {
    let Some(mut server) = Server::start("restart").await else { return };
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
        metrics.render().contains("connection_losses_total{provider=\"default\"} 1\n"),
        "{}",
        metrics.render()
    );
}

#[tokio::test]
async fn a_server_absent_at_start_is_found_later() {
    let Some(mut server) = Server::reserve("absent at start") else { return };
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

#[tokio::test]
async fn a_dropped_source_leaves_nothing_at_the_server() {
    let Some(server) = Server::start("drop").await else { return };
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
    let Some(server) = Server::start("cancel").await else { return };
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

#[tokio::test]
async fn permissions_are_told_as_refusals() {
    const USERS: &str = r#"authorization { users = [
        { user: narrow, password: "p w", permissions: {
            publish: ["ok", "_INBOX.>"], subscribe: ["ok", "_INBOX.>"]
        } }
        { user: reader, password: secret, permissions: { publish: { deny: ">" }, subscribe: "ok" } }
    ] }"#;
    let Some(server) = Server::start_with("permissions", USERS).await else { return };
    let connect_as = async |user: &str| {
        let url = server.url().replace("://", &format!("://{user}@"));
        connect(Options { urls: vec![url], ..options(&server) }).await
    };
    let narrow = connect_as("narrow:p%20w").await;
    assert!(narrow.subscribe(subscribe(&["ok"])).await.is_ok());
    assert!(narrow.publish(outgoing("ok", "")).await.is_ok());
    for n in 0..20 {
        let subject = format!("no.{n}");
        let told = |text: &String| text.contains(&format!("\"{subject}\""));
        let refused = narrow.publish(outgoing(&subject, "")).await;
        assert!(matches!(&refused, Err(BrokerError::Refused(text)) if told(text)), "{refused:?}");
        let refused = narrow.subscribe(subscribe(&["ok", &subject])).await.err();
        assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
    }
    // This account may not even send the echo: its denial is answer enough.
    let reader = connect_as("reader:secret").await;
    assert!(reader.subscribe(subscribe(&["ok"])).await.is_ok());
    let wrong = connect(options(&server)).await;
    until("the reason is known", async || {
        matches!(wrong.status(), BrokerStatus::Down { reason } if reason.contains("authorization violation"))
    })
    .await;
}
