//! Request text → a prepared operation, made once per text and name and kept.
//! Owns the cache and its bound; what preparing means is `graph`.

use crate::hook::Plugged;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::resolve::Resolver;
use crate::snapshot::Snapshot;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::operation::{Bounds, Kind, Operation};
use graph::supergraph::Supergraph;
use indexmap::IndexMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OnceCell;

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
    kept: Mutex<IndexMap<Key, Arc<OnceCell<Outcome>>>>,
    kept_max: usize,
    bounds: Bounds,
}

/// What planning came to: an operation with the number that names it, or why there is none.
type Outcome = Result<(u64, Arc<Operation>), Vec<GraphqlError>>;

/// Document text and operation name.
type Key = (String, Option<String>);

impl Operations {
    pub(crate) fn new(supergraph: Arc<Supergraph>, limits: &Limits) -> Operations {
        let (kept_max, bounds) = (limits.operations_cached_max.max(1), limits.bounds());
        Operations { supergraph, kept: Mutex::default(), kept_max, bounds }
    }

    /// The operation and a number that names it for as long as this generation lives.
    pub(crate) async fn prepare(
        &self,
        document: &str,
        name: Option<&str>,
    ) -> Result<(u64, Arc<Operation>), Vec<GraphqlError>> {
        tracing::trace!(target: "way", step = "prepare");
        let key: Key = (document.to_owned(), name.map(String::from));
        let cell = self.cell(&key);
        // Many that come at once, as after a restart, wait for one plan; if its asker leaves, the next one makes it.
        let outcome = cell.get_or_init(|| self.outcome(key.clone())).await.clone();
        if outcome.is_err() {
            self.forget(&key, &cell);
        }
        outcome
    }

    fn cell(&self, key: &Key) -> Arc<OnceCell<Outcome>> {
        let mut kept = self.lock();
        if let Some(found) = kept.get(key) {
            return found.clone();
        }
        if kept.len() >= self.kept_max {
            kept.shift_remove_index(0);
        }
        kept.entry(key.clone()).or_default().clone()
    }

    /// What is refused is not kept: it would push out what is used.
    fn forget(&self, key: &Key, cell: &Arc<OnceCell<Outcome>>) {
        let mut kept = self.lock();
        if kept.get(key).is_some_and(|found| Arc::ptr_eq(found, cell)) {
            kept.shift_remove(key);
        }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, IndexMap<Key, Arc<OnceCell<Outcome>>>> {
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
    async fn what_is_refused_is_not_kept_and_what_is_kept_is_bounded() {
        let operations = operations(2);
        for n in 0..5 {
            operations.prepare(&format!("{{ no{n} }}"), None).await.unwrap_err();
        }
        assert_eq!(operations.lock().len(), 0);
        for n in 0..5 {
            operations.prepare(&format!("{{ a{n}: __typename }}"), None).await.unwrap();
        }
        assert_eq!(operations.lock().len(), 2);
    }
}
