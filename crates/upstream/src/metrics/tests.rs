//! The Prometheus text.
//! Never serves it.

use super::*;

#[test]
fn renders_each_provider_with_its_label_escaped() {
    let metrics = Metrics::default();
    ProviderMetrics::grow(&metrics.provider("nats", "my\"nats").messages_dropped, 3);
    ProviderMetrics::grow(&metrics.provider("nats", "my\"nats").messages_dropped, 4);
    metrics.provider("kafka", "my\"nats").up.store(true, Ordering::Relaxed);
    let text = metrics.render();
    // One id in two families is two providers.
    assert!(text.contains("tidegate_broker_up{family=\"kafka\",provider=\"my\\\"nats\"} 1\n"), "{text}");
    assert!(text.contains("tidegate_broker_up{family=\"nats\",provider=\"my\\\"nats\"} 0\n"), "{text}");
    let expected = "# HELP tidegate_broker_messages_dropped_total Messages of a provider that no source could hand over.\n\
                    # TYPE tidegate_broker_messages_dropped_total counter\n\
                    tidegate_broker_messages_dropped_total{family=\"kafka\",provider=\"my\\\"nats\"} 0\n\
                    tidegate_broker_messages_dropped_total{family=\"nats\",provider=\"my\\\"nats\"} 7\n";
    assert!(text.contains(expected), "{text}");
    assert_eq!(text.matches("# TYPE").count(), COUNTERS.len() + 1, "and the gauge");
}
