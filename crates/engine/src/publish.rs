//! An event field that sends: arguments → `on_publish` → the broker's word that it has the message, or the reply.
//! Owns the publishing path; success is never said before the broker said it.

use crate::hook::{HookFault, fenced};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::port::{BrokerError, Outgoing, Publish};
use crate::prepare::Prepared;
use crate::resolve::Publisher;
use crate::snapshot::Provider;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::events::{Action, Binding};
use graph::plan::{Allowed, EventFault, PublishField};
use graph::template::{Scope, TemplateError};
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
        field: &'a PublishField,
        arguments: Object,
    ) -> BoxFuture<'a, Result<Value, GraphqlError>> {
        self.publish_field(field, arguments).boxed()
    }
}

impl EventPublisher<'_> {
    async fn publish_field(&self, field: &PublishField, arguments: Object) -> Result<Value, GraphqlError> {
        let binding = &*field.binding;
        let snapshot = &self.prepared.snapshot;
        let provider = snapshot.provider(binding.transport, &binding.provider).ok_or_else(|| {
            let message = format!("the event provider `{}` is not configured", binding.provider);
            GraphqlError::new(Code::PublishFailed, message)
        })?;
        let message = self.message(binding, provider, arguments).await?;
        if binding.action == Action::Request {
            return self.reply(field, provider, provider.broker.request(message).await);
        }
        let sent = tokio::time::timeout(self.limits.broker_timeout, provider.broker.publish(message)).await;
        self.outcome(&binding.field, provider, sent.unwrap_or(Err(BrokerError::Timeout)))
    }

    /// Everything that is sent: rendered, asked of the hooks, and within its bound.
    async fn message(
        &self,
        binding: &Binding,
        provider: &Provider,
        arguments: Object,
    ) -> Result<Outgoing, GraphqlError> {
        let bad_input = |error: TemplateError| GraphqlError::new(Code::BadUserInput, error.to_string());
        let scope = Scope { arguments: &arguments, claims: &self.prepared.identity.claims };
        let template = binding.subjects.first().expect("composition wants a subject on every publish field");
        let subject = template.render(scope, &provider.broker.rule()).map_err(bad_input)?;
        let key = binding.key.as_ref().map(|key| key.render_text(scope)).transpose().map_err(bad_input)?;
        let mut headers = Vec::with_capacity(binding.headers.len());
        for (name, template) in &binding.headers {
            headers.push((name.clone(), template.render_text(scope).map_err(bad_input)?));
        }
        let publish = Publish {
            identity: self.prepared.identity.clone(),
            document: self.prepared.document.clone(),
            operation_name: self.prepared.operation_name.clone(),
            variables: self.prepared.variables.clone(),
            field: binding.field.clone(),
            action: binding.action,
            provider: provider.id.clone(),
            subject,
            key,
            headers,
            payload: arguments,
        };
        let Publish { subject, key, mut headers, payload, .. } = self.ask_hooks(publish, provider).await?;
        let payload = match binding.action {
            Action::Publish => {
                let (payload, header) = provider.decode.encode(&binding.field, payload);
                let header = header.filter(|_| provider.broker.has_headers());
                headers.extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
                payload
            }
            Action::Request | Action::Subscribe => Value::Object(payload),
        };
        let payload = Bytes::from(payload.to_string());
        if payload.len() > self.limits.event_bytes_max {
            let message = format!("the event is larger than {} bytes", self.limits.event_bytes_max);
            return Err(GraphqlError::new(Code::BadUserInput, message));
        }
        Ok(Outgoing { subject, key, payload, headers, feed: binding.feed.clone() })
    }

    /// What a request was answered: the field's value, held to what an event would be.
    fn reply(
        &self,
        field: &PublishField,
        provider: &Provider,
        reply: Result<Bytes, BrokerError>,
    ) -> Result<Value, GraphqlError> {
        let name = &*field.binding.field;
        let [family, provider] = provider.labels();
        let bytes = reply.map_err(|error| {
            self.metrics.requests.add(&[family, provider, "failed"], 1);
            tracing::warn!(field = name, family, provider, %error, "a request over a broker failed");
            let why = match error {
                BrokerError::Unavailable(_) => "the event broker is unavailable",
                BrokerError::Refused(_) => "the event broker refused the request",
                BrokerError::Timeout => "nobody answered the request in time",
                BrokerError::NoResponders => "nobody is there to answer the request",
                BrokerError::Failed(_) => "the request was answered with an error",
            };
            GraphqlError::new(Code::DownstreamServiceError, why)
        })?;
        match read_reply(&bytes, &field.allowed, self.limits.event_bytes_max) {
            Ok((value, faults)) => {
                self.metrics.requests.add(&[family, provider, "answered"], 1);
                for fault in faults {
                    let reason = fault.reason();
                    tracing::warn!(field = name, family, provider, reason, %fault, "bad answer");
                }
                Ok(value)
            }
            Err(BadReply { told, detail }) => {
                self.metrics.requests.add(&[family, provider, "bad_answer"], 1);
                tracing::warn!(
                    field = name,
                    family,
                    provider,
                    detail,
                    "a request over a broker got a bad answer"
                );
                let message = format!("the answer to the request is {told}");
                Err(GraphqlError::new(Code::DownstreamServiceError, message))
            }
        }
    }

    /// Each hook sees what the one before made of it. A refusal's reason reaches the client.
    async fn ask_hooks(&self, mut publish: Publish, provider: &Provider) -> Result<Publish, GraphqlError> {
        for hook in self.prepared.hooks.iter() {
            let policy = hook.policy().map_err(|fault| self.refused(provider, publish.action, &fault))?;
            if !policy.is_for(&publish.field) {
                continue;
            }
            tracing::trace!(target: "way", step = "Hook::on_publish");
            let timeout = policy.timeout.unwrap_or(self.limits.hook_timeout);
            let asked = async { hook.hook.on_publish(&publish).await };
            let payload = fenced(hook, "on_publish", timeout, self.metrics, asked).await;
            publish.payload = payload.map_err(|fault| self.refused(provider, publish.action, &fault))?;
        }
        Ok(publish)
    }

    fn refused(&self, provider: &Provider, action: Action, fault: &HookFault) -> GraphqlError {
        let [family, id] = provider.labels();
        let counted =
            if action == Action::Request { &self.metrics.requests } else { &self.metrics.publishes };
        counted.add(&[family, id, "refused"], 1);
        GraphqlError::new(Code::PublishRefused, fault.reason())
    }

    fn outcome(
        &self,
        field: &str,
        provider: &Provider,
        sent: Result<(), BrokerError>,
    ) -> Result<Value, GraphqlError> {
        let [family, provider] = provider.labels();
        match sent {
            Ok(()) => {
                self.metrics.publishes.add(&[family, provider, "sent"], 1);
                Ok(json!({ "__typename": "edfs__PublishResult", "success": true }))
            }
            Err(error) => {
                self.metrics.publishes.add(&[family, provider, "failed"], 1);
                tracing::warn!(field, family, provider, %error, "publish failed");
                let why = match error {
                    BrokerError::Unavailable(_) => "the event broker is unavailable",
                    BrokerError::Refused(_) => "the event broker refused the message",
                    BrokerError::Timeout => "the event broker did not confirm in time",
                    BrokerError::NoResponders => "no stream of the event broker takes this subject",
                    BrokerError::Failed(_) => "the event broker answered with an error",
                };
                Err(GraphqlError::new(Code::PublishFailed, why))
            }
        }
    }
}

/// Why a reply is not the field's value: for the client, and for the operator's log.
struct BadReply {
    told: &'static str,
    detail: String,
}

/// A reply that can be the field's value, with the lesser faults it has.
fn read_reply(
    bytes: &[u8],
    allowed: &Allowed,
    bytes_max: usize,
) -> Result<(Value, Vec<EventFault>), BadReply> {
    let bad = |told: &'static str, detail: String| BadReply { told, detail };
    if bytes.len() > bytes_max {
        let detail = format!("{} bytes; limits.event_bytes_max is {bytes_max}", bytes.len());
        return Err(bad("too large", detail));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        bad("not JSON", format!("invalid JSON at line {}, column {}", error.line(), error.column()))
    })?;
    let Value::Object(members) = &value else {
        return Err(bad("no JSON object", "the reply is JSON, but no object".into()));
    };
    let faults = allowed.check(members);
    match faults.iter().find(|fault| fault.is_fatal()) {
        Some(fatal) => Err(bad("of no type that the field can return", fatal.to_string())),
        None => Ok((value, faults)),
    }
}
