//! Request text → a prepared operation, made once per text and name and kept.
//! Owns that equal requests share one plan; what preparing means is `graph`.

mod kept;

use crate::hook::Plugged;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::resolve::Resolver;
use crate::snapshot::Snapshot;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::operation::{Bounds, Kind, Operation};
use graph::supergraph::Supergraph;
use kept::{Kept, Key};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A request that may run: parsed, validated, planned, its variables coerced, its caller authorised.
pub struct Prepared {
    pub operation: Arc<Operation>,
    pub variables: Object,
    pub identity: Identity,
    pub(crate) operation_id: u64,
    pub(crate) operation_name: Option<String>,
    pub(crate) document: Arc<str>,
    pub(crate) generation: u64,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) hooks: Arc<Vec<Arc<Plugged>>>,
}

impl Prepared {
    pub fn kind(&self) -> Kind {
        self.operation.kind
    }
}

/// Prepared operations of one schema generation.
pub(crate) struct Operations {
    supergraph: Arc<Supergraph>,
    kept: Mutex<Kept>,
    bounds: Bounds,
}

/// What planning came to: an operation with the number that names it, or why there is none.
type Outcome = Result<(u64, Arc<Operation>), Vec<GraphqlError>>;

impl Operations {
    pub(crate) fn new(supergraph: Arc<Supergraph>, limits: &Limits) -> Operations {
        let kept = Kept::new(limits.operations_cached_max, limits.operations_cached_bytes_max);
        Operations { supergraph, kept: Mutex::new(kept), bounds: limits.bounds() }
    }

    /// The operation and a number that names it for as long as this generation lives.
    pub(crate) async fn prepare(
        &self,
        document: &str,
        name: Option<&str>,
    ) -> Result<(u64, Arc<Operation>), Vec<GraphqlError>> {
        tracing::trace!(target: "way", step = "prepare");
        let key: Key = (document.to_owned(), name.map(String::from));
        let cell = self.lock().cell(&key);
        let mut is_first = false;
        // Many that come at once, as after a restart, wait for one plan; if its asker leaves, the next one makes it.
        let planned = cell.get_or_init(|| {
            is_first = true;
            self.outcome(key.clone())
        });
        let outcome = planned.await.clone();
        match &outcome {
            Ok((_, operation)) if is_first => self.lock().weigh(&key, &cell, operation),
            Ok(_) => {}
            Err(_) => self.lock().forget(&key, &cell),
        }
        outcome
    }

    async fn outcome(&self, key: Key) -> Outcome {
        let operation = self.plan(key).await?;
        let id = NAMED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok((id, Arc::new(operation)))
    }

    /// Planning a hostile document can take its time, so it does not take a runtime worker with it.
    async fn plan(&self, (document, name): Key) -> Result<Operation, Vec<GraphqlError>> {
        let supergraph = self.supergraph.clone();
        let bounds = self.bounds;
        let plan = move || supergraph.prepare(&document, name.as_deref(), &bounds);
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return plan();
        }
        tokio::task::spawn_blocking(plan).await.unwrap_or_else(|_panic| {
            let message = "internal error while planning the operation";
            Err(vec![GraphqlError::new(Code::PlanningFailed, message)])
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static NAMED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;

    const SDL: &str = include_str!("../../graph/fixtures/shop.graphql");

    fn operations(kept_max: usize) -> Operations {
        let supergraph = Arc::new(Supergraph::load(SDL).unwrap());
        Operations::new(supergraph, &Limits { operations_cached_max: kept_max, ..Limits::default() })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_that_ask_at_once_get_one_plan() {
        let operations = Arc::new(operations(8));
        let ask = || {
            let operations = operations.clone();
            tokio::spawn(async move { operations.prepare("{ __typename }", None).await.unwrap().0 })
        };
        let before = NAMED.load(std::sync::atomic::Ordering::Relaxed);
        let ids = join_all((0..200).map(|_| ask())).await;
        assert!(ids.iter().all(|id| id.as_ref().unwrap() == ids[0].as_ref().unwrap()), "{ids:?}");
        // Tests beside this one prepare a few more.
        assert!(NAMED.load(std::sync::atomic::Ordering::Relaxed) - before < 20);
    }

    #[tokio::test]
    async fn what_is_refused_is_not_kept() {
        let operations = operations(2);
        operations.prepare("{ __typename }", None).await.unwrap();
        let before = NAMED.load(std::sync::atomic::Ordering::Relaxed);
        for n in 0..5 {
            operations.prepare(&format!("{{ no{n} }}"), None).await.unwrap_err();
        }
        assert!(operations.prepare("{ __typename }", None).await.unwrap().0 < before, "it is still there");
    }
}
