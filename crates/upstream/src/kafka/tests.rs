//! The Kafka broker against a real Apache Kafka from the jars in TIDEGATE_TEST_KAFKA_JARS; without them these tests say
//! so and pass. Most share one server, each with topics of its own.

mod absent;
mod certificates;
mod change;
mod outage;
mod proxy;
mod publish;
mod read;
mod secure;
mod server;

use super::*;
use crate::Metrics;
use crate::broker_tests::{numbers, payloads, take_within, until_within};
use engine::event::Message;
use proxy::Proxy;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use server::{Listener, Server};
use std::collections::BTreeMap;

/// The tests' patience with a real process on a busy machine. Never a measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(server: &Server) -> Options {
    Options {
        timeout: PATIENCE,
        metadata_interval: Duration::from_millis(200),
        ..Options::new("default", vec![server.address(Listener::Plain)])
    }
}

/// The same broker, through a proxy.
fn through(proxy: &Proxy, server: &Server) -> Options {
    Options { brokers: vec![proxy.address()], ..options(server) }
}

async fn connect(options: Options) -> KafkaBroker {
    KafkaBroker::connect(options, &Metrics::default()).await.expect("options are right")
}

fn subscribe(topics: &[&str]) -> Subscribe {
    let subjects = topics.iter().map(|topic| (*topic).to_owned()).collect();
    Subscribe { subjects, feed: Feed::Plain, batch_events_max: 256 }
}

async fn take(source: &mut Box<dyn Source>, count: usize) -> Vec<Message> {
    take_within(PATIENCE, source.as_mut(), count).await
}

async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}

/// A client of its own, to create topics with and to write where the test says.
struct Writer(Client);

impl Writer {
    async fn connect(server: &Server) -> Writer {
        let client = ClientBuilder::new(vec![server.address(Listener::Plain)]).build().await;
        Writer(client.expect("connects"))
    }

    async fn create(&self, topic: &str, partitions: i32) {
        let controller = self.0.controller_client().expect("a controller");
        controller.create_topic(topic, partitions, 1, 30_000).await.expect("creates");
    }

    async fn delete(&self, topic: &str) {
        let controller = self.0.controller_client().expect("a controller");
        controller.delete_topic(topic, 30_000).await.expect("deletes");
    }

    /// Records that say they were written an hour ago.
    async fn write_old(&self, topic: &str, payloads: &[String]) {
        let records = payloads.iter().map(|payload| {
            let outgoing = Outgoing::new(topic, payload.clone().into_bytes());
            let record = publisher::record(&outgoing).expect("a record");
            Record { timestamp: record.timestamp - Duration::from_secs(3_600), ..record }
        });
        let partition = self.partition(topic, 0).await;
        partition.produce(records.collect(), Compression::NoCompression).await.expect("writes");
    }

    async fn partition(&self, topic: &str, partition: i32) -> PartitionClient {
        // The client believes the last list that it has read.
        until("the partition is there", async || {
            let topics = self.0.list_topics().await.expect("lists");
            topics.iter().any(|found| found.name == topic && found.partitions.contains(&partition))
        })
        .await;
        let client = self.0.partition_client(topic, partition, UnknownTopicHandling::Retry).await;
        client.expect("a leader")
    }

    async fn topics(&self) -> Vec<String> {
        self.0.list_topics().await.expect("lists").into_iter().map(|topic| topic.name).collect()
    }

    /// One batch a call.
    async fn write(&self, topic: &str, partition: i32, payloads: &[String]) {
        let records = payloads.iter().map(|payload| {
            let outgoing = Outgoing::new(topic, payload.clone().into_bytes());
            publisher::record(&outgoing).expect("a record")
        });
        let partition = self.partition(topic, partition).await;
        partition.produce(records.collect(), Compression::NoCompression).await.expect("writes");
    }
}

/// `from..to` as payloads.
/// The payloads of each partition, which must come in the order of their offsets.
fn by_partition(messages: &[Message]) -> BTreeMap<u32, Vec<String>> {
    let mut lines: BTreeMap<u32, Vec<&Message>> = BTreeMap::new();
    for message in messages {
        lines.entry(message.position.partition).or_default().push(message);
    }
    let lines = lines.into_iter().map(|(partition, messages)| {
        assert!(
            messages.is_sorted_by(|a, b| a.position.sequence < b.position.sequence),
            "partition {partition}"
        );
        (
            partition,
            messages.into_iter().flat_map(|message| payloads(std::slice::from_ref(message))).collect(),
        )
    });
    lines.collect()
}

#[tokio::test]
async fn refuses_options_that_can_never_work() {
    let brokers = |text: &str| Options::new("x", vec![text.to_owned()]);
    let tls = |tls| Options { tls: Some(tls), ..brokers("localhost") };
    let missing = Some(std::path::PathBuf::from("/nowhere/ca.pem"));
    for (options, named) in [
        (Options::new("x", vec![]), "`brokers` is empty"),
        (brokers("kafka://u:secret@a:1"), "`brokers[0]` is not `host:port`"),
        (brokers("u:secret@a:1"), "`brokers[0]`"),
        (brokers(":9092"), "`brokers[0]`"),
        (brokers("a:b"), "`brokers[0]`"),
        (brokers("a:0"), "`brokers[0]`"),
        (Options { tls: Some(TlsFiles::default()), ..brokers("[::1]:9092") }, "IPv6"),
        (
            tls(TlsFiles { ca_file: missing.clone(), ..TlsFiles::default() }),
            "`tls.ca_file` (/nowhere/ca.pem)",
        ),
        (
            tls(TlsFiles { ca_file: Some("Cargo.toml".into()), ..TlsFiles::default() }),
            "no certificate in PEM",
        ),
        (tls(TlsFiles { cert_file: missing, ..TlsFiles::default() }), "`tls.key_file`"),
    ] {
        let found = options.check().expect_err(named);
        assert_eq!(found.family, "kafka");
        assert!(found.problem.contains(named), "{found}");
        assert!(found.problem.starts_with(&format!("`{}", found.setting)), "{found:?}");
        let Err(error) = KafkaBroker::connect(options, &Metrics::default()).await else {
            panic!("accepted, but {named} is wrong");
        };
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("`x`") && !error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn refuses_what_kafka_does_not_have_without_a_server() {
    let broker = connect(Options::new("x", vec!["127.0.0.1:1".into(), "[::1]:1".into()])).await;
    let log = Subscribe { feed: Feed::Log, ..subscribe(&["a"]) };
    assert!(matches!(broker.subscribe(log).await, Err(BrokerError::Refused(_))));
    assert!(matches!(broker.subscribe(subscribe(&["a/b"])).await, Err(BrokerError::Refused(_))));
    assert!(matches!(broker.publish(Outgoing::new("a b", "")).await, Err(BrokerError::Refused(_))));
    let headers = ["h", "h"].map(|name| (name.to_owned(), String::new())).to_vec();
    let twice = broker.publish(Outgoing { headers, ..Outgoing::new("a", "") }).await;
    assert!(matches!(&twice, Err(BrokerError::Refused(text)) if text.contains("`h`")), "{twice:?}");
    assert_eq!(broker.rule().noun, "topic");
    let away = broker.publish(Outgoing::new("a", "")).await;
    assert!(matches!(&away, Err(BrokerError::Unavailable(text)) if text.contains("127.0.0.1:1")), "{away:?}");
}
