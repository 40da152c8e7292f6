//! The Redis broker against a real `redis-server`, which each test starts on a free port of 127.0.0.1; without one they
//! fail and name `bash scripts/test`. Here is what they share, and what needs no server.

mod access;
mod channels;
mod cluster;
mod outage;
mod server;
mod streams;

use super::*;
use crate::broker_tests::{numbers, payloads, take_within, until_within};
use bytes::Bytes;
use engine::event::Message;
use futures::FutureExt;
use graph::events::Stream;
use server::Server;
use std::path::PathBuf;

/// The tests' patience with a real process. Never a measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(server: &Server) -> Options {
    Options { timeout: PATIENCE, ..Options::new("default", vec![server.url()]) }
}

async fn connect(options: Options) -> RedisBroker {
    RedisBroker::connect(options, &Metrics::default()).await.expect("options are right")
}

async fn broker(server: &Server) -> RedisBroker {
    connect(options(server)).await
}

fn subscribe(feed: Feed, subjects: &[&str]) -> Subscribe {
    let subjects = subjects.iter().map(|s| (*s).to_owned()).collect();
    Subscribe { subjects, feed, batch_events_max: 64 }
}

async fn open(broker: &RedisBroker, feed: Feed, subjects: &[&str]) -> Box<dyn Source> {
    broker.subscribe(subscribe(feed, subjects)).await.expect("subscribes")
}

fn outgoing(feed: Feed, subject: &str, payload: &str) -> Outgoing {
    Outgoing { feed, ..Outgoing::new(subject, Bytes::copy_from_slice(payload.as_bytes())) }
}

async fn publish(broker: &RedisBroker, subject: &str, payload: &str) {
    broker.publish(outgoing(Feed::Plain, subject, payload)).await.expect("publishes");
}

async fn take(source: &mut Box<dyn Source>, count: usize) -> Vec<Message> {
    take_within(PATIENCE, source.as_mut(), count).await
}

async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}

async fn until_up(broker: &RedisBroker) {
    until("up is seen", async || broker.status() == BrokerStatus::Up).await;
}

async fn until_down(broker: &RedisBroker) -> String {
    until("down is seen", async || matches!(broker.status(), BrokerStatus::Down { .. })).await;
    let BrokerStatus::Down { reason } = broker.status() else { panic!("it is up again") };
    reason
}

#[tokio::test]
async fn refuses_options_that_can_never_work() {
    let here = || Options::new("x", vec!["redis://u:secret@127.0.0.1:1".to_owned()]);
    let urls = |urls: &[&str]| Options::new("x", urls.iter().map(|url| (*url).to_owned()).collect());
    let tls = |tls| Options { tls: Some(tls), ..here() };
    let missing = Some(PathBuf::from("/nowhere/ca.pem"));
    let this = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    let none = TlsFiles::default;
    for (options, named) in [
        (urls(&[]), "`urls` is empty"),
        (urls(&["http://u:secret@a"]), "`urls` holds what is no Redis address"),
        (urls(&["redis://u:secret@a", "rediss://u:secret@b"]), "mixes"),
        (Options { cluster: true, ..urls(&["redis://u:secret@a/1"]) }, "names a database"),
        (tls(TlsFiles { ca_file: missing.clone(), ..none() }), "`tls.ca_file` (/nowhere/ca.pem)"),
        (tls(TlsFiles { ca_file: this, ..none() }), "this is not PEM"),
        (tls(TlsFiles { cert_file: missing, ..none() }), "`tls.key_file`"),
    ] {
        let found = options.check().expect_err(named);
        assert_eq!(found.family, "redis");
        assert!(found.problem.contains(named), "{found}");
        assert!(found.problem.starts_with(&format!("`{}", found.setting)), "{found:?}");
        let Err(error) = RedisBroker::connect(options, &Metrics::default()).await else {
            panic!("accepted, but {named} is wrong");
        };
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("`x`") && !error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn refuses_what_redis_has_not_without_a_server() {
    let broker = connect(Options::new("x", vec!["redis://127.0.0.1:1".into()])).await;
    let stream = || {
        let (stream_name, consumer_name) = ("js".to_owned(), None);
        Feed::Stream(Stream { stream_name, consumer_name, consumer_inactive_threshold_seconds: 30 })
    };
    let long = "x".repeat(1_025);
    for (feed, subject, named) in
        [(stream(), "a", "`js`"), (Feed::Log, &*long, "1024"), (Feed::Plain, "", "name")]
    {
        let refused = broker.subscribe(subscribe(feed.clone(), &[subject])).await.err();
        assert!(matches!(&refused, Some(BrokerError::Refused(text)) if text.contains(named)), "{refused:?}");
        let refused = broker.publish(outgoing(feed, subject, "")).await;
        assert!(matches!(&refused, Err(BrokerError::Refused(text)) if text.contains(named)), "{refused:?}");
    }
    let headers = vec![("a".to_owned(), "b".to_owned())];
    assert!(matches!(
        commands::command(&Outgoing { headers, ..outgoing(Feed::Plain, "a", "") }),
        Err(BrokerError::Refused(text)) if text.contains("headers")
    ));
    assert_eq!(broker.rule().noun, "channel");
}
