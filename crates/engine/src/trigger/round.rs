//! Makes one response for one group and one event: `on_select`, then resolve, then project.
//! Owns what a group needs for that; knows neither its members nor its place in the order.

use crate::event::Event;
use crate::hook::{HookFault, Plugged, fenced};
use crate::identity::{Identity, Viewer};
use crate::metrics::Metrics;
use crate::outbox::{Overflow, Payload};
use crate::port::{Failure, Select, Selection};
use crate::resolve::Resolver;
use futures::FutureExt;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::operation::Operation;
use graph::plan::EventRoot;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How a group's responses are made; the same for all its members, which is what makes them a group.
pub(crate) struct Recipe {
    pub(crate) operation: Arc<Operation>,
    pub(crate) document: Arc<str>,
    pub(crate) field: Arc<str>,
    pub(crate) variables: Object,
    /// The caller cut down to what may reach a subgraph.
    pub(crate) forwarded: Identity,
    pub(crate) selectors: Vec<Selector>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) overflow: Overflow,
    pub(crate) metrics: Arc<Metrics>,
}

/// An `on_select` hook with what it may see of this group's members.
pub(crate) struct Selector {
    pub(crate) hook: Arc<Plugged>,
    pub(crate) viewer: Arc<Viewer>,
    pub(crate) on_failure: Failure,
    pub(crate) timeout: Duration,
}

/// What became of one round.
#[derive(Debug)]
pub(crate) enum Outcome {
    Payload(Payload),
    /// Nobody of the group is sent anything.
    Dropped(&'static str),
    /// The group's audience of this round ends.
    Closed(GraphqlError),
}

impl Recipe {
    pub(crate) fn root(&self) -> &EventRoot {
        self.operation.event.as_ref().expect("only subscriptions have recipes")
    }

    /// Nothing to wait for: no hook, no fetch.
    pub(crate) fn is_immediate(&self) -> bool {
        self.selectors.is_empty() && self.operation.plan.node.is_none()
    }

    /// The whole round. A panic in it becomes an error for this group and this event (invariant 12).
    pub(crate) async fn run(self: Arc<Self>, event: Event, is_initial: bool) -> Outcome {
        let made = AssertUnwindSafe(self.make(event, is_initial)).catch_unwind().await;
        made.unwrap_or_else(|_panic| {
            tracing::error!(field = &*self.field, "a round panicked; its subscribers are told");
            let error =
                GraphqlError::new(Code::InternalServerError, "internal error while resolving an event");
            Outcome::Payload(self.payload(crate::request::refusal(&[error]), None))
        })
    }

    async fn make(&self, event: Event, is_initial: bool) -> Outcome {
        let brought = event.payload.clone();
        // What `on_subscribe` itself sent is for this subscriber by its word.
        let selected = if is_initial { Ok(event) } else { self.select(event).await };
        let event = match selected {
            Ok(event) => event,
            Err(outcome) => return outcome,
        };
        // What the source brought was looked at when it came.
        let is_made = is_initial || !Arc::ptr_eq(&brought, &event.payload);
        if is_made
            && let Some(fault) = self.root().check(event.object()).iter().find(|fault| fault.is_fatal())
        {
            let (field, reason) = (&*self.field, fault.reason());
            tracing::warn!(field, reason, "a hook made an event that cannot be this field's");
            return Outcome::Dropped(reason);
        }
        self.respond(&event).await
    }

    async fn select(&self, mut event: Event) -> Result<Event, Outcome> {
        for selector in &self.selectors {
            tracing::trace!(target: "way", step = "Hook::on_select");
            let select = Select {
                event: event.clone(),
                viewer: selector.viewer.clone(),
                field: self.field.clone(),
                document: self.document.clone(),
            };
            let asked = async { selector.hook.hook.on_select(&select).await };
            match fenced(&selector.hook, "on_select", selector.timeout, &self.metrics, asked).await {
                Ok(Selection::Keep) => {}
                Ok(Selection::Change(payload)) => event = event.with_payload(payload),
                Ok(Selection::Drop) => return Err(Outcome::Dropped("not_selected")),
                Err(fault) => self.meet(selector, &fault)?,
            }
        }
        Ok(event)
    }

    fn meet(&self, selector: &Selector, fault: &HookFault) -> Result<(), Outcome> {
        match selector.on_failure {
            Failure::Pass => Ok(()),
            Failure::Drop => Err(Outcome::Dropped("hook_failed")),
            Failure::Close => {
                Err(Outcome::Closed(GraphqlError::new(Code::SubscriptionRefused, fault.reason())))
            }
        }
    }

    async fn respond(&self, event: &Event) -> Outcome {
        Metrics::grow(&self.metrics.rounds, 1);
        tracing::trace!(target: "way", step = "resolve");
        let root = self.root().root_value(event.object());
        let respond = self.resolver.respond(&self.operation, &self.variables, &self.forwarded, root, None);
        let json = respond.await;
        let key = match self.overflow {
            Overflow::Conflate => self.root().entity_key(event.object()).map(Arc::from),
            Overflow::Disconnect | Overflow::Latest => None,
        };
        Outcome::Payload(self.payload(json, key))
    }

    fn payload(&self, json: bytes::Bytes, key: Option<Arc<str>>) -> Payload {
        Payload { json, overflow: self.overflow, key }
    }
}
