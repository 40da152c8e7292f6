//! The room's numbers: connections, frames, bytes, losses and why connections end.
//! Owns names and help texts; never exports anything itself.

use engine::exposition::Exposition;
use engine::metrics::Family;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Touched once per shard turn (from the shard's own tally) or rarer, never per delivery.
#[derive(Debug, Default)]
pub struct Metrics {
    pub connections_active: AtomicUsize,
    /// By `protocol`: accepted streams and requests.
    pub connections: Family,
    pub frames_sent: AtomicU64,
    pub bytes_sent: AtomicU64,
    /// Payloads that a full outbox dropped; their clients were told.
    pub payloads_dropped: AtomicU64,
    /// By `reason`: ends of WebSocket and streaming connections.
    pub closes: Family,
    /// By `protocol` and `reason`: ends of the operations on them.
    pub streams_ended: Family,
    /// By `reason`.
    pub auth_failures: Family,
    /// By `reason`: requests and connections refused before they reached the engine.
    pub refusals: Family,
}

impl Metrics {
    pub(crate) fn grow(counter: &AtomicU64, n: u64) {
        if n > 0 {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// All of it in Prometheus text form.
    pub fn render(&self) -> String {
        let mut text = Exposition::default();
        let active = self.connections_active.load(Ordering::Relaxed);
        text.gauge("downstream_connections_active", "Open client connections.", active);
        let counters = [
            ("frames_sent", &self.frames_sent, "Frames and events written to long-lived streams."),
            ("bytes_sent", &self.bytes_sent, "Bytes written to long-lived streams."),
            ("payloads_dropped", &self.payloads_dropped, "Payloads dropped by a full outbox."),
        ];
        for (name, counter, about) in counters {
            text.counter(&format!("downstream_{name}"), about, counter.load(Ordering::Relaxed));
        }
        let families = [
            ("connections", "protocol", &self.connections, "Client connections by protocol."),
            ("closes", "reason", &self.closes, "Ends of long-lived connections by reason."),
            ("auth_failures", "reason", &self.auth_failures, "Callers refused by reason."),
            ("refusals", "reason", &self.refusals, "Requests refused before execution by reason."),
        ];
        for (name, label, family, about) in families {
            text.labelled(&format!("downstream_{name}"), about, &[label], family.read());
        }
        let about = "Operations of long-lived connections that ended, by protocol and reason.";
        let labels = ["protocol", "reason"];
        text.labelled("downstream_streams_ended", about, &labels, self.streams_ended.read());
        text.into_text()
    }
}
