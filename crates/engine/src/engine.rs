//! The engine's whole surface: prepare · execute · subscribe · publish · swap · drain.
//! Owns the way of a request through the room; never a socket, never a protocol.

use crate::identity::Identity;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::outbox::Member;
use crate::request::Request;
use crate::snapshot::Snapshot;
use bytes::Bytes;
use graph::Object;
use graph::error::GraphqlError;
use graph::operation::{Kind, Operation};
use std::sync::Arc;

/// A federated GraphQL engine with live fields. Cheap to share.
pub struct Engine {
    pub metrics: Arc<Metrics>,
    pub limits: Arc<Limits>,
}

/// A request that may run: parsed, validated, planned, its variables coerced, its caller authorised.
pub struct Prepared {
    pub operation: Arc<Operation>,
    pub request: Arc<Request>,
    pub variables: Object,
    pub identity: Identity,
    snapshot: Arc<Snapshot>,
}

impl Prepared {
    pub fn kind(&self) -> Kind {
        self.operation.kind
    }
}

/// A joined subscription; dropping it is leaving.
#[derive(Debug)]
pub struct Subscription {}

impl Engine {
    /// Must be called within a tokio runtime; triggers run there.
    pub fn new(snapshot: Snapshot, limits: Limits) -> Arc<Engine> {
        let _ = (snapshot, limits);
        todo!()
    }

    /// Puts a new schema, brokers and hooks in place, whole.
    pub fn swap(&self, snapshot: Snapshot) {
        let _ = snapshot;
        todo!()
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }

    /// Parses, validates, plans, coerces and authorises.
    pub async fn prepare(&self, request: Request, identity: Identity) -> Result<Prepared, Vec<GraphqlError>> {
        let _ = (request, identity);
        todo!()
    }

    /// Runs a query or mutation; the bytes are the whole response. (A subscription gets an error.)
    pub async fn execute(&self, prepared: Prepared) -> Bytes {
        let _ = prepared;
        todo!()
    }

    /// Joins a live field. Frames go to the member's shard from now on, possibly before this returns.
    pub async fn subscribe(
        &self,
        prepared: Prepared,
        member: Member,
    ) -> Result<Subscription, Vec<GraphqlError>> {
        let _ = (prepared, member);
        todo!()
    }

    /// Publishes bytes as an event of a provider, as an operator would (`tidegate publish`); no hook runs.
    pub async fn publish(&self, provider: &str, subject: &str, payload: Bytes) -> Result<(), String> {
        let _ = (provider, subject, payload);
        todo!()
    }

    /// Ends every trigger: each subscription gets its terminal frame. New ones are refused from here on.
    pub async fn drain(&self) {
        todo!()
    }
}
