//! Each setting of a provider reaches its broker.

use super::*;
use engine::Limits;
use std::path::Path;
use std::time::Duration;
use upstream::{Start, kafka, nats};

fn providers(text: &str) -> Providers {
    serde_saphyr::from_str(&format!("{{{text}}}")).unwrap()
}

#[test]
fn nats_settings_reach_the_broker() {
    let providers = providers(
        "nats: [{id: a, url: 'nats://x:1, nats://y:2', authentication: {user_info: {username: u, password: p}}, \
         tls: {ca_file: /ca.pem, insecure_skip_ca_verification: true}, \
         start_position: 7, request_timeout: 2s, source_messages_max: 9, \
         source_bytes_max: 1MiB, experiment_delete_durable_consumers_on_shutdown: true}, \
         {id: b, url: nats://z, authentication: {token: t}}, {id: c, url: nats://z}]",
    );
    let limits = Limits::default();
    let all: Vec<nats::Options> = providers.nats.iter().map(|nats| nats.options(&limits, "me")).collect();
    let first = &all[0];
    assert_eq!(first.urls, ["nats://x:1", "nats://y:2"]);
    assert_eq!((first.timeout, first.request_timeout), (limits.broker_timeout, Some(Duration::from_secs(2))));
    assert!(matches!(&first.authentication,
        Some(nats::Authentication::UserPassword { user, password }) if user == "u" && password == "p"));
    let tls = first.tls.as_ref().unwrap();
    assert_eq!((tls.files.ca_file.as_deref(), tls.skip_verification), (Some(Path::new("/ca.pem")), true));
    assert_eq!((first.start, first.instance.as_str()), (Start::At(7), "me"));
    assert_eq!((first.source_messages_max, first.source_bytes_max), (9, 1 << 20));
    assert!(first.delete_durables_on_close && !all[1].delete_durables_on_close);
    assert!(matches!(&all[1].authentication, Some(nats::Authentication::Token(token)) if token == "t"));
    assert!(all[2].authentication.is_none() && all[2].tls.is_none());
}

#[test]
fn kafka_settings_reach_the_broker() {
    let providers = providers(
        "kafka: [{id: a, brokers: [x:1, y:2], fetch_max_wait: 3s, start_position: earliest, \
         authentication: {sasl_plain: {username: u, password: p}}, tls: {enabled: true, ca_file: /ca.pem}, \
         source_messages_max: 9}, \
         {id: b, brokers: x:1, \
         authentication: {sasl_scram: {username: u, password: p, mechanism: SCRAM-SHA-512}}, \
         tls: {enabled: false}}]",
    );
    let limits = Limits::default();
    let all: Vec<kafka::Options> = providers.kafka.iter().map(|kafka| kafka.options(&limits)).collect();
    let first = &all[0];
    assert_eq!(first.brokers, ["x:1", "y:2"]);
    assert_eq!((first.fetch_max_wait, first.timeout), (Duration::from_secs(3), limits.broker_timeout));
    assert_eq!((first.start, first.source_messages_max), (Start::Earliest, 9));
    assert!(matches!(&first.authentication,
        Some(kafka::Authentication::Plain { user, password }) if user == "u" && password == "p"));
    assert_eq!(first.tls.as_ref().unwrap().ca_file, Some(PathBuf::from("/ca.pem")));
    assert!(
        matches!(&all[1].authentication, Some(kafka::Authentication::ScramSha512 { user, .. }) if user == "u")
    );
    assert!(all[1].tls.is_none());
}

#[test]
fn redis_settings_reach_the_broker() {
    let providers = providers(
        "redis: [{id: a, urls: ['rediss://x:1', 'rediss://y:2'], cluster_enabled: true, start_position: 5-6, \
         authentication: {username: u, password: p}, tls: {ca_file: /ca.pem}, source_bytes_max: 7}]",
    );
    let limits = Limits::default();
    let options = providers.redis[0].options(&limits);
    assert_eq!(options.urls, ["rediss://x:1", "rediss://y:2"]);
    assert!(options.cluster);
    assert_eq!((options.start, options.source_bytes_max), (Start::At((5 << 64) + 6), 7));
    let authentication = options.authentication.unwrap();
    assert_eq!((authentication.username.as_str(), authentication.password.as_str()), ("u", "p"));
    assert_eq!(options.tls.unwrap().ca_file, Some(PathBuf::from("/ca.pem")));
}
