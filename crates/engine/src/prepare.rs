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
    kept: Mutex<IndexMap<Key, (u64, Arc<Operation>)>>,
    kept_max: usize,
    bounds: Bounds,
}

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
        if let Some(found) = self.lock().get(&key) {
            return Ok(found.clone());
        }
        let operation = Arc::new(self.plan(key.clone()).await?);
        let mut kept = self.lock();
        if kept.len() >= self.kept_max {
            kept.shift_remove_index(0);
        }
        // Two that missed at once: the first stays, so that their subscribers share.
        let id = NAMED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(kept.entry(key).or_insert((id, operation)).clone())
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

    fn lock(&self) -> std::sync::MutexGuard<'_, IndexMap<Key, (u64, Arc<Operation>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static NAMED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
