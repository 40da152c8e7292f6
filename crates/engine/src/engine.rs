//! The engine's whole surface: prepare · execute · subscribe · publish · swap · drain.
//! Owns the way of a request through the room; never a socket, never a protocol.

use crate::authorize::authorize;
use crate::hook::Plugged;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::outbox::Member;
use crate::port::{BrokerError, Outgoing};
use crate::prepare::{Operations, Prepared};
use crate::publish::EventPublisher;
use crate::request::{Request, one};
use crate::resolve::Resolver;
use crate::snapshot::Snapshot;
use crate::subscribe::Entrance;
use crate::trigger::join::Subscription;
use arc_swap::ArcSwap;
use bytes::Bytes;
use graph::error::{Code, GraphqlError};
use graph::events::Transport;
use graph::operation::Kind;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A federated GraphQL engine with live fields. Cheap to share.
pub struct Engine {
    pub metrics: Arc<Metrics>,
    pub limits: Arc<Limits>,
    entrance: Entrance,
    generation: ArcSwap<Generation>,
    generations: AtomicU64,
    draining: AtomicBool,
}

/// One snapshot with what the engine built on it.
struct Generation {
    number: u64,
    snapshot: Arc<Snapshot>,
    operations: Operations,
    resolver: Arc<Resolver>,
    hooks: Arc<Vec<Arc<Plugged>>>,
}

impl Engine {
    /// Must be called within a tokio runtime; triggers run there.
    pub fn new(snapshot: Snapshot, limits: Limits) -> Arc<Engine> {
        let (metrics, limits) = (Arc::new(Metrics::default()), Arc::new(limits));
        let generation = ArcSwap::from_pointee(Generation::new(0, snapshot, &limits, &metrics));
        Arc::new(Engine {
            entrance: Entrance::new(limits.clone(), metrics.clone()),
            metrics,
            limits,
            generation,
            generations: AtomicU64::new(0),
            draining: AtomicBool::new(false),
        })
    }

    /// Puts a new schema, brokers and hooks in place, whole. What runs goes on with what it began with.
    pub fn swap(&self, snapshot: Snapshot) {
        let number = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        self.generation.store(Arc::new(Generation::new(number, snapshot, &self.limits, &self.metrics)));
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.generation.load().snapshot.clone()
    }

    /// Parses, validates, plans, coerces and authorises.
    pub async fn prepare(&self, request: Request, identity: Identity) -> Result<Prepared, Vec<GraphqlError>> {
        let prepared = self.prepare_counted(request, identity).await;
        if prepared.is_err() {
            self.metrics.operations.add(&["unknown", "refused"], 1);
        }
        prepared
    }

    async fn prepare_counted(
        &self,
        request: Request,
        identity: Identity,
    ) -> Result<Prepared, Vec<GraphqlError>> {
        let generation = self.generation.load_full();
        let Request { query, operation_name, variables, .. } = request;
        let (operation_id, operation) =
            generation.operations.prepare(&query, operation_name.as_deref()).await?;
        authorize(&operation, &identity)?;
        let variables = operation.coerce(&variables)?;
        Ok(Prepared {
            operation,
            variables,
            identity,
            operation_id,
            operation_name,
            document: query.into(),
            generation: generation.number,
            snapshot: generation.snapshot.clone(),
            resolver: generation.resolver.clone(),
            hooks: generation.hooks.clone(),
        })
    }

    /// Runs a query or mutation; the bytes are the whole response. (A subscription gets an error.)
    pub async fn execute(&self, prepared: Prepared) -> Bytes {
        let kind = match prepared.kind() {
            Kind::Query => "query",
            Kind::Mutation => "mutation",
            Kind::Subscription => {
                let message = "a subscription needs a streaming protocol";
                return crate::request::refusal(&one(Code::BadRequest, message));
            }
        };
        self.metrics.operations.add(&[kind, "executed"], 1);
        let publisher = EventPublisher { prepared: &prepared, limits: &self.limits, metrics: &self.metrics };
        let Prepared { operation, variables, identity, resolver, .. } = &prepared;
        resolver.respond(operation, variables, identity, json!({}), Some(&publisher)).await
    }

    /// Joins a live field. Frames go to the member's shard from now on, possibly before this returns.
    pub async fn subscribe(
        &self,
        prepared: Prepared,
        member: Member,
    ) -> Result<Subscription, Vec<GraphqlError>> {
        tracing::trace!(target: "way", step = "Engine::subscribe");
        let refused = self.refuse_more().or_else(|| match prepared.kind() {
            Kind::Subscription => None,
            _ => Some(one(Code::BadRequest, "only a subscription can be subscribed to")),
        });
        let joined = match refused {
            Some(errors) => Err(errors),
            None => self.entrance.join(prepared, member).await,
        };
        let outcome = if joined.is_ok() { "joined" } else { "refused" };
        self.metrics.operations.add(&["subscription", outcome], 1);
        joined
    }

    fn refuse_more(&self) -> Option<Vec<GraphqlError>> {
        if self.draining.load(Ordering::Acquire) {
            return Some(one(Code::SubscriptionServerDrain, "the router is stopping"));
        }
        None
    }

    /// Publishes bytes as an event of a provider, as an operator would (`tidegate publish`); no hook runs. The family
    /// is needed where several have a provider of that id.
    pub async fn publish(
        &self,
        family: Option<Transport>,
        provider: &str,
        subject: &str,
        payload: Bytes,
    ) -> Result<(), String> {
        let snapshot = self.snapshot();
        let named = snapshot.providers.iter().filter(|candidate| &*candidate.id == provider);
        let named: Vec<_> =
            named.filter(|candidate| family.is_none_or(|family| candidate.transport == family)).collect();
        let found = match named.as_slice() {
            [found] => *found,
            [] => {
                let known: Vec<&str> = snapshot.providers.iter().map(|provider| &*provider.id).collect();
                return Err(format!("no provider `{provider}`; configured: {}", known.join(", ")));
            }
            _ => {
                return Err(format!("several families have a provider `{provider}`: say which one is meant"));
            }
        };
        let message = Outgoing::new(subject, payload);
        let sent = tokio::time::timeout(self.limits.broker_timeout, found.broker.publish(message)).await;
        let sent = sent.unwrap_or(Err(BrokerError::Timeout)).map_err(|error| error.to_string());
        let [family, id] = found.labels();
        self.metrics.publishes.add(&[family, id, if sent.is_ok() { "sent" } else { "failed" }], 1);
        sent
    }

    /// What is alive now: `triggers`, `groups`, `subscriptions`.
    pub fn census(&self) -> Value {
        let read = |gauge: &std::sync::atomic::AtomicI64| gauge.load(Ordering::Relaxed);
        json!({
            "triggers": self.entrance.registry.count(),
            "groups": read(&self.metrics.groups_active),
            "subscriptions": read(&self.metrics.subscriptions_active),
        })
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Ends every trigger: each subscription gets its terminal frame. New ones are refused from here on.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.entrance.registry.drain().await;
    }
}

impl Generation {
    fn new(number: u64, snapshot: Snapshot, limits: &Arc<Limits>, metrics: &Arc<Metrics>) -> Generation {
        let resolver = Resolver::new(snapshot.subgraphs.clone(), limits.clone(), metrics.clone());
        Generation {
            number,
            operations: Operations::new(snapshot.supergraph.clone(), limits),
            resolver: Arc::new(resolver),
            hooks: Arc::new(snapshot.hooks.iter().map(|hook| Arc::new(Plugged::new(hook))).collect()),
            snapshot: Arc::new(snapshot),
        }
    }
}
