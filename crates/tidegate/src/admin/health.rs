//! Whether traffic should come here: started and not draining. A provider that is down is told, and takes no router out
//! of its load balancer: what does not need it is served, and subscribers wait for it.
//! Owns the report's shape; it holds no secret.

use engine::port::BrokerStatus;
use engine::snapshot::Provider;
use graph::events::Transport;
use serde_json::{Value, json};

/// Where the process is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Serving,
    Draining,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Serving => "serving",
            Phase::Draining => "draining",
        }
    }
}

/// Ready or not, and what says so. `wants_all_up`: not ready either while a provider is down.
pub(super) fn report(phase: Phase, providers: &[Provider], wants_all_up: bool) -> (bool, Value) {
    let statuses: Vec<(&Provider, BrokerStatus)> =
        providers.iter().map(|provider| (provider, provider.broker.status())).collect();
    let all_up = statuses.iter().all(|(_, status)| *status == BrokerStatus::Up);
    let ready = phase == Phase::Serving && (all_up || !wants_all_up);
    let providers: Vec<Value> = statuses
        .into_iter()
        .map(|(provider, status)| {
            let mut entry = json!({ "id": &*provider.id, "family": provider.family(), "up": true });
            if let BrokerStatus::Down { reason } = status {
                entry["up"] = json!(false);
                entry["reason"] = json!(reason);
            }
            entry
        })
        .collect();
    let report =
        json!({ "ready": ready, "degraded": !all_up, "phase": phase.as_str(), "providers": providers });
    (ready, report)
}

/// The family of that key.
pub(super) fn transport(family: &str) -> Option<Transport> {
    match family {
        "nats" => Some(Transport::Nats),
        "kafka" => Some(Transport::Kafka),
        "redis" => Some(Transport::Redis),
        "memory" => Some(Transport::Any),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use engine::decode::Decode;
    use engine::port::{Broker, BrokerError, Outgoing, Source, Subscribe};
    use graph::template::SubjectRule;
    use std::sync::Arc;

    struct Fixed(BrokerStatus);

    #[async_trait]
    impl Broker for Fixed {
        fn rule(&self) -> SubjectRule {
            SubjectRule {
                noun: "subject",
                forbidden: &[],
                reserved: &[],
                words_only: false,
                subject_bytes_max: 1,
            }
        }

        async fn subscribe(&self, _: Subscribe) -> Result<Box<dyn Source>, BrokerError> {
            Err(BrokerError::Timeout)
        }

        async fn publish(&self, _: Outgoing) -> Result<(), BrokerError> {
            Err(BrokerError::Timeout)
        }

        fn status(&self) -> BrokerStatus {
            self.0.clone()
        }
    }

    #[test]
    fn ready_needs_the_phase_and_every_provider_only_where_that_is_asked() {
        let provider = |id: &str, status| Provider {
            id: id.into(),
            transport: Transport::Nats,
            decode: Decode::Json,
            broker: Arc::new(Fixed(status)),
        };
        let down = BrokerStatus::Down { reason: "connection refused".into() };
        let up = [provider("a", BrokerStatus::Up)];
        let one_down = [provider("a", BrokerStatus::Up), provider("b", down)];
        let table = [
            // Ready by itself, ready with every provider, degraded.
            (Phase::Serving, &up[..], true, true, false),
            (Phase::Serving, &[][..], true, true, false),
            (Phase::Starting, &up[..], false, false, false),
            (Phase::Draining, &up[..], false, false, false),
            (Phase::Serving, &one_down[..], true, false, true),
        ];
        for (phase, providers, by_itself, with_all, degraded) in table {
            for (wants_all_up, expected) in [(false, by_itself), (true, with_all)] {
                let (ready, body) = report(phase, providers, wants_all_up);
                assert_eq!((ready, &body["ready"]), (expected, &json!(expected)), "{body}");
                assert_eq!(body["degraded"], json!(degraded), "{body}");
            }
        }
        let (_, body) = report(Phase::Serving, &one_down, false);
        let expected = json!({ "id": "b", "family": "nats", "up": false, "reason": "connection refused" });
        assert_eq!(body["providers"][1], expected);
    }
}
