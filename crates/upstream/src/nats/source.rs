//! One source: its NATS subscriptions merged into one bounded queue, numbered, with exact counts of what
//! did not fit. Owns the pump task, which ends with the source; never reads a payload.

use super::link::{Denials, Link};
use crate::metrics::ProviderMetrics;
use crate::subject;
use async_trait::async_trait;
use engine::event::{Message, Position};
use engine::port::{Batch, Source};
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// What one source may have waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages_max: usize,
    pub(super) bytes_max: usize,
}

/// What pump and source both touch.
#[derive(Default)]
struct Gauge {
    bytes: AtomicUsize,
    dropped: AtomicU64,
    end: OnceLock<String>,
}

/// Moves messages from the client into the source's queue as they come, so that what is dropped is dropped
/// here, where it can be counted for the source it hit.
pub(super) struct Pump {
    link: Arc<Link>,
    subjects: Vec<String>,
    denials: Denials,
    gauge: Arc<Gauge>,
    sequence: u64,
    /// Most sources carry one subject: its text is kept once.
    last_subject: Arc<str>,
    drops_logged: u64,
}

impl Pump {
    pub(super) fn new(link: Arc<Link>, subjects: Vec<String>, denials: Denials) -> Pump {
        let last_subject = Arc::from("");
        Pump { link, subjects, denials, gauge: Arc::default(), sequence: 0, last_subject, drops_logged: 0 }
    }

    /// Runs until the source is dropped, the server denies one of its subjects, or the client is gone.
    pub(super) fn start(
        mut self,
        streams: Vec<BoxStream<'static, async_nats::Message>>,
        bounds: Bounds,
        batch_events_max: usize,
    ) -> Box<dyn Source> {
        let (queue, messages) = mpsc::channel(bounds.messages_max);
        let gauge = Arc::clone(&self.gauge);
        tokio::spawn(async move {
            let mut merged: SelectAll<_> = streams
                .into_iter()
                .enumerate()
                .map(|(index, stream)| stream.map(move |message| (index, message)).boxed())
                .collect();
            let reason = loop {
                tokio::select! {
                    () = queue.closed() => return,
                    message = merged.next() => match message {
                        Some((index, message)) => self.take(index, message, &queue, bounds),
                        None => break "the nats client has stopped".to_owned(),
                    },
                    denial = self.denials.recv() => {
                        if let Some(reason) = denial.ok().and_then(|denial| denial.concerns(&self.subjects)) {
                            break reason;
                        }
                    }
                }
            };
            let subjects = self.subjects.join(", ");
            tracing::warn!(provider = self.link.provider(), subjects, reason, "a nats subscription ended");
            self.gauge.end.get_or_init(|| reason);
        });
        Box::new(NatsSource { messages, gauge, batch_events_max })
    }

    fn take(
        &mut self,
        index: usize,
        message: async_nats::Message,
        queue: &mpsc::Sender<Message>,
        bounds: Bounds,
    ) {
        // The server delivers once per subscription; where subjects overlap, the first one that matches
        // counts.
        if self.subjects[..index].iter().any(|pattern| subject::matches(pattern, &message.subject)) {
            return;
        }
        self.sequence += 1;
        ProviderMetrics::grow(&self.link.metrics().messages_received, 1);
        let message = self.convert(message);
        let size = size(&message);
        if self.gauge.bytes.load(Ordering::Relaxed).saturating_add(size) > bounds.bytes_max {
            return self.count_drop("source_bytes_max");
        }
        // Before the push, so that the source never subtracts what was not yet added.
        self.gauge.bytes.fetch_add(size, Ordering::Relaxed);
        if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(message) {
            self.gauge.bytes.fetch_sub(size, Ordering::Relaxed);
            self.count_drop("source_messages_max");
        }
    }

    fn convert(&mut self, message: async_nats::Message) -> Message {
        if *self.last_subject != *message.subject {
            self.last_subject = Arc::from(message.subject.as_str());
        }
        let headers = message.headers.iter().flat_map(|headers| headers.iter()).flat_map(|(name, values)| {
            values.iter().map(move |value| (name.to_string(), value.as_str().to_owned()))
        });
        Message {
            subject: Arc::clone(&self.last_subject),
            headers: headers.collect(),
            payload: message.payload,
            position: Position { partition: 0, sequence: self.sequence },
        }
    }

    fn count_drop(&mut self, bound: &str) {
        self.gauge.dropped.fetch_add(1, Ordering::Relaxed);
        ProviderMetrics::grow(&self.link.metrics().messages_dropped, 1);
        self.drops_logged += 1;
        if self.drops_logged.is_power_of_two() {
            tracing::warn!(
                provider = self.link.provider(),
                subjects = self.subjects.join(", "),
                bound,
                dropped = self.drops_logged,
                "events come faster than they are taken, and some were dropped: raise the bound, or check \
                 the subgraph and the hooks of these fields"
            );
        }
    }
}

fn size(message: &Message) -> usize {
    let headers: usize = message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    message.subject.len() + message.payload.len() + headers
}

struct NatsSource {
    messages: mpsc::Receiver<Message>,
    gauge: Arc<Gauge>,
    batch_events_max: usize,
}

#[async_trait]
impl Source for NatsSource {
    async fn next(&mut self) -> Option<Batch> {
        let mut batch = Vec::new();
        if self.messages.recv_many(&mut batch, self.batch_events_max).await == 0 {
            return None;
        }
        self.gauge.bytes.fetch_sub(batch.iter().map(size).sum(), Ordering::Relaxed);
        Some(batch)
    }

    /// Core NATS knows no acks.
    async fn ack(&mut self, _position: Position) {}

    fn dropped(&mut self) -> u64 {
        self.gauge.dropped.swap(0, Ordering::Relaxed)
    }

    fn end_reason(&self) -> String {
        self.gauge.end.get().cloned().unwrap_or_else(|| "the nats subscription ended".into())
    }
}
