//! Configuration → the subgraphs that are asked.
//! Owns the mapping of their settings; never connects by itself.

use super::error::StartError;
use crate::config::Config;
use engine::Limits;
use engine::port::Subgraph;
use graph::supergraph::Supergraph;
use std::collections::HashMap;
use std::sync::Arc;
use upstream::{HttpSubgraph, http};

/// Every subgraph of the supergraph, by name.
pub(super) fn subgraphs(
    config: &Config,
    supergraph: &Supergraph,
    limits: &Limits,
) -> Result<HashMap<String, Arc<dyn Subgraph>>, StartError> {
    let mut subgraphs: HashMap<String, Arc<dyn Subgraph>> = HashMap::new();
    for subgraph in &supergraph.subgraphs {
        let overridden = config.override_subgraph_urls.get(&subgraph.name);
        let mut options = http::Options::new(overridden.unwrap_or(&subgraph.url));
        options.headers_forwarded = config.headers.forwarded(&subgraph.name);
        options.answer_bytes_max = limits.subgraph_bytes_max;
        let client = HttpSubgraph::new(options).map_err(|error| {
            let place = match overridden {
                Some(_) => format!("`override_subgraph_urls.{}`", subgraph.name),
                None => format!("the address of `{}` in the supergraph", subgraph.name),
            };
            StartError::Setting(format!("{place}: {error}"))
        })?;
        subgraphs.insert(subgraph.name.clone(), Arc::new(client));
    }
    Ok(subgraphs)
}
