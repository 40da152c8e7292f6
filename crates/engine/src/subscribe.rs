//! One subscribe: bind, render, `on_subscribe`, join. Authorised before it joins (invariant 10).
//! Owns what a subscription is made of; membership and delivery are the trigger's.

use crate::hook::{HookFault, Plugged, fenced};
use crate::identity::{Identity, Part, ShareKey, View};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::outbox::Member;
use crate::port::{Admission, Initial, Start};
use crate::prepare::Prepared;
use crate::registry::Registry;
use crate::request::one;
use crate::seat::{Seat, Seats};
use crate::snapshot::Provider;
use crate::trigger::group::{GroupKey, SubscriptionId};
use crate::trigger::join::{Join, Subscription};
use crate::trigger::key::TriggerKey;
use crate::trigger::round::{Recipe, Selector};
use crate::trigger::{Receiver, TriggerParts};
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::plan::EventRoot;
use graph::template::{Scope, SubjectRule};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

type Refused = Vec<GraphqlError>;

/// An `Initial` with the hook it came from and the time it has.
type Lead = Option<(Arc<Plugged>, Initial, Duration)>;

/// The way of a subscription into its trigger.
pub(crate) struct Entrance {
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Arc<Registry>,
    named: AtomicU64,
    seats: Seats,
}

impl Entrance {
    pub(crate) fn new(limits: Arc<Limits>, metrics: Arc<Metrics>) -> Entrance {
        Entrance {
            limits,
            registry: Registry::new(metrics.clone()),
            metrics,
            named: AtomicU64::new(0),
            seats: Seats::default(),
        }
    }

    pub(crate) async fn join(&self, prepared: Prepared, member: Member) -> Result<Subscription, Refused> {
        let root = prepared.operation.event.as_ref().ok_or_else(|| {
            one(
                Code::BadRequest,
                "this field is no live field: subgraph streams are not served by this build",
            )
        })?;
        let seat = self.seats.take(self.limits.subscriptions_max).ok_or_else(|| {
            one(Code::TooManySubscriptions, "this router holds as many subscriptions as it may")
        })?;
        let provider = self.provider(&prepared, root)?;
        let arguments = root.arguments(&prepared.variables)?;
        let scope = Scope { arguments: &arguments, claims: &prepared.identity.claims };
        let subjects = render(root, scope, &provider.broker.rule(), self.limits.subjects_max)?;
        let filter = root.binding.filter.as_ref().map(|filter| filter.render(scope)).transpose();
        let condition = filter.map_err(|error| one(Code::BadUserInput, &error.to_string()))?;
        let start = start(&prepared, root, &provider, subjects, arguments);
        let (subjects, lead) = self.ask_hooks(&prepared, start).await?;
        let key = self.trigger_key(&prepared, root, &provider, subjects);
        let (reply, answer) = oneshot::channel();
        let (recipe, share) = self.recipe(&prepared, root);
        let id = SubscriptionId(self.named.fetch_add(1, Ordering::Relaxed));
        let group = GroupKey::Shared { operation: prepared.operation_id, share };
        let recipe = Arc::new(recipe);
        let join = Join { id, member, key: group, recipe, condition, initial: lead, reply };
        // Held while the answer is awaited: whoever gives up before it comes has left.
        let held = self.send(&prepared, provider, &key, join, seat);
        let ended = || one(Code::InternalServerError, "the event stream ended");
        answer.await.unwrap_or_else(|_gone| Err(ended()))?;
        held.ok_or_else(ended)
    }

    fn provider(&self, prepared: &Prepared, root: &EventRoot) -> Result<Provider, Refused> {
        let (transport, id) = (root.binding.transport, &root.binding.provider);
        prepared.snapshot.provider(transport, id).cloned().ok_or_else(|| {
            tracing::warn!(
                field = root.field,
                provider = id,
                "subscribe to a field whose provider is missing"
            );
            one(Code::DownstreamServiceError, &format!("the event provider `{id}` is not configured"))
        })
    }

    /// Each `on_subscribe` in turn; the first refusal is the answer.
    async fn ask_hooks(&self, prepared: &Prepared, mut start: Start) -> Result<(Vec<String>, Lead), Refused> {
        let refused = |fault: HookFault| one(Code::SubscriptionRefused, &fault.reason());
        let mut lead = None;
        for hook in prepared.hooks.iter() {
            let policy = hook.policy().map_err(refused)?;
            if !policy.is_for(&start.field) {
                continue;
            }
            tracing::trace!(target: "way", step = "Hook::on_subscribe");
            let timeout = policy.timeout.unwrap_or(self.limits.hook_timeout);
            let asked = async { hook.hook.on_subscribe(&start).await };
            let admission = fenced(hook, "on_subscribe", timeout, &self.metrics, asked).await;
            let Admission { subjects, initial } = admission.map_err(refused)?;
            if let Some(subjects) = subjects {
                start.subjects = subjects;
            }
            if let Some(initial) = initial {
                lead = Some((hook.clone(), initial, timeout));
            }
        }
        if start.subjects.is_empty() {
            return Err(one(Code::SubscriptionRefused, "nothing to subscribe to"));
        }
        Ok((start.subjects, lead))
    }

    fn trigger_key(
        &self,
        prepared: &Prepared,
        root: &EventRoot,
        provider: &Provider,
        mut subjects: Vec<String>,
    ) -> TriggerKey {
        // A hook may have chosen others.
        subjects.sort_unstable();
        subjects.dedup();
        let hooks = prepared.hooks.iter().enumerate();
        let receives = |hook: &Plugged| hook.policy_for(&root.field).is_some_and(|policy| policy.receives);
        TriggerKey {
            transport: provider.transport,
            provider: provider.id.clone(),
            subjects,
            feed: root.binding.feed.clone(),
            receivers: hooks.filter(|(_, hook)| receives(hook)).map(|(at, _)| at).collect(),
            generation: prepared.generation,
        }
    }

    fn send(
        &self,
        prepared: &Prepared,
        provider: Provider,
        key: &TriggerKey,
        join: Join,
        seat: Seat,
    ) -> Option<Subscription> {
        tracing::trace!(target: "way", step = "Registry::join");
        let parts = || TriggerParts {
            key: key.clone(),
            provider,
            receivers: Arc::new(self.receivers(prepared, &key.receivers)),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
            roster: self.registry.clone(),
        };
        self.registry.join(key, parts, join, seat)
    }

    fn receivers(&self, prepared: &Prepared, at: &[usize]) -> Vec<Receiver> {
        let hooks = at.iter().filter_map(|at| prepared.hooks.get(*at));
        let receiver = |hook: &Arc<Plugged>| {
            let policy = hook.policy().ok()?;
            let timeout = policy.timeout.unwrap_or(self.limits.receive_hook_timeout);
            Some(Receiver { hook: hook.clone(), on_failure: policy.on_failure, timeout })
        };
        hooks.filter_map(receiver).collect()
    }

    /// How this subscription's responses are made, and all that takes part in making them reads.
    fn recipe(&self, prepared: &Prepared, root: &EventRoot) -> (Recipe, ShareKey) {
        let (identity, operation) = (&prepared.identity, &prepared.operation);
        let forwards =
            if operation.plan.node.is_some() { prepared.resolver.forwarded() } else { Part::Nothing };
        let forwards = View { headers: forwards, ..View::default() };
        let reads = Part::Only(operation.variables_read.clone());
        let mut view = forwards.joined(&View { variables: reads, ..View::default() });
        let mut selectors = Vec::new();
        for hook in prepared.hooks.iter() {
            if let Some(policy) = hook.policy_for(&root.field).filter(|policy| policy.selects) {
                view = view.joined(&policy.view);
                selectors.push(Selector {
                    hook: hook.clone(),
                    viewer: Arc::new(policy.view.of(identity, &prepared.variables)),
                    on_failure: policy.on_failure,
                    timeout: policy.timeout.unwrap_or(self.limits.select_hook_timeout),
                });
            }
        }
        let recipe = Recipe {
            operation: operation.clone(),
            document: prepared.document.clone(),
            field: root.field.as_str().into(),
            variables: prepared.variables.clone(),
            forwarded: cut(identity, &forwards),
            selectors,
            resolver: prepared.resolver.clone(),
            overflow: prepared.snapshot.overflow.get(&root.field).copied().unwrap_or_default(),
            metrics: self.metrics.clone(),
        };
        (recipe, view.of(identity, &prepared.variables).share_key())
    }
}

/// What `on_subscribe` is asked about.
fn start(
    prepared: &Prepared,
    root: &EventRoot,
    provider: &Provider,
    subjects: Vec<String>,
    arguments: Object,
) -> Start {
    Start {
        identity: prepared.identity.clone(),
        document: prepared.document.clone(),
        operation_name: prepared.operation_name.clone(),
        variables: prepared.variables.clone(),
        field: root.field.clone(),
        arguments,
        provider: provider.id.clone(),
        subjects,
    }
}

/// Only what may reach a subgraph: whatever else the caller carries cannot leak into shared work.
fn cut(identity: &Identity, forwards: &View) -> Identity {
    let headers = forwards.of(identity, &Object::new()).headers;
    Identity {
        claims: Arc::new(Value::Null),
        headers: Arc::new(headers),
        init_payload: Arc::new(Value::Null),
    }
}

fn render(
    root: &EventRoot,
    scope: Scope<'_>,
    rule: &SubjectRule,
    subjects_max: usize,
) -> Result<Vec<String>, Refused> {
    tracing::trace!(target: "way", step = "Template::render");
    let (mut subjects, mut errors) = (Vec::new(), Vec::new());
    for template in &root.binding.subjects {
        match template.render_each(scope, rule) {
            Ok(rendered) => subjects.extend(rendered),
            Err(error) => errors.push(GraphqlError::new(Code::BadUserInput, error.to_string())),
        }
    }
    errors.dedup();
    subjects.sort_unstable();
    subjects.dedup();
    if subjects.len() > subjects_max {
        let message =
            format!("{} {}s are more than the {subjects_max} of one subscription", subjects.len(), rule.noun);
        errors.push(GraphqlError::new(Code::BadUserInput, message));
    }
    if errors.is_empty() { Ok(subjects) } else { Err(errors) }
}
