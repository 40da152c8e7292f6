//! A mutation's event field: arguments → `on_publish` → the broker's word that it has the message.
//! Owns the publishing path; success is never said before the broker said it.

use crate::hook::{HookFault, fenced};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::port::{BrokerError, Outgoing, Publish};
use crate::prepare::Prepared;
use crate::resolve::Publisher;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::events::{Action, Binding};
use graph::template::Scope;
use serde_json::{Value, json};

/// Publishes the event fields of one operation, for its caller.
pub(crate) struct EventPublisher<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) limits: &'a Limits,
    pub(crate) metrics: &'a Metrics,
}

impl Publisher for EventPublisher<'_> {
    fn publish<'a>(
        &'a self,
        binding: &'a Binding,
        arguments: Object,
    ) -> BoxFuture<'a, Result<Value, GraphqlError>> {
        self.publish_field(binding, arguments).boxed()
    }
}

impl EventPublisher<'_> {
    async fn publish_field(&self, binding: &Binding, arguments: Object) -> Result<Value, GraphqlError> {
        if binding.action != Action::Publish {
            let message =
                format!("`{}` asks a broker for an answer, which this build does not do", binding.field);
            return Err(GraphqlError::new(Code::PublishFailed, message));
        }
        let snapshot = &self.prepared.snapshot;
        let provider = snapshot.provider(binding.transport, &binding.provider).ok_or_else(|| {
            let message = format!("the event provider `{}` is not configured", binding.provider);
            GraphqlError::new(Code::PublishFailed, message)
        })?;
        let template = binding.subjects.first().expect("composition wants a subject on every publish field");
        let scope = Scope { arguments: &arguments, claims: &self.prepared.identity.claims };
        let subject = template
            .render(scope, &provider.broker.rule())
            .map_err(|error| GraphqlError::new(Code::BadUserInput, error.to_string()))?;
        let publish = Publish {
            identity: self.prepared.identity.clone(),
            document: self.prepared.document.clone(),
            operation_name: self.prepared.operation_name.clone(),
            variables: self.prepared.variables.clone(),
            field: binding.field.clone(),
            provider: provider.id.clone(),
            subject,
            payload: arguments,
        };
        let publish = self.ask_hooks(publish).await?;
        let payload = Bytes::from(Value::Object(publish.payload).to_string());
        if payload.len() > self.limits.event_bytes_max {
            let message = format!("the event is larger than {} bytes", self.limits.event_bytes_max);
            return Err(GraphqlError::new(Code::BadUserInput, message));
        }
        let message = Outgoing { subject: publish.subject, payload, headers: Vec::new() };
        let sent = tokio::time::timeout(self.limits.broker_timeout, provider.broker.publish(message)).await;
        self.outcome(&publish.provider, sent.unwrap_or(Err(BrokerError::Timeout)))
    }

    /// Each hook sees what the one before made of it. A refusal's reason reaches the client.
    async fn ask_hooks(&self, mut publish: Publish) -> Result<Publish, GraphqlError> {
        for hook in self.prepared.hooks.iter() {
            let policy = hook.policy().map_err(|fault| self.refused(&publish, &fault))?;
            if !policy.is_for(&publish.field) {
                continue;
            }
            tracing::trace!(target: "way", step = "Hook::on_publish");
            let timeout = policy.timeout.unwrap_or(self.limits.hook_timeout);
            let asked = async { hook.hook.on_publish(&publish).await };
            let payload = fenced(hook, "on_publish", timeout, self.metrics, asked).await;
            publish.payload = payload.map_err(|fault| self.refused(&publish, &fault))?;
        }
        Ok(publish)
    }

    fn refused(&self, publish: &Publish, fault: &HookFault) -> GraphqlError {
        self.metrics.publishes.add(&[&publish.provider, "refused"], 1);
        GraphqlError::new(Code::PublishRefused, fault.reason())
    }

    fn outcome(&self, provider: &str, sent: Result<(), BrokerError>) -> Result<Value, GraphqlError> {
        match sent {
            Ok(()) => {
                self.metrics.publishes.add(&[provider, "sent"], 1);
                Ok(json!({ "__typename": "edfs__PublishResult", "success": true }))
            }
            Err(error) => {
                self.metrics.publishes.add(&[provider, "failed"], 1);
                tracing::warn!(provider, %error, "publish failed");
                let why = match error {
                    BrokerError::Unavailable(_) => "the event broker is unavailable",
                    BrokerError::Refused(_) => "the event broker refused the message",
                    BrokerError::Timeout => "the event broker did not confirm in time",
                };
                Err(GraphqlError::new(Code::PublishFailed, why))
            }
        }
    }
}
