//! Every metric of the room: plain atomics and small labelled families, read by the admin listener.
//! Owns names and help texts; never exports anything itself.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counters that only grow, under one label value each. Touched per event or rarer, never per delivery.
#[derive(Debug, Default)]
pub struct Family(Mutex<BTreeMap<String, u64>>);

impl Family {
    pub fn add(&self, labels: &str, n: u64) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match counts.get_mut(labels) {
            Some(count) => *count += n,
            None => {
                counts.insert(labels.to_owned(), n);
            }
        }
    }

    pub fn read(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The engine's numbers; gauges go up and down, the rest only grow.
#[derive(Debug, Default)]
pub struct Metrics {
    pub operations: Family,
    pub subscriptions_active: AtomicI64,
    pub subscriptions_started: AtomicU64,
    /// By `reason`.
    pub subscriptions_ended: Family,
    pub triggers_active: AtomicI64,
    pub groups_active: AtomicI64,
    /// By `provider`.
    pub events_received: Family,
    /// By `provider,reason`.
    pub events_dropped: Family,
    /// Payloads handed to shards, one per member.
    pub deliveries: AtomicU64,
    /// Members told that they missed something.
    pub skipped: AtomicU64,
    pub rounds: AtomicU64,
    /// By `subgraph`.
    pub subgraph_requests: Family,
    /// By `subgraph`.
    pub subgraph_errors: Family,
    /// By `provider,outcome`.
    pub publishes: Family,
    /// By `hook,step,outcome`.
    pub hook_failures: Family,
}

impl Metrics {
    /// The engine's metrics in Prometheus text form.
    pub fn render(&self) -> String {
        todo!()
    }

    pub(crate) fn grow(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
