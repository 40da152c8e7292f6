//! A broker that keeps what it must: outages delay messages and lose none, as a durable source would.
//! Owns subjects, queues and the count of subscriptions; never reorders.

use async_trait::async_trait;
use bytes::Bytes;
use engine::event::{Message, Position};
use engine::port::{Batch, Broker, BrokerError, BrokerStatus, Outgoing, Source, Subscribe};
use graph::template::SubjectRule;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The broker's side: what tests ask and do.
#[derive(Default)]
pub struct FakeBroker {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<u64, Queue>,
    opened: u64,
    sequence: u128,
    is_down: bool,
    acked: BTreeMap<u64, u128>,
    /// Messages lost by sources that were full, not told yet.
    lost: u64,
}

struct Queue {
    subjects: Vec<String>,
    messages: VecDeque<Message>,
}

impl FakeBroker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscriptions held now.
    pub fn subscriptions(&self) -> usize {
        self.lock().queues.len()
    }

    /// Subscriptions ever opened.
    pub fn opened(&self) -> u64 {
        self.lock().opened
    }

    /// An outage: nothing is handed out until it is over.
    pub fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
        self.changed.notify_waiters();
    }

    /// Every source now open ends for good.
    pub fn end_sources(&self) {
        self.lock().queues.clear();
        self.changed.notify_waiters();
    }

    /// The next sources asked say that they lost so many messages.
    pub fn lose(&self, messages: u64) {
        self.lock().lost += messages;
    }

    /// Messages acknowledged by each source, as the position of the last.
    pub fn acked(&self) -> Vec<u128> {
        self.lock().acked.values().copied().collect()
    }

    pub fn send(&self, subject: &str, payload: Bytes) {
        let mut state = self.lock();
        state.sequence += 1;
        let position = Position { partition: 0, sequence: state.sequence };
        let message = Message { subject: subject.into(), key: None, payload, headers: Vec::new(), position };
        for queue in state.queues.values_mut().filter(|queue| queue.subjects.iter().any(|s| s == subject)) {
            queue.messages.push_back(message.clone());
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

/// A broker as the engine holds it.
pub struct BrokerHandle(pub Arc<FakeBroker>);

struct FakeSource {
    broker: Arc<FakeBroker>,
    id: u64,
    batch_max: usize,
}

#[async_trait]
impl Broker for BrokerHandle {
    fn rule(&self) -> SubjectRule {
        SubjectRule {
            noun: "subject",
            forbidden: &['.', '*', '>'],
            reserved: &[],
            words_only: false,
            subject_bytes_max: 256,
        }
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
        // A round trip, during which anything may happen.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let mut state = self.0.lock();
        if state.is_down {
            return Err(BrokerError::Unavailable("outage".into()));
        }
        if subscribe.subjects.iter().any(|subject| subject.contains(' ')) {
            return Err(BrokerError::Refused("no such subject".into()));
        }
        state.opened += 1;
        let id = state.opened;
        state.queues.insert(id, Queue { subjects: subscribe.subjects, messages: VecDeque::new() });
        drop(state);
        Ok(Box::new(FakeSource { broker: self.0.clone(), id, batch_max: subscribe.batch_events_max }))
    }

    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError> {
        self.0.send(&message.subject, message.payload);
        Ok(())
    }

    fn status(&self) -> BrokerStatus {
        if self.0.lock().is_down { BrokerStatus::Down { reason: "outage".into() } } else { BrokerStatus::Up }
    }
}

#[async_trait]
impl Source for FakeSource {
    async fn next(&mut self) -> Option<Batch> {
        loop {
            let changed = self.broker.changed.clone();
            let mut notified = Box::pin(changed.notified());
            notified.as_mut().enable();
            {
                let mut state = self.broker.lock();
                let is_down = state.is_down;
                let queue = state.queues.get_mut(&self.id)?;
                if !is_down && !queue.messages.is_empty() {
                    let count = queue.messages.len().min(self.batch_max);
                    return Some(queue.messages.drain(..count).collect());
                }
            }
            notified.await;
        }
    }

    async fn ack(&mut self, position: Position) {
        let mut state = self.broker.lock();
        let acked = state.acked.entry(self.id).or_default();
        assert!(position.sequence > *acked, "acks go forward: {} after {acked}", position.sequence);
        *acked = position.sequence;
    }

    fn dropped(&mut self) -> u64 {
        std::mem::take(&mut self.broker.lock().lost)
    }
}

impl Drop for FakeSource {
    fn drop(&mut self) {
        self.broker.lock().queues.remove(&self.id);
    }
}
