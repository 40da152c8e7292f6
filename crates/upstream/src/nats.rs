//! NATS: core subscriptions, JetStream streams, publishing, requests, and a connection that is lost and found
//! without anybody's help. Owns the broker's plug; never reads a payload.

mod connect;
mod jetstream;
mod link;
mod options;
mod signals;
mod source;
mod unverified;

pub use options::{Authentication, Options, Tls};

use crate::metrics::{Metrics, ProviderMetrics};
use crate::options::{OptionsError, call_timeout};
use crate::queue::Bounds;
use crate::subject;
use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind;
use async_trait::async_trait;
use bytes::Bytes;
use engine::port::{Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use futures::StreamExt;
use graph::events::Feed;
use graph::template::SubjectRule;
use jetstream::JetStream;
use link::{Link, Unconfirmed};
use signals::{Deed, Denial};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a publish waits for a connection that is away: a reconnect is ridden out, an outage is told of at once.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// One connection to a NATS server or cluster, shared by all its sources and publishers.
pub struct NatsBroker {
    link: Arc<Link>,
    jetstream: JetStream,
    timeout: Duration,
    request_timeout: Duration,
    bounds: Bounds,
}

impl NatsBroker {
    /// Starts connecting and returns at once; a server that is away is waited for in the background, for
    /// ever. Fails only on options that no server could make right. Needs a tokio runtime.
    pub async fn connect(options: Options, metrics: &Metrics) -> Result<NatsBroker, OptionsError> {
        let bounds = Bounds::new(options.source_messages_max, options.source_bytes_max);
        let timeout = call_timeout(options.timeout);
        let request_timeout = options.request_timeout.unwrap_or(options.timeout);
        let metrics = metrics.provider("nats", &options.id);
        let link = connect::connect(&options, metrics).await?;
        let jetstream = JetStream::new(Arc::clone(&link), &options, timeout);
        Ok(NatsBroker { link, jetstream, timeout, request_timeout, bounds })
    }

    async fn open(&self, subscribe: &Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        // Waiting before the subscription is asked for keeps commands from piling up in front of a dead
        // connection.
        self.link.connected().await;
        if let Feed::Stream(stream) = &subscribe.feed {
            return self.jetstream.subscribe(stream, subscribe, self.bounds).await;
        }
        let (mut denials, doubts) = (self.link.denials(), self.link.doubts());
        let awaiting = self.link.await_denials(&subscribe.subjects);
        let mut subscribers = Vec::with_capacity(subscribe.subjects.len());
        for subject in &subscribe.subjects {
            let subscriber = self.link.client().subscribe(subject.clone()).await;
            subscribers.push(subscriber.map_err(|error| BrokerError::Refused(error.to_string()))?);
        }
        loop {
            let is_ours = |denial: &Denial| denial.concerns(Deed::Subscribe, &subscribe.subjects);
            match self.link.confirm(&mut denials, is_ours).await {
                Ok(()) => break,
                Err(Unconfirmed::Denied(reason)) => return Err(BrokerError::Refused(reason)),
                // The client renews its subscriptions by itself; only the confirmation has to be asked for
                // again.
                Err(Unconfirmed::Lost) => self.link.connected().await,
            }
        }
        drop(awaiting);
        let pump = source::Pump::new(Arc::clone(&self.link), subscribe.subjects.clone(), denials, doubts);
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
        let subjects = [message.subject];
        let is_ours = |denial: &Denial| denial.concerns(Deed::Publish, &subjects);
        match self.link.confirm(&mut denials, is_ours).await {
            Ok(()) => Ok(()),
            Err(Unconfirmed::Denied(reason)) => Err(BrokerError::Refused(reason)),
            Err(Unconfirmed::Lost) => Err(BrokerError::Unavailable(self.link.broken())),
        }
    }

    /// Does the work once there is a connection, both within `bound`. Nothing is handed to the client while it
    /// has none: it would send it whenever one returns, long after the sender was told that it failed.
    async fn within<T>(
        &self,
        bound: Duration,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let deadline = Instant::now() + bound;
        let patience = deadline.min(Instant::now() + RECONNECT_PATIENCE);
        if timeout_at(patience, self.link.connected()).await.is_err() {
            return Err(BrokerError::Unavailable(self.link.reason()));
        }
        timeout_at(deadline, work).await.unwrap_or(Err(BrokerError::Timeout))
    }
}

#[async_trait]
impl Broker for NatsBroker {
    fn rule(&self) -> SubjectRule {
        subject::RULE
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        subscribe.subjects.iter().try_for_each(|subject| subject::check_pattern(subject))?;
        if let Feed::Stream(stream) = &subscribe.feed {
            jetstream::check_names(stream)?;
        }
        match tokio::time::timeout(self.timeout, self.open(&subscribe)).await {
            Ok(opened) => opened,
            Err(_) if self.link.is_up() => Err(BrokerError::Timeout),
            Err(_) => Err(BrokerError::Unavailable(self.link.reason())),
        }
    }

    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        subject::check_literal(&message.subject)?;
        match message.feed.clone() {
            Feed::Stream(stream) => {
                jetstream::check_names(&stream)?;
                self.within(self.timeout, self.jetstream.publish(&stream, message)).await?;
            }
            _ => self.within(self.timeout, self.send(message)).await?,
        }
        ProviderMetrics::grow(&self.link.metrics().messages_published, 1);
        Ok(())
    }

    async fn request(&self, message: Outgoing) -> Result<Bytes, BrokerError> {
        subject::check_literal(&message.subject)?;
        let headers = headers(message.headers)?;
        let asked = self.link.ask(&message.subject, headers, message.payload);
        let answer = self.within(self.request_timeout, asked).await?;
        match answer.headers.as_ref().and_then(refusal) {
            Some(text) => Err(BrokerError::Failed(text)),
            None => Ok(answer.payload),
        }
    }

    fn status(&self) -> BrokerStatus {
        self.link.status()
    }

    async fn close(&self) {
        self.jetstream.close().await;
    }
}

/// What a NATS micro endpoint says when it failed.
fn refusal(headers: &HeaderMap) -> Option<String> {
    let [code, text] = ["Nats-Service-Error-Code", "Nats-Service-Error"].map(|name| headers.get(name));
    match (code, text) {
        (None, None) => None,
        (code, text) => {
            let text = text.map_or("no reason given", |text| text.as_str());
            let code = code.map_or("none", |code| code.as_str());
            Some(format!("{text} (code {code})"))
        }
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
