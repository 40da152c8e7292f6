//! Request text → a prepared operation, made once per text and name and kept.
//! Owns the cache and its bounds; what preparing means is `graph`.

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
    kept: Mutex<Kept>,
    kept_max: usize,
    kept_bytes_max: usize,
    bounds: Bounds,
}

/// The oldest first.
#[derive(Default)]
struct Kept {
    cells: IndexMap<Key, Arc<OnceCell<Outcome>>>,
    /// Of their documents: by number alone, a few clients with long ones could fill the memory.
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, key: Key) -> Arc<OnceCell<Outcome>> {
        self.bytes += key.0.len();
        self.cells.entry(key).or_default().clone()
    }

    fn remove_oldest(&mut self) {
        if let Some(((document, _), _)) = self.cells.shift_remove_index(0) {
            self.bytes -= document.len();
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.cells.shift_remove(key).is_some() {
            self.bytes -= key.0.len();
        }
    }
}

/// What planning came to: an operation with the number that names it, or why there is none.
type Outcome = Result<(u64, Arc<Operation>), Vec<GraphqlError>>;

/// Document text and operation name.
type Key = (String, Option<String>);

impl Operations {
    pub(crate) fn new(supergraph: Arc<Supergraph>, limits: &Limits) -> Operations {
        let (kept_max, kept_bytes_max) = (limits.operations_cached_max, limits.operations_cached_bytes_max);
        Operations { supergraph, kept: Mutex::default(), kept_max, kept_bytes_max, bounds: limits.bounds() }
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
        if let Some(found) = kept.cells.get(key) {
            return found.clone();
        }
        let has_room =
            |kept: &Kept| kept.cells.len() < self.kept_max && kept.bytes + key.0.len() <= self.kept_bytes_max;
        // One is always kept, so that those who ask for it at once share its plan.
        while !kept.cells.is_empty() && !has_room(&kept) {
            kept.remove_oldest();
        }
        kept.insert(key.clone())
    }

    /// What is refused is not kept: it would push out what is used.
    fn forget(&self, key: &Key, cell: &Arc<OnceCell<Outcome>>) {
        let mut kept = self.lock();
        if kept.cells.get(key).is_some_and(|found| Arc::ptr_eq(found, cell)) {
            kept.remove(key);
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
    async fn what_is_refused_is_not_kept_and_what_is_kept_is_bounded() {
        let operations = operations(2);
        for n in 0..5 {
            operations.prepare(&format!("{{ no{n} }}"), None).await.unwrap_err();
        }
        assert_eq!(operations.lock().cells.len(), 0);
        for n in 0..5 {
            operations.prepare(&format!("{{ a{n}: __typename }}"), None).await.unwrap();
        }
        assert_eq!(operations.lock().cells.len(), 2);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_by_the_length_of_its_documents_too() {
        let limits = Limits { operations_cached_bytes_max: 2_500, ..Limits::default() };
        let operations = Operations::new(Arc::new(Supergraph::load(SDL).unwrap()), &limits);
        let document = |n: usize, bytes: usize| format!("{:bytes$}", format!("{{ a{n}: __typename }}"));
        for (n, bytes, kept) in
            [(0, 1_000, 1), (1, 1_000, 2), (2, 1_000, 2), (3, 10_000, 1), (4, 500, 1), (5, 2_000, 2)]
        {
            operations.prepare(&document(n, bytes), None).await.unwrap();
            let found = operations.lock();
            assert_eq!(found.cells.len(), kept, "{n}");
            assert_eq!(found.bytes, found.cells.keys().map(|(document, _)| document.len()).sum::<usize>());
        }
    }
}
