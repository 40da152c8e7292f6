//! Redis: Pub/Sub channels and patterns, Redis Streams, publishing; one server or a cluster, found again when lost.
//! Owns the broker's plug and its bounds. It keeps nothing at the server: no consumer group, no acknowledgement.

mod board;
mod commands;
mod dial;
mod entry;
mod fault;
mod glob;
mod log;
mod standing;
mod switchboard;
mod url;

use crate::health::Health;
use crate::metrics::{Metrics, ProviderMetrics};
use crate::options::{OptionsError, call_timeout};
use crate::queue::{Bounds, queue};
use crate::start::Start;
use crate::tls::TlsFiles;
use async_trait::async_trait;
use board::Kind;
use commands::Commands;
use dial::Dial;
use engine::port::{Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use futures::future::try_join_all;
use graph::events::Feed;
use graph::template::SubjectRule;
use log::{Key, Reader};
use standing::{Line, Standing};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use switchboard::{Listening, Switchboard};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a publish waits for a connection that is away: a reconnect is ridden out, an outage is told of at once.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(1);

const HELP: &str =
    "Check that the server runs, that `urls` names it, and its authentication and TLS settings";

/// What a value rendered into a channel, a pattern or a key may not hold. `{` and `}` choose the node that has a key.
/// The reserved beginnings are the server's own notifications. Redis has no bound on a name; ours is that of the other
/// brokers.
const RULE: SubjectRule = SubjectRule {
    noun: "channel",
    forbidden: &['*', '?', '[', ']', '\\', '{', '}'],
    reserved: &["__keyspace@", "__keyevent@", "__redis__", "__sentinel__"],
    words_only: false,
    subject_bytes_max: 1_024,
};

/// How to reach one Redis provider, and its bounds.
pub struct Options {
    /// The provider's id, for logs and metrics.
    pub id: String,
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS; one that answers is enough.
    pub urls: Vec<String>,
    /// The servers are a cluster: keys are followed from node to node.
    pub cluster: bool,
    /// Goes before what the URLs say.
    pub authentication: Option<Authentication>,
    /// Turns TLS on whatever the URLs say.
    pub tls: Option<TlsFiles>,
    /// Where a source of Redis Streams begins.
    pub start: Start,
    /// `broker_timeout` of the limits: a publish or subscribe that the server has not confirmed by then fails.
    pub timeout: Duration,
    /// Messages one source may have waiting. More are dropped, counted and told where they come by Pub/Sub, which
    /// cannot be asked to wait; those of a Redis Stream wait at the server.
    pub source_messages_max: usize,
    /// Bytes one source may have waiting.
    pub source_bytes_max: usize,
}

impl Options {
    pub fn new(id: impl Into<String>, urls: Vec<String>) -> Options {
        let Bounds { messages_max, bytes_max } = Bounds::default();
        Options {
            id: id.into(),
            urls,
            cluster: false,
            authentication: None,
            tls: None,
            start: Start::default(),
            timeout: Duration::from_secs(10),
            source_messages_max: messages_max,
            source_bytes_max: bytes_max,
        }
    }
}

/// Who we are to the server. The password is a secret: it is never logged.
#[derive(Clone)]
pub struct Authentication {
    /// Empty for the server's default user.
    pub username: String,
    pub password: String,
}

/// One Redis server or cluster: a connection for all channels, one for commands, and one for each source of streams.
pub struct RedisBroker {
    dial: Arc<Dial>,
    standing: Arc<Standing>,
    switchboard: Switchboard,
    commands: Commands,
    metrics: Arc<ProviderMetrics>,
    start: Start,
    timeout: Duration,
    bounds: Bounds,
}

impl RedisBroker {
    /// Starts connecting and returns at once; a server that is away is waited for in the background, for ever. Fails
    /// only on options that no server could make right. Needs a tokio runtime.
    #[allow(clippy::unused_async, reason = "brokers are connected alike")]
    pub async fn connect(options: Options, metrics: &Metrics) -> Result<RedisBroker, OptionsError> {
        let dial = Arc::new(Dial::new(&options)?);
        let metrics = metrics.provider("redis", &options.id);
        let health = Health::new(&options.id, "redis", dial.servers(), HELP, Arc::clone(&metrics));
        let standing = Arc::new(Standing::new(health));
        Ok(RedisBroker {
            switchboard: Switchboard::start(Arc::clone(&dial), Arc::clone(&standing)),
            commands: Commands::start(Arc::clone(&dial), Arc::clone(&standing)),
            dial,
            standing,
            metrics,
            start: options.start,
            timeout: call_timeout(options.timeout),
            bounds: Bounds::new(options.source_messages_max, options.source_bytes_max),
        })
    }

    async fn listen(&self, subscribe: &Subscribe, kind: Kind) -> Result<Box<dyn Source>, BrokerError> {
        let names = distinct(&subscribe.subjects);
        let metrics = Arc::clone(&self.metrics);
        let provider = self.standing.health().provider();
        let (feeder, queue) = queue(provider, &names, metrics, self.bounds, subscribe.batch_events_max);
        // Held from here on: a subscribe that is given up leaves nothing at the server.
        let (ticket, confirmed) = self.switchboard.join(kind, names, feeder);
        match timeout(self.timeout, confirmed).await {
            Ok(Ok(Ok(()))) => Ok(Box::new(Listening::new(queue, ticket))),
            Ok(Ok(Err(reason))) => Err(BrokerError::Refused(reason)),
            Err(_) if self.standing.stands(Line::Subscriptions) => Err(BrokerError::Timeout),
            Ok(Err(_)) | Err(_) => Err(BrokerError::Unavailable(self.standing.health().reason())),
        }
    }

    async fn read(&self, subscribe: &Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        let names = distinct(&subscribe.subjects);
        let metrics = Arc::clone(&self.metrics);
        let provider = self.standing.health().provider();
        let batch = subscribe.batch_events_max;
        let (feeder, queue) = queue(provider, &names, metrics, self.bounds, batch);
        let keys = names.iter().zip(0..).map(|(name, partition)| Key::new(name, partition));
        // Keys of a cluster are on several nodes, and one command can read those of one slot only.
        let groups: Vec<Vec<Key>> = match self.dial.is_cluster {
            true => keys.map(|key| vec![key]).collect(),
            false => vec![keys.collect()],
        };
        let trouble = Mutex::new(String::new());
        let open = groups.into_iter().map(|keys| {
            let (dial, standing) = (Arc::clone(&self.dial), Arc::clone(&self.standing));
            let mut reader = Reader::new(dial, standing, keys, batch, feeder.clone());
            let trouble = &trouble;
            async move { reader.open(self.start, trouble).await.map(|()| reader) }
        });
        match timeout(self.timeout, try_join_all(open)).await {
            Ok(Ok(readers)) => {
                tokio::spawn(log::run(readers, feeder));
                Ok(Box::new(queue))
            }
            Ok(Err(reason)) => Err(BrokerError::Refused(reason)),
            Err(_) => match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
                silence if silence.is_empty() => Err(BrokerError::Timeout),
                reason => {
                    let servers = self.standing.health().servers();
                    Err(BrokerError::Unavailable(format!("cannot read from {servers} ({reason})")))
                }
            },
        }
    }
}

#[async_trait]
impl Broker for RedisBroker {
    fn rule(&self) -> SubjectRule {
        RULE
    }

    /// Pub/Sub has none, and what is published must be the same wherever it goes.
    fn has_headers(&self) -> bool {
        false
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        subscribe.subjects.iter().try_for_each(|subject| check(subject))?;
        match &subscribe.feed {
            Feed::Plain => self.listen(&subscribe, Kind::Channel).await,
            Feed::Patterns => self.listen(&subscribe, Kind::Pattern).await,
            Feed::Log => self.read(&subscribe).await,
            Feed::Stream(stream) => Err(not_here(&stream.stream_name)),
        }
    }

    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        check(&message.subject)?;
        if let Feed::Stream(stream) = &message.feed {
            return Err(not_here(&stream.stream_name));
        }
        let deadline = Instant::now() + self.timeout;
        let patience = deadline.min(Instant::now() + RECONNECT_PATIENCE);
        let Ok(connection) = timeout_at(patience, self.commands.ready()).await else {
            return Err(BrokerError::Unavailable(self.standing.health().reason()));
        };
        let Ok(sent) = timeout_at(deadline, self.commands.send(&message, connection)).await else {
            self.commands.distrust();
            return Err(BrokerError::Timeout);
        };
        sent?;
        ProviderMetrics::grow(&self.standing.health().metrics().messages_published, 1);
        Ok(())
    }

    fn status(&self) -> BrokerStatus {
        self.standing.status()
    }
}

/// Each name once, in order: a name that is asked for twice brings nothing twice.
fn distinct(names: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    names.iter().filter(|name| seen.insert(*name)).cloned().collect()
}

/// Refuses what is no name, though Redis itself would take it.
fn check(subject: &str) -> Result<(), BrokerError> {
    let problem = match subject.len() {
        0 => "a channel without a name".to_owned(),
        bytes if bytes > RULE.subject_bytes_max => {
            format!("the channel `{subject}` is longer than {} bytes", RULE.subject_bytes_max)
        }
        _ => return Ok(()),
    };
    Err(BrokerError::Refused(problem))
}

fn not_here(stream: &str) -> BrokerError {
    BrokerError::Refused(format!("JetStream (stream `{stream}`) is NATS', and this is a Redis provider"))
}

#[cfg(test)]
mod tests;
