//! What the room counts, per broker provider, and its Prometheus text.
//! Owns names and help texts; never serves them.

use engine::exposition::Exposition;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The numbers of one provider. All but `up` only grow.
#[derive(Debug, Default)]
pub struct ProviderMetrics {
    /// Whether the connection stands now.
    pub up: AtomicBool,
    /// Connections made, the first one included.
    pub connections: AtomicU64,
    pub connection_losses: AtomicU64,
    pub messages_received: AtomicU64,
    /// Messages that no source could hand over: its bound was full, retention took them first, or they cannot be read.
    pub messages_dropped: AtomicU64,
    pub messages_published: AtomicU64,
}

impl ProviderMetrics {
    pub(crate) fn grow(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// The numbers of all providers, by family and id; shared with each broker when it is made.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<(&'static str, String), Arc<ProviderMetrics>>>);

/// What tells providers apart: ids are only unique within a family.
const LABELS: [&str; 2] = ["family", "provider"];

/// Name, help and reader of one counter.
type Counter = (&'static str, &'static str, fn(&ProviderMetrics) -> &AtomicU64);

const COUNTERS: [Counter; 5] = [
    ("broker_connections", "Connections made to a provider.", |m| &m.connections),
    ("broker_connection_losses", "Connections to a provider that were lost.", |m| &m.connection_losses),
    ("broker_messages_received", "Messages that sources took from a provider.", |m| &m.messages_received),
    ("broker_messages_dropped", "Messages of a provider that no source could hand over.", |m| {
        &m.messages_dropped
    }),
    ("broker_messages_published", "Messages a provider has confirmed.", |m| &m.messages_published),
];

impl Metrics {
    /// The numbers of one provider; the same ones for the same name, so that they survive a reload.
    pub fn provider(&self, family: &'static str, id: &str) -> Arc<ProviderMetrics> {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(providers.entry((family, id.to_owned())).or_default())
    }

    /// The room's metrics in Prometheus text form.
    pub fn render(&self) -> String {
        let providers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text = Exposition::default();
        let labelled = |read: &dyn Fn(&ProviderMetrics) -> u64| -> Vec<(Vec<String>, u64)> {
            let samples = providers.iter();
            samples.map(|((family, id), m)| (vec![(*family).to_owned(), id.clone()], read(m))).collect()
        };
        let up = labelled(&|metrics| u64::from(metrics.up.load(Ordering::Relaxed)));
        text.gauges("broker_up", "Whether the connection to a provider stands.", &LABELS, up);
        for (name, about, read) in COUNTERS {
            let counts = labelled(&|metrics| read(metrics).load(Ordering::Relaxed));
            text.labelled(name, about, &LABELS, counts);
        }
        text.into_text()
    }
}

#[cfg(test)]
mod tests;
