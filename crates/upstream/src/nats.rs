//! Core NATS: subscriptions, publishing, and a connection that is lost and found without anybody's help.
//! Owns the broker's plug and its bounds. JetStream streams are refused here until they are built.

mod connect;
mod link;
mod source;

use crate::metrics::{Metrics, ProviderMetrics};
use crate::subject;
use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind;
use async_trait::async_trait;
use engine::port::{Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use futures::StreamExt;
use graph::template::SubjectRule;
use link::{Link, Unconfirmed};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a publish waits for a connection that is away: a reconnect is ridden out, an outage is told of at once.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// How to reach one NATS provider, and its bounds.
pub struct Options {
    /// The provider's id, for logs and metrics.
    pub id: String,
    /// `nats://host:port` or `tls://host:port`; one that answers is enough.
    pub urls: Vec<String>,
    pub authentication: Option<Authentication>,
    pub tls: Option<Tls>,
    /// `broker_timeout` of the limits: a publish or subscribe that the server has not confirmed by then
    /// fails.
    pub timeout: Duration,
    /// One attempt to connect.
    pub connect_timeout: Duration,
    /// A server that leaves two of these unanswered is given up and another one is tried.
    pub ping_interval: Duration,
    /// Commands waiting for the connection's task.
    pub commands_max: usize,
    /// Messages one source may have waiting; more are dropped, counted and told. Core NATS cannot be asked
    /// to wait.
    pub source_messages_max: usize,
    /// Bytes one source may have waiting.
    pub source_bytes_max: usize,
}

impl Options {
    pub fn new(id: impl Into<String>, urls: Vec<String>) -> Options {
        Options {
            id: id.into(),
            urls,
            authentication: None,
            tls: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(10),
            commands_max: 2_048,
            source_messages_max: 65_536,
            source_bytes_max: 64 << 20,
        }
    }
}

/// Who we are to the server. The texts are secrets: they are never logged.
pub enum Authentication {
    Token(String),
    UserPassword {
        user: String,
        password: String,
    },
    /// The text of a `.creds` file.
    Credentials(String),
    /// The seed of a user nkey, `SU…`.
    Nkey(String),
}

/// TLS to the server. Also used without these options when a URL says `tls://` or the server demands it.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// PEM; without it the platform's certificates are trusted.
    pub ca_file: Option<PathBuf>,
    /// PEM; for mutual TLS, together with `key_file`.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// The server speaks TLS from the first byte (`handshake_first` of its configuration).
    pub handshake_first: bool,
}

/// Options that can never work: told at start, with the setting to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nats provider `{provider}`: {problem}")]
pub struct OptionsError {
    pub provider: String,
    pub problem: String,
}

/// One connection to a NATS server or cluster, shared by all its sources and publishers.
pub struct NatsBroker {
    link: Arc<Link>,
    timeout: Duration,
    bounds: source::Bounds,
}

impl NatsBroker {
    /// Starts connecting and returns at once; a server that is away is waited for in the background, for
    /// ever. Fails only on options that no server could make right. Needs a tokio runtime.
    pub async fn connect(options: Options, metrics: &Metrics) -> Result<NatsBroker, OptionsError> {
        let bounds = source::Bounds {
            messages_max: options.source_messages_max.max(1),
            bytes_max: options.source_bytes_max,
        };
        // The engine waits as long itself; a little earlier, the reason is heard and not just the silence.
        let timeout = options.timeout.mul_f32(0.95);
        let metrics = metrics.provider(&options.id);
        let link = Arc::new(connect::connect(options, metrics).await?);
        Ok(NatsBroker { link, timeout, bounds })
    }

    async fn open(&self, subscribe: &Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        // Waiting before the subscription is asked for keeps commands from piling up in front of a dead
        // connection.
        self.link.connected().await;
        let mut denials = self.link.denials();
        let mut subscribers = Vec::with_capacity(subscribe.subjects.len());
        for subject in &subscribe.subjects {
            let subscriber = self.link.client().subscribe(subject.clone()).await;
            subscribers.push(subscriber.map_err(|error| BrokerError::Refused(error.to_string()))?);
        }
        loop {
            match self.link.confirm(&mut denials, &subscribe.subjects).await {
                Ok(()) => break,
                Err(Unconfirmed::Denied(reason)) => return Err(BrokerError::Refused(reason)),
                // The client renews its subscriptions by itself; only the confirmation has to be asked for
                // again.
                Err(Unconfirmed::Lost) => self.link.connected().await,
            }
        }
        let pump = source::Pump::new(Arc::clone(&self.link), subscribe.subjects.clone(), denials);
        let streams = subscribers.into_iter().map(StreamExt::boxed).collect();
        Ok(pump.start(streams, self.bounds, subscribe.batch_events_max.max(1)))
    }

    async fn send(&self, message: Outgoing) -> Result<(), BrokerError> {
        let mut denials = self.link.denials();
        let client = self.link.client();
        let sent = if message.headers.is_empty() {
            client.publish(message.subject.clone(), message.payload).await
        } else {
            let headers = headers(message.headers)?;
            client.publish_with_headers(message.subject.clone(), headers, message.payload).await
        };
        sent.map_err(|error| match error.kind() {
            PublishErrorKind::Send => BrokerError::Unavailable(self.link.reason()),
            _ => BrokerError::Refused(error.to_string()),
        })?;
        match self.link.confirm(&mut denials, &[message.subject]).await {
            Ok(()) => Ok(()),
            Err(Unconfirmed::Denied(reason)) => Err(BrokerError::Refused(reason)),
            Err(Unconfirmed::Lost) => Err(BrokerError::Unavailable(format!(
                "{}; it broke before the server confirmed, so the message may or may not have arrived",
                self.link.reason()
            ))),
        }
    }
}

#[async_trait]
impl Broker for NatsBroker {
    fn rule(&self) -> SubjectRule {
        subject::RULE
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        subscribe.subjects.iter().try_for_each(|subject| subject::check_pattern(subject))?;
        if let Some(stream) = &subscribe.stream {
            return Err(BrokerError::Refused(format!(
                "JetStream is not supported yet: remove `streamConfiguration` (stream `{}`, consumer `{}`) \
                 from the field, or name a `memory` provider in `providerId`",
                stream.stream_name, stream.consumer_name
            )));
        }
        match tokio::time::timeout(self.timeout, self.open(&subscribe)).await {
            Ok(opened) => opened,
            Err(_) if self.link.is_up() => Err(BrokerError::Timeout),
            Err(_) => Err(BrokerError::Unavailable(self.link.reason())),
        }
    }

    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        subject::check_literal(&message.subject)?;
        let deadline = Instant::now() + self.timeout;
        // Nothing is handed to the client while it has no connection: it would send it whenever one
        // returns, long after the publisher was told that it failed.
        let patience = deadline.min(Instant::now() + RECONNECT_PATIENCE);
        if timeout_at(patience, self.link.connected()).await.is_err() {
            return Err(BrokerError::Unavailable(self.link.reason()));
        }
        let sent = timeout_at(deadline, self.send(message)).await;
        sent.unwrap_or(Err(BrokerError::Timeout))?;
        ProviderMetrics::grow(&self.link.metrics().messages_published, 1);
        Ok(())
    }

    fn status(&self) -> BrokerStatus {
        if self.link.is_up() { BrokerStatus::Up } else { BrokerStatus::Down { reason: self.link.reason() } }
    }
}

fn headers(pairs: Vec<(String, String)>) -> Result<HeaderMap, BrokerError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let refuse = || BrokerError::Refused(format!("the header `{name}` cannot be sent over NATS"));
        let key: async_nats::HeaderName = name.parse().map_err(|_| refuse())?;
        let value: async_nats::HeaderValue = value.parse().map_err(|_| refuse())?;
        headers.append(key, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
