//! JetStream: sources that read a stream by a consumer, and publishes that the stream itself confirms.
//! Owns which consumer a subscription reads by; what it holds at the server outlives neither its use nor, for
//! durable ones, what the schema says of it.

mod api;
mod consumer;
mod durables;
mod progress;
mod pull;
mod session;

use super::link::Link;
use super::{Options, headers};
use crate::queue::{Bounds, queue};
use api::Api;
use async_nats::header::NATS_EXPECTED_STREAM;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_trait::async_trait;
use consumer::Consumer;
use durables::Durables;
use engine::event::Position;
use engine::port::{Batch, BrokerError, Outgoing, Source, Subscribe};
use graph::events::Stream;
use progress::Progress;
use pull::Pull;
use session::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Messages one source may have waiting. The stream keeps the rest, so there is no burst to have room for;
/// what waits is not acknowledged, and comes again after a crash.
const QUEUE_MESSAGES_MAX: usize = 4_096;

/// What one broker does with streams.
pub(super) struct JetStream {
    link: Arc<Link>,
    durables: Durables,
    instance: String,
    start: crate::Start,
    timeout: Duration,
    heartbeat: Duration,
    delete_on_close: bool,
}

impl JetStream {
    pub(super) fn new(link: Arc<Link>, options: &Options, timeout: Duration) -> JetStream {
        JetStream {
            link,
            durables: Durables::default(),
            instance: options.instance.clone(),
            start: options.start,
            timeout,
            heartbeat: options.idle_heartbeat,
            delete_on_close: options.delete_durables_on_close,
        }
    }

    /// Opens a source at the stream; the caller bounds the time.
    pub(super) async fn subscribe(
        &self,
        stream: &Stream,
        subscribe: &Subscribe,
        bounds: Bounds,
    ) -> Result<Box<dyn Source>, BrokerError> {
        let api = Api::new(Arc::clone(&self.link), &stream.stream_name, self.timeout);
        let consumer = Consumer::new(api, stream, &subscribe.subjects, &self.instance, self.start);
        let mut claim = match consumer.durable() {
            Some((name, threshold)) => Some(self.durables.claim(&stream.stream_name, name, threshold).await),
            None => None,
        };
        let mut progress = Progress::new(claim.as_ref().and_then(|claim| claim.left.clone()));
        let seat = claim.as_deref_mut();
        let session = Session::open(&self.link, &consumer, &mut progress, seat, self.heartbeat).await?;
        let bounds = Bounds { messages_max: bounds.messages_max.min(QUEUE_MESSAGES_MAX), ..bounds };
        let (feeder, queue) = queue(
            self.link.provider(),
            &subscribe.subjects,
            self.link.metrics(),
            bounds,
            subscribe.batch_events_max.max(1),
        );
        let (acks, acked) = watch::channel(0);
        let pull = Pull::new(Arc::clone(&self.link), consumer, progress, feeder, acked, self.heartbeat);
        tokio::spawn(pull.run(session, claim));
        Ok(Box::new(StreamSource { queue, acks }))
    }

    /// Publishes and returns once the stream has the message; the caller bounds the time.
    pub(super) async fn publish(&self, stream: &Stream, message: Outgoing) -> Result<(), BrokerError> {
        let Outgoing { subject, payload, headers: pairs, .. } = message;
        let mut headers = headers(pairs)?;
        headers.insert(NATS_EXPECTED_STREAM, stream.stream_name.as_str());
        let answer = self.link.ask(&subject, headers, payload).await?;
        let refuse = |why: String| {
            let stream = &stream.stream_name;
            BrokerError::Refused(format!(
                "the stream `{stream}` did not take a message on `{subject}`: {why}"
            ))
        };
        match serde_json::from_slice::<Response<PublishAck>>(&answer.payload) {
            Ok(Response::Ok(ack)) if ack.stream == stream.stream_name => Ok(()),
            Ok(Response::Ok(ack)) => Err(refuse(format!("the stream `{}` did", ack.stream))),
            Ok(Response::Err { error }) => Err(refuse(error.to_string())),
            Err(_) => Err(refuse("what answers there is no stream".into())),
        }
    }

    /// Returns once the server knows what was acknowledged, and deletes the durable consumers that sources of this
    /// broker had, where the options say so.
    pub(super) async fn close(&self) {
        for (stream, name, seat) in self.durables.every() {
            // A source that was dropped just now may still be telling the server what it acknowledged.
            let _claim = seat.lock_owned().await;
            if !self.delete_on_close || !self.link.is_up() {
                continue;
            }
            let api = Api::new(Arc::clone(&self.link), &stream, self.timeout);
            if let Err(error) = api.delete(&name).await {
                let provider = self.link.provider();
                tracing::warn!(
                    provider,
                    stream,
                    consumer = name,
                    %error,
                    "a durable consumer was not deleted"
                );
            }
        }
        if self.link.is_up() {
            // Whatever it answers, nobody is there any more who could wait for more.
            drop(self.link.confirm(&mut self.link.denials(), |_| false).await);
        }
    }
}

/// Refuses what no stream or consumer can be called.
pub(super) fn check_names(stream: &Stream) -> Result<(), BrokerError> {
    let names = [("streamName", Some(&stream.stream_name)), ("consumerName", stream.consumer_name.as_ref())];
    for (setting, name) in names.into_iter().filter_map(|(setting, name)| Some((setting, name?))) {
        let is_wrong = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
        if name.is_empty() || name.contains(is_wrong) {
            let why = "may hold no white space and none of `.`, `*`, `>`, `/` and `\\`";
            return Err(BrokerError::Refused(format!("`{setting}: \"{name}\"` {why}")));
        }
    }
    Ok(())
}

/// The engine's end of a stream: the queue, and what it acknowledged.
struct StreamSource {
    queue: crate::queue::Queue,
    /// The newest sequence that everything before was pushed of; 0 = none. Sequences begin with 1.
    acks: watch::Sender<u64>,
}

#[async_trait]
impl Source for StreamSource {
    async fn next(&mut self) -> Option<Batch> {
        self.queue.next().await
    }

    async fn ack(&mut self, position: Position) {
        let sequence = u64::try_from(position.sequence).unwrap_or_default();
        self.acks.send_replace(sequence);
    }

    fn dropped(&mut self) -> u64 {
        self.queue.dropped()
    }

    fn end_reason(&self) -> String {
        self.queue.end_reason()
    }
}
