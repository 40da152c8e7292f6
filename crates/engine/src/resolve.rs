//! Runs a plan's fetches over a starting value and projects the outcome to response bytes.
//! Owns execution; knows neither triggers nor clients.

mod answer;
mod batch;
mod execute;
mod project;
mod represent;
mod tree;

#[cfg(test)]
mod tests;

use crate::identity::{Identity, Part};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::port::Subgraph;
use bytes::Bytes;
use futures::future::BoxFuture;
use graph::Object;
use graph::error::GraphqlError;
use graph::operation::Operation;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What resolving needs around it; one per snapshot, shared by all rounds, so that fetches in flight
/// together can be batched and deduplicated.
pub struct Resolver {
    pub subgraphs: HashMap<String, Arc<dyn Subgraph>>,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
    lanes: batch::Lanes,
}

/// How a mutation's event fields publish; the engine's `publish` implements it.
pub trait Publisher: Send + Sync {
    /// Publishes one field with its arguments filled in; the value is the field's result.
    fn publish<'a>(
        &'a self,
        field: &'a graph::plan::PublishField,
        arguments: Object,
    ) -> BoxFuture<'a, Result<Value, GraphqlError>>;
}

impl Resolver {
    pub fn new(
        subgraphs: HashMap<String, Arc<dyn Subgraph>>,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
    ) -> Resolver {
        Resolver { subgraphs, limits, metrics, lanes: batch::Lanes::default() }
    }

    /// The request headers that any subgraph is sent.
    pub fn forwarded(&self) -> Part {
        let names: BTreeSet<String> =
            self.subgraphs.values().flat_map(|subgraph| subgraph.forwarded()).cloned().collect();
        if names.is_empty() { Part::Nothing } else { Part::Only(names) }
    }

    /// Fills in and encodes one response: `{"data":…}` with `errors` where there were any.
    /// `root` is the value to start from (`EventRoot::root_value`, or an empty object).
    pub async fn respond(
        self: &Arc<Self>,
        operation: &Operation,
        variables: &Object,
        identity: &Identity,
        root: Value,
        publisher: Option<&dyn Publisher>,
    ) -> Bytes {
        let (root, errors) = match &operation.plan.node {
            None => (root, Vec::new()),
            Some(node) => {
                let run = execute::Run::new(self, operation, variables, identity, publisher, root);
                run.run(node).await
            }
        };
        tracing::trace!(target: "way", step = "project");
        project::project(&operation.plan.shape, variables, &root, errors)
    }
}
