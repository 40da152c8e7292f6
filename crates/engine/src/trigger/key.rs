//! What names a trigger, and what a trigger asks of whoever keeps the list of them.
//! Owns the names; the list itself is the registry's.

use graph::events::{Feed, Transport};
use std::sync::Arc;

/// What makes two subscriptions share one broker subscription. Never headers, never the field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TriggerKey {
    pub(crate) transport: Transport,
    pub(crate) provider: Arc<str>,
    /// Rendered, sorted, each once.
    pub(crate) subjects: Vec<String>,
    pub(crate) feed: Feed,
    /// Which of the snapshot's hooks see the batches: they may differ by field.
    pub(crate) receivers: Vec<usize>,
    /// The schema generation whose hooks and brokers serve it.
    pub(crate) generation: u64,
}

/// One trigger of the process; never reused, so that one at its end cannot take its successor's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TriggerId(pub(crate) u64);

/// The list of running triggers, as one of them sees it.
pub(crate) trait Roster: Send + Sync {
    /// Takes a deserted trigger out, unless more joins were sent to it than it has taken.
    fn retire(&self, key: &TriggerKey, trigger: TriggerId, joins_taken: u64) -> bool;

    /// Takes a trigger out that ends, whatever is on its way to it.
    fn forget(&self, key: &TriggerKey, trigger: TriggerId);
}
