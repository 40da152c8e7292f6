//! The bounded queue between whatever reads a broker and one source: by messages and by bytes.
//! Owns both ways to meet a bound, waiting and dropping (counted, logged, told); never reads a payload.

use crate::metrics::ProviderMetrics;
use async_trait::async_trait;
use engine::event::{Message, Position};
use engine::port::{Batch, Source};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Semaphore, mpsc};

/// What one source may have waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
}

impl Bounds {
    /// As options ask for it; a queue without room for one message could never be read.
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Bounds {
        Bounds { messages_max: messages_max.max(1), bytes_max }
    }
}

impl Default for Bounds {
    /// Room for a burst that an engine takes in within a second.
    fn default() -> Self {
        Bounds { messages_max: 65_536, bytes_max: 64 << 20 }
    }
}

/// What both ends touch.
struct Shared {
    provider: String,
    subjects: String,
    metrics: Arc<ProviderMetrics>,
    bytes_max: usize,
    /// One permit a byte that there is still room for.
    room: Semaphore,
    /// Messages dropped that the engine has not been told of.
    dropped: AtomicU64,
    dropped_ever: AtomicU64,
    end: OnceLock<String>,
}

/// The end that is filled. Dropping every clone of it ends the source.
#[derive(Clone)]
pub(crate) struct Feeder {
    shared: Arc<Shared>,
    messages: mpsc::Sender<Message>,
}

/// The end that the engine pulls.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    messages: mpsc::Receiver<Message>,
    batch_events_max: usize,
}

/// A queue for one source of `provider`; the subjects are for its log lines.
pub(crate) fn queue(
    provider: &str,
    subjects: &[String],
    metrics: Arc<ProviderMetrics>,
    bounds: Bounds,
    batch_events_max: usize,
) -> (Feeder, Queue) {
    let (sender, receiver) = mpsc::channel(bounds.messages_max.max(1));
    let bytes_max = bounds.bytes_max.clamp(1, u32::MAX as usize);
    let shared = Arc::new(Shared {
        provider: provider.to_owned(),
        subjects: subjects.join(", "),
        metrics,
        bytes_max,
        room: Semaphore::new(bytes_max),
        dropped: AtomicU64::new(0),
        dropped_ever: AtomicU64::new(0),
        end: OnceLock::new(),
    });
    let feeder = Feeder { shared: Arc::clone(&shared), messages: sender };
    (feeder, Queue { shared, messages: receiver, batch_events_max: batch_events_max.max(1) })
}

impl Shared {
    /// The room a message takes. One over the whole bound takes all of it, and is judged by the engine.
    fn cost(&self, message: &Message) -> u32 {
        let headers: usize = message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let key = message.key.as_ref().map_or(0, bytes::Bytes::len);
        let size = message.subject.len() + key + message.payload.len() + headers;
        u32::try_from(size.min(self.bytes_max)).expect("the bound fits, see `queue`")
    }
}

impl Feeder {
    /// Hands a message over, or drops it where a bound is full: for brokers that cannot be asked to wait.
    pub(crate) fn offer(&self, message: Message) {
        ProviderMetrics::grow(&self.shared.metrics.messages_received, 1);
        let cost = self.shared.cost(&message);
        match self.shared.room.try_acquire_many(cost) {
            Ok(room) => room.forget(),
            Err(_) => return self.drop_one("source_bytes_max"),
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.messages.try_send(message) {
            self.shared.room.add_permits(cost as usize);
            self.drop_one("source_messages_max");
        }
    }

    /// Hands a message over once there is room: for brokers that keep what is not read. False = the source is gone.
    pub(crate) async fn put(&self, message: Message) -> bool {
        let cost = self.shared.cost(&message);
        let room = tokio::select! {
            room = self.shared.room.acquire_many(cost) => room,
            () = self.messages.closed() => return false,
        };
        room.expect("the semaphore is never closed").forget();
        ProviderMetrics::grow(&self.shared.metrics.messages_received, 1);
        self.messages.send(message).await.is_ok()
    }

    /// Returns once the source was dropped.
    pub(crate) async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Says why the source ends; the first word counts. The engine's trigger logs it.
    pub(crate) fn end(&self, reason: &str) {
        let Shared { provider, subjects, end, .. } = &*self.shared;
        if end.set(reason.to_owned()).is_ok() {
            tracing::debug!(provider, subjects, reason, "a broker subscription ended");
        }
    }

    /// Messages that were lost before they could be offered.
    pub(crate) fn lost(&self, messages: u64) {
        self.shared.dropped.fetch_add(messages, Ordering::Relaxed);
        ProviderMetrics::grow(&self.shared.metrics.messages_dropped, messages);
    }

    fn drop_one(&self, bound: &str) {
        self.lost(1);
        let dropped = self.shared.dropped_ever.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            let Shared { provider, subjects, .. } = &*self.shared;
            tracing::warn!(
                provider,
                subjects,
                bound,
                dropped,
                "events come faster than they are taken, and some were dropped: raise the bound, or check \
                 the subgraph and the hooks of these fields"
            );
        }
    }
}

#[async_trait]
impl Source for Queue {
    async fn next(&mut self) -> Option<Batch> {
        let mut batch = Vec::new();
        if self.messages.recv_many(&mut batch, self.batch_events_max).await == 0 {
            return None;
        }
        let bytes: usize = batch.iter().map(|message| self.shared.cost(message) as usize).sum();
        self.shared.room.add_permits(bytes);
        Some(batch)
    }

    /// Nothing to tell a broker that keeps no track of its readers.
    async fn ack(&mut self, _position: Position) {}

    fn dropped(&mut self) -> u64 {
        self.shared.dropped.swap(0, Ordering::Relaxed)
    }

    fn end_reason(&self) -> String {
        self.shared.end.get().cloned().unwrap_or_else(|| "the broker's client has stopped".into())
    }
}

#[cfg(test)]
mod tests;
