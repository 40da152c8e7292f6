//! Kafka topics: read from explicit offsets by every router, written with the broker's acknowledgement.
//! Owns the broker's plug and its bounds; joins no consumer group and commits nothing.

mod dial;
mod fault;
mod link;
mod partitioner;
mod place;
mod publisher;
mod reader;
mod source;
mod topic;

use crate::health::Health;
use crate::metrics::{Metrics, ProviderMetrics};
use crate::options::{OptionsError, call_timeout};
use crate::queue::Bounds;
use crate::start::Start;
use crate::tls::TlsFiles;
use async_trait::async_trait;
use dial::Dial;
use engine::port::{Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use graph::events::Feed;
use graph::template::SubjectRule;
use link::Link;
use publisher::Publisher;
use source::Opening;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const HELP: &str =
    "Check that the brokers run, that `brokers` names one, and its authentication and TLS settings";
/// How long a publish waits for a connection that is away: a reconnect is ridden out, an outage is told of at once.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// How to reach one Kafka cluster, and its bounds.
pub struct Options {
    /// The provider's id, for logs and metrics.
    pub id: String,
    /// `host:port` of some brokers of the cluster, 9092 where no port is written; the others are learnt from them.
    pub brokers: Vec<String>,
    pub authentication: Option<Authentication>,
    /// Some = TLS is on.
    pub tls: Option<TlsFiles>,
    /// How long the broker may hold a read back for lack of records. Records are sent as they come, whatever this is.
    pub fetch_max_wait: Duration,
    /// Where a new source begins in each partition. An offset that a partition does not have is moved to the nearest.
    pub start: Start,
    /// `broker_timeout` of the limits: a publish or subscribe that the cluster has not confirmed by then fails.
    pub timeout: Duration,
    /// How often the cluster's topics and partitions are read again, which is a sign of life as well.
    pub metadata_interval: Duration,
    /// Messages one source may have waiting; at the bound its partitions are not read on, and nothing is lost while
    /// the topic's retention keeps them.
    pub source_messages_max: usize,
    /// Bytes one source may have waiting.
    pub source_bytes_max: usize,
}

impl Options {
    pub fn new(id: impl Into<String>, brokers: Vec<String>) -> Options {
        let Bounds { messages_max, bytes_max } = Bounds::default();
        Options {
            id: id.into(),
            brokers,
            authentication: None,
            tls: None,
            fetch_max_wait: Duration::from_secs(5),
            start: Start::default(),
            timeout: Duration::from_secs(10),
            metadata_interval: Duration::from_secs(10),
            source_messages_max: messages_max,
            source_bytes_max: bytes_max,
        }
    }
}

/// Who we are to the brokers (SASL). The texts are secrets: they are never logged.
pub enum Authentication {
    Plain { user: String, password: String },
    ScramSha256 { user: String, password: String },
    ScramSha512 { user: String, password: String },
}

/// What is known about one Kafka cluster, shared by all its sources and publishers.
pub struct KafkaBroker {
    link: Arc<Link>,
    publisher: Publisher,
    bounds: Bounds,
    start: Start,
    fetch_max_wait: Duration,
    timeout: Duration,
}

impl KafkaBroker {
    /// Starts connecting and returns at once; a cluster that is away is waited for in the background, for ever. Fails
    /// only on options that no broker could make right. Needs a tokio runtime.
    pub async fn connect(options: Options, metrics: &Metrics) -> Result<KafkaBroker, OptionsError> {
        let bounds = Bounds::new(options.source_messages_max, options.source_bytes_max);
        let (start, fetch_max_wait) = (options.start, options.fetch_max_wait);
        let timeout = call_timeout(options.timeout);
        let metrics = metrics.provider("kafka", &options.id);
        let dial = Dial::new(&options)?;
        let health = Health::new(&options.id, "kafka", dial.servers(), HELP, Arc::clone(&metrics));
        let link = Link::start(dial, health, metrics, options.metadata_interval, options.timeout);
        let link = Arc::new(link);
        let publisher = Publisher::new(Arc::clone(&link));
        Ok(KafkaBroker { link, publisher, bounds, start, fetch_max_wait, timeout })
    }

    fn opening(&self, subscribe: Subscribe) -> Opening {
        Opening {
            link: Arc::clone(&self.link),
            topics: subscribe.subjects.iter().map(|subject| Arc::from(subject.as_str())).collect(),
            start: self.start,
            bounds: self.bounds,
            batch_events_max: subscribe.batch_events_max,
            fetch_max_wait: self.fetch_max_wait,
            timeout: self.timeout,
        }
    }
}

#[async_trait]
impl Broker for KafkaBroker {
    fn rule(&self) -> SubjectRule {
        topic::RULE
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        if subscribe.feed != Feed::Plain {
            return Err(BrokerError::Refused(
                "Kafka has topics only: remove the stream or pattern settings from the field".into(),
            ));
        }
        subscribe.subjects.iter().try_for_each(|subject| topic::check(subject))?;
        let opening = self.opening(subscribe);
        opening.open(Instant::now() + self.timeout).await
    }

    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        topic::check(&message.subject)?;
        let deadline = Instant::now() + self.timeout;
        let patience = deadline.min(Instant::now() + RECONNECT_PATIENCE);
        let record = publisher::record(&message)?;
        if timeout_at(patience, self.link.connected()).await.is_err() {
            return Err(BrokerError::Unavailable(self.link.reason()));
        }
        let sent = timeout_at(deadline, self.publisher.send(&message, record, patience)).await;
        sent.unwrap_or_else(|_| Err(self.link.late()))?;
        ProviderMetrics::grow(&self.link.metrics().messages_published, 1);
        Ok(())
    }

    fn status(&self) -> BrokerStatus {
        self.link.status()
    }
}

#[cfg(test)]
mod tests;
