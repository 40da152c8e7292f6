//! The room's numbers: connections, frames, bytes, losses and why connections end.
//! Owns names and help texts; never exports anything itself.

use engine::metrics::Family;
use std::fmt::Write;
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
    /// By `reason`: ends of WebSocket and SSE connections.
    pub closes: Family,
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
        let mut out = String::new();
        let active = self.connections_active.load(Ordering::Relaxed);
        head(&mut out, "connections_active", "gauge", "Open client connections.");
        line(&mut out, format_args!("tidegate_downstream_connections_active {active}"));
        let counters = [
            ("frames_sent", &self.frames_sent, "Frames and events written to long-lived streams."),
            ("bytes_sent", &self.bytes_sent, "Bytes written to long-lived streams."),
            ("payloads_dropped", &self.payloads_dropped, "Payloads dropped by a full outbox."),
        ];
        for (name, counter, help) in counters {
            head(&mut out, &format!("{name}_total"), "counter", help);
            let count = counter.load(Ordering::Relaxed);
            line(&mut out, format_args!("tidegate_downstream_{name}_total {count}"));
        }
        let families = [
            ("connections", "protocol", &self.connections, "Client connections by protocol."),
            ("closes", "reason", &self.closes, "Ends of long-lived connections by reason."),
            ("auth_failures", "reason", &self.auth_failures, "Callers refused by reason."),
            ("refusals", "reason", &self.refusals, "Requests refused before execution by reason."),
        ];
        for (name, label, family, help) in families {
            head(&mut out, &format!("{name}_total"), "counter", help);
            for (value, count) in family.read() {
                line(
                    &mut out,
                    format_args!(
                        "tidegate_downstream_{name}_total{{{label}=\"{}\"}} {count}",
                        value.join(",")
                    ),
                );
            }
        }
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(
        out,
        format_args!("# HELP tidegate_downstream_{name} {help}\n# TYPE tidegate_downstream_{name} {kind}"),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes everything");
}
