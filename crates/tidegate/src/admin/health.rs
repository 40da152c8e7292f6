//! Whether traffic should come here: started, not draining, every provider up.
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

/// Ready or not, and what says so.
pub(super) fn report(phase: Phase, providers: &[Provider]) -> (bool, Value) {
    let statuses: Vec<(&Provider, BrokerStatus)> =
        providers.iter().map(|provider| (provider, provider.broker.status())).collect();
    let all_up = statuses.iter().all(|(_, status)| *status == BrokerStatus::Up);
    let ready = phase == Phase::Serving && all_up;
    let providers: Vec<Value> = statuses
        .into_iter()
        .map(|(provider, status)| {
            let mut entry = json!({ "id": &*provider.id, "family": family(provider.transport), "up": true });
            if let BrokerStatus::Down { reason } = status {
                entry["up"] = json!(false);
                entry["reason"] = json!(reason);
            }
            entry
        })
        .collect();
    (ready, json!({ "ready": ready, "phase": phase.as_str(), "providers": providers }))
}

/// The key under `events.providers`.
fn family(transport: Transport) -> &'static str {
    match transport {
        Transport::Any => "memory",
        named => named.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use engine::port::{Broker, BrokerError, Outgoing, Source, Subscribe};
    use graph::template::SubjectRule;
    use std::sync::Arc;

    struct Fixed(BrokerStatus);

    #[async_trait]
    impl Broker for Fixed {
        fn rule(&self) -> SubjectRule {
            SubjectRule { noun: "subject", forbidden: &[], reserved: &[], subject_bytes_max: 1 }
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
    fn ready_needs_the_phase_and_every_provider() {
        let provider = |id: &str, status| Provider {
            id: id.into(),
            transport: Transport::Nats,
            broker: Arc::new(Fixed(status)),
        };
        let down = BrokerStatus::Down { reason: "connection refused".into() };
        let up = [provider("a", BrokerStatus::Up)];
        let one_down = [provider("a", BrokerStatus::Up), provider("b", down)];
        let table = [
            (Phase::Serving, &up[..], true),
            (Phase::Serving, &[][..], true),
            (Phase::Starting, &up[..], false),
            (Phase::Draining, &up[..], false),
            (Phase::Serving, &one_down[..], false),
        ];
        for (phase, providers, expected) in table {
            let (ready, body) = report(phase, providers);
            assert_eq!((ready, &body["ready"]), (expected, &json!(expected)), "{body}");
        }
        let (_, body) = report(Phase::Serving, &one_down);
        let expected = json!({ "id": "b", "family": "nats", "up": false, "reason": "connection refused" });
        assert_eq!(body["providers"][1], expected);
    }
}
