//! The embedded broker: subjects as in NATS, queues in this process, nothing kept.
//! Owns matching, order and back-pressure between publishers and sources; never persists or replays.

mod inbox;

use crate::metrics::{Metrics, ProviderMetrics};
use crate::subject;
use async_trait::async_trait;
use engine::event::{Message, Position};
use engine::port::{Batch, Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use futures::future::join_all;
use graph::template::SubjectRule;
use inbox::{Inbox, Offer};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a memory broker bounds its sources.
#[derive(Debug, Clone)]
pub struct Options {
    /// The provider's id, for logs and metrics.
    pub id: String,
    /// Messages one source may have waiting; beyond it publishers wait.
    pub source_messages_max: usize,
    /// How long publishers wait for a source that takes nothing. After that the source counts as stalled:
    /// until it takes a batch again, messages beyond its bound are dropped for it (and told through
    /// `dropped`), and nobody waits for it.
    pub stall_timeout: Duration,
}

impl Options {
    pub fn new(id: impl Into<String>) -> Options {
        Options { id: id.into(), source_messages_max: 1_024, stall_timeout: Duration::from_secs(5) }
    }
}

/// A broker inside the process, for the demo, for development and for tests.
///
/// JetStream settings of a subscription are accepted and mean nothing: a schema written for NATS runs
/// unchanged, with live events only.
pub struct MemoryBroker {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    registry: Mutex<Registry>,
    metrics: Arc<ProviderMetrics>,
}

/// Who listens to what. Literal subjects are looked up; only wildcard patterns are scanned.
#[derive(Default)]
struct Registry {
    /// The last sequence given to a message, one order for the whole broker.
    sequence: u64,
    next_source: u64,
    sources: usize,
    literal: HashMap<String, Vec<Arc<Inbox>>>,
    patterns: Vec<(String, Arc<Inbox>)>,
}

impl MemoryBroker {
    pub fn new(options: Options, metrics: &Metrics) -> MemoryBroker {
        let metrics = metrics.provider("memory", &options.id);
        metrics.up.store(true, Ordering::Relaxed);
        MemoryBroker { shared: Arc::new(Shared { options, registry: Mutex::default(), metrics }) }
    }

    /// Sources now open.
    pub fn subscriptions(&self) -> usize {
        self.shared.registry().sources
    }
}

impl Drop for MemoryBroker {
    fn drop(&mut self) {
        let registry = self.shared.registry();
        let inboxes = registry.literal.values().flatten().chain(registry.patterns.iter().map(|(_, i)| i));
        inboxes.for_each(|inbox| inbox.end());
    }
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the message into every matching inbox in one step, so that all sources agree on the order.
    /// Returns the inboxes whose bound is now exceeded.
    fn place(&self, outgoing: Outgoing) -> Vec<Arc<Inbox>> {
        let mut registry = self.registry();
        registry.sequence += 1;
        let message = Message {
            position: Position { partition: 0, sequence: registry.sequence.into() },
            subject: Arc::from(outgoing.subject),
            key: outgoing.key.map(Into::into),
            payload: outgoing.payload,
            headers: outgoing.headers,
        };
        let mut full = Vec::new();
        for inbox in registry.matching(&message.subject) {
            match inbox.offer(message.clone()) {
                Offer::Taken => {}
                Offer::Full => full.push(inbox),
                Offer::Dropped => ProviderMetrics::grow(&self.metrics.messages_dropped, 1),
            }
        }
        full
    }

    async fn wait_for_room(&self, inbox: Arc<Inbox>) {
        if tokio::time::timeout(self.options.stall_timeout, inbox.room()).await.is_err() && inbox.stall() {
            tracing::warn!(
                provider = self.options.id,
                subjects = inbox.subjects().join(", "),
                waited_ms = self.options.stall_timeout.as_millis(),
                "a subscription takes no events: publishers stop waiting for it, and what it has no room \
                 for is dropped until it takes some; check the subgraph and the hooks of its fields"
            );
        }
    }
}

impl Registry {
    /// Every matching inbox, once, also when several of its subjects match.
    fn matching(&self, subject: &str) -> Vec<Arc<Inbox>> {
        let literal = self.literal.get(subject).into_iter().flatten();
        let patterns = self.patterns.iter().filter(|(pattern, _)| subject::matches(pattern, subject));
        let mut inboxes: Vec<_> = literal.chain(patterns.map(|(_, inbox)| inbox)).cloned().collect();
        inboxes.sort_by_key(|inbox| inbox.id());
        inboxes.dedup_by_key(|inbox| inbox.id());
        inboxes
    }

    fn insert(&mut self, subjects: Vec<String>, messages_max: usize) -> Arc<Inbox> {
        self.next_source += 1;
        self.sources += 1;
        let inbox = Arc::new(Inbox::new(self.next_source, subjects, messages_max));
        for subject in inbox.subjects() {
            if subject::is_pattern(subject) {
                self.patterns.push((subject.clone(), Arc::clone(&inbox)));
            } else {
                self.literal.entry(subject.clone()).or_default().push(Arc::clone(&inbox));
            }
        }
        inbox
    }

    fn remove(&mut self, inbox: &Inbox) {
        self.sources -= 1;
        self.patterns.retain(|(_, other)| other.id() != inbox.id());
        for subject in inbox.subjects() {
            if let Some(inboxes) = self.literal.get_mut(subject) {
                inboxes.retain(|other| other.id() != inbox.id());
                if inboxes.is_empty() {
                    self.literal.remove(subject);
                }
            }
        }
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    fn rule(&self) -> SubjectRule {
        subject::RULE
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        subscribe.subjects.iter().try_for_each(|subject| subject::check_pattern(subject))?;
        let inbox =
            self.shared.registry().insert(subscribe.subjects, self.shared.options.source_messages_max.max(1));
        let batch_events_max = subscribe.batch_events_max.max(1);
        Ok(Box::new(MemorySource { inbox, shared: Arc::clone(&self.shared), batch_events_max }))
    }

    /// Returns once the message is in the queue of every matching source and those queues are within their
    /// bound, or their sources were found stalled.
    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        subject::check_literal(&message.subject)?;
        let full = self.shared.place(message);
        join_all(full.into_iter().map(|inbox| self.shared.wait_for_room(inbox))).await;
        ProviderMetrics::grow(&self.shared.metrics.messages_published, 1);
        Ok(())
    }

    fn status(&self) -> BrokerStatus {
        BrokerStatus::Up
    }
}

struct MemorySource {
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
    batch_events_max: usize,
}

#[async_trait]
impl Source for MemorySource {
    async fn next(&mut self) -> Option<Batch> {
        let batch = self.inbox.take(self.batch_events_max).await?;
        ProviderMetrics::grow(&self.shared.metrics.messages_received, batch.len() as u64);
        Some(batch)
    }

    async fn ack(&mut self, _position: Position) {}

    fn dropped(&mut self) -> u64 {
        self.inbox.take_dropped()
    }

    fn end_reason(&self) -> String {
        format!("the memory provider `{}` was removed", self.shared.options.id)
    }
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        self.shared.registry().remove(&self.inbox);
        self.inbox.end();
    }
}

#[cfg(test)]
mod tests;
