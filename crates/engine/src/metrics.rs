//! Every metric of the room: plain atomics and small labelled families, read by the admin listener.
//! Owns names and help texts; never exports anything itself.

use crate::exposition::Exposition;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counters that only grow, one per combination of label values. Touched per event or rarer, never per delivery.
#[derive(Debug, Default)]
pub struct Family(Mutex<BTreeMap<Vec<String>, u64>>);

impl Family {
    pub fn add(&self, labels: &[&str], n: u64) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        *counts.entry(labels).or_default() += n;
    }

    pub fn read(&self) -> BTreeMap<Vec<String>, u64> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The count under exactly these labels.
    pub fn count(&self, labels: &[&str]) -> u64 {
        let counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.iter().find(|(key, _)| key.iter().eq(labels.iter())).map_or(0, |(_, count)| *count)
    }
}

/// The engine's numbers; gauges go up and down, the rest only grow.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By `kind, outcome`.
    pub operations: Family,
    pub subscriptions_active: AtomicI64,
    pub subscriptions_started: AtomicU64,
    /// By `reason`.
    pub subscriptions_ended: Family,
    pub triggers_active: AtomicI64,
    pub groups_active: AtomicI64,
    /// By `family, provider`.
    pub events_received: Family,
    /// By `family, provider, reason`.
    pub events_dropped: Family,
    /// Payloads handed to shards, one per member.
    pub deliveries: AtomicU64,
    /// Events that members missed because their group was too far behind, one per member and event.
    pub skipped: AtomicU64,
    /// Responses made for a group and an event.
    pub rounds: AtomicU64,
    /// By `subgraph`.
    pub subgraph_requests: Family,
    /// By `subgraph`.
    pub subgraph_errors: Family,
    /// By `family, provider, outcome`.
    pub publishes: Family,
    /// By `family, provider, outcome`.
    pub requests: Family,
    /// By `hook, step, outcome`.
    pub hook_failures: Family,
}

impl Metrics {
    /// The engine's metrics in Prometheus text form.
    pub fn render(&self) -> String {
        let mut text = Exposition::default();
        let gauges = [
            ("subscriptions_active", &self.subscriptions_active, "Live subscriptions."),
            ("triggers_active", &self.triggers_active, "Broker subscriptions held, one per trigger."),
            ("groups_active", &self.groups_active, "Groups of subscriptions that share responses."),
        ];
        for (name, gauge, about) in gauges {
            text.gauge(name, about, gauge.load(Ordering::Relaxed));
        }
        let counters = [
            ("subscriptions_started", &self.subscriptions_started, "Subscriptions that joined."),
            ("deliveries", &self.deliveries, "Payloads handed to shards, one per subscriber."),
            ("skipped", &self.skipped, "Events that subscribers of a slow group missed, and were told of."),
            ("rounds", &self.rounds, "Responses made, one per group and event."),
        ];
        for (name, counter, about) in counters {
            text.counter(name, about, counter.load(Ordering::Relaxed));
        }
        for (name, family, labels, about) in self.families() {
            text.labelled(name, about, labels, family.read());
        }
        text.into_text()
    }

    fn families(&self) -> [(&'static str, &Family, &'static [&'static str], &'static str); 9] {
        [
            ("operations", &self.operations, &["kind", "outcome"], "Operations by kind and outcome."),
            (
                "subscriptions_ended",
                &self.subscriptions_ended,
                &["reason"],
                "Subscriptions ended, by reason.",
            ),
            (
                "events_received",
                &self.events_received,
                &["family", "provider"],
                "Messages taken from brokers.",
            ),
            (
                "events_dropped",
                &self.events_dropped,
                &["family", "provider", "reason"],
                "Events dropped or with a part missing, by reason.",
            ),
            ("subgraph_requests", &self.subgraph_requests, &["subgraph"], "Requests to subgraphs."),
            ("subgraph_errors", &self.subgraph_errors, &["subgraph"], "Requests to subgraphs that failed."),
            ("publishes", &self.publishes, &["family", "provider", "outcome"], "Messages published."),
            ("requests", &self.requests, &["family", "provider", "outcome"], "Requests over a broker."),
            ("hook_failures", &self.hook_failures, &["hook", "step", "outcome"], "Hook steps not passed."),
        ]
    }

    pub(crate) fn grow(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn shift(gauge: &AtomicI64, by: i64) {
        gauge.fetch_add(by, Ordering::Relaxed);
    }
}
