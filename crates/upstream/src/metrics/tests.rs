//! The Prometheus text.
//! Never serves it.

use super::*;

#[test]
fn renders_each_provider_with_its_label_escaped() {
    let metrics = Metrics::default();
    ProviderMetrics::grow(&metrics.provider("my\"nats").messages_dropped, 3);
    ProviderMetrics::grow(&metrics.provider("my\"nats").messages_dropped, 4);
    let text = metrics.render();
    let expected = "# HELP tidegate_broker_messages_dropped_total Messages lost with a source's bound full.\n\
                    # TYPE tidegate_broker_messages_dropped_total counter\n\
                    tidegate_broker_messages_dropped_total{provider=\"my\\\"nats\"} 7\n";
    assert!(text.contains(expected), "{text}");
    assert_eq!(text.matches("# TYPE").count(), COUNTERS.len());
}
