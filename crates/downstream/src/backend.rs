//! The seam to the engine: one operation, prepared and then executed or joined.
//! Owns the little that tests replace; never a decision.

use bytes::Bytes;
use engine::outbox::Member;
use engine::{Engine, Identity, Prepared, Request};
use futures::FutureExt;
use futures::future::BoxFuture;
use graph::error::{Code, GraphqlError};
use graph::operation::Kind;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What runs operations.
pub(crate) trait Backend: Send + Sync + 'static {
    fn prepare(
        &self,
        request: Request,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Box<dyn Call>, Vec<GraphqlError>>>;

    fn drain(&self) -> BoxFuture<'static, ()>;
}

/// A prepared operation.
pub(crate) trait Call: Send {
    fn kind(&self) -> Kind;
    fn execute(self: Box<Self>) -> BoxFuture<'static, Bytes>;
    fn subscribe(self: Box<Self>, member: Member) -> BoxFuture<'static, Result<Joined, Vec<GraphqlError>>>;
}

/// A joined subscription; dropping it is leaving.
pub(crate) type Joined = Box<dyn Send>;

/// What became of an operation.
pub(crate) enum Outcome {
    Response(Bytes),
    Joined(Joined),
    Refused(Vec<GraphqlError>),
}

struct EngineBackend(Arc<Engine>);

struct EngineCall {
    engine: Arc<Engine>,
    prepared: Prepared,
}

pub(crate) fn of_engine(engine: Arc<Engine>) -> Arc<dyn Backend> {
    Arc::new(EngineBackend(engine))
}

impl Backend for EngineBackend {
    fn prepare(
        &self,
        request: Request,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Box<dyn Call>, Vec<GraphqlError>>> {
        let engine = self.0.clone();
        Box::pin(async move {
            let prepared = engine.prepare(request, identity).await?;
            Ok(Box::new(EngineCall { engine, prepared }) as Box<dyn Call>)
        })
    }

    fn drain(&self) -> BoxFuture<'static, ()> {
        let engine = self.0.clone();
        Box::pin(async move { engine.drain().await })
    }
}

impl Call for EngineCall {
    fn kind(&self) -> Kind {
        self.prepared.kind()
    }

    fn execute(self: Box<Self>) -> BoxFuture<'static, Bytes> {
        Box::pin(async move { self.engine.execute(self.prepared).await })
    }

    fn subscribe(self: Box<Self>, member: Member) -> BoxFuture<'static, Result<Joined, Vec<GraphqlError>>> {
        Box::pin(async move {
            let subscription = self.engine.subscribe(self.prepared, member).await?;
            Ok(Box::new(subscription) as Joined)
        })
    }
}

/// Makes a request of a long-lived connection ready to run.
pub(crate) async fn prepare(
    backend: Arc<dyn Backend>,
    request: serde_json::Value,
    identity: Identity,
    allows_mutation: bool,
) -> Result<Box<dyn Call>, Vec<GraphqlError>> {
    let request = Request::from_json(request).map_err(|error| vec![error])?;
    let call = backend.prepare(request, identity).await?;
    if call.kind() == Kind::Mutation && !allows_mutation {
        return Err(vec![GraphqlError::new(Code::BadRequest, "a mutation cannot be sent by GET; use POST")]);
    }
    Ok(call)
}

/// Runs one operation of a long-lived connection to where it answers or lives. A subscription that its client has
/// `left` is given up, however long the engine would have let it wait for a broker; a mutation is not. `joining` is
/// awaited when all that is left of a subscription is to wait for its source.
pub(crate) async fn run(
    call: Box<dyn Call>,
    member: Member,
    left: oneshot::Receiver<Infallible>,
    joining: impl Future<Output = ()>,
) -> Result<Outcome, Vec<GraphqlError>> {
    if call.kind() != Kind::Subscription {
        return Ok(Outcome::Response(call.execute().await));
    }
    joining.await;
    tokio::select! {
        biased;
        // It never carries a value: its sender is dropped with the operation.
        _ = left => Err(Vec::new()),
        joined = call.subscribe(member) => joined.map(Outcome::Joined),
    }
}

/// What became of an operation; a panic in it ends it alone.
pub(crate) async fn guarded(operation: impl Future<Output = Result<Outcome, Vec<GraphqlError>>>) -> Outcome {
    match AssertUnwindSafe(operation).catch_unwind().await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(errors)) => Outcome::Refused(errors),
        Err(_) => Outcome::Refused(vec![internal_error()]),
    }
}

/// What a client is told of a panic.
pub(crate) fn internal_error() -> GraphqlError {
    GraphqlError::new(Code::InternalServerError, "internal server error")
}
