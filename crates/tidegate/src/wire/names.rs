//! Whether configuration and supergraph speak of the same things.
//! Owns the checks that need both; each finding names the setting and what was probably meant.

use super::error::{ProviderMissing, StartError, UnknownName};
use crate::config::{Config, closest};
use graph::events::{Action, Binding, Root, Transport};
use graph::supergraph::Subgraph;
use std::sync::Arc;

/// Names in the configuration that the supergraph must have.
pub(super) fn check(
    config: &Config,
    subgraphs: &[Subgraph],
    bindings: &[Arc<Binding>],
) -> Result<(), StartError> {
    let subgraphs: Vec<&str> = subgraphs.iter().map(|subgraph| subgraph.name.as_str()).collect();
    let live = bindings.iter().filter(|binding| binding.root == Root::Subscription);
    let fields: Vec<&str> = live.map(|binding| binding.field.as_str()).collect();
    let mut unknown = Vec::new();
    let mut compare = |setting, what, name: &str, known: &[&str]| {
        if !known.contains(&name) {
            let hint = closest(name, known).map(String::from);
            unknown.push(UnknownName { setting, name: name.to_owned(), what, hint });
        }
    };
    for name in config.override_subgraph_urls.keys() {
        compare("override_subgraph_urls", "no subgraph", name, &subgraphs);
    }
    for name in config.headers.subgraphs.keys() {
        compare("headers.subgraphs", "no subgraph", name, &subgraphs);
    }
    for name in config.subscriptions.overflow.fields.keys() {
        compare("subscriptions.overflow.fields", "no live field", name, &fields);
    }
    if unknown.is_empty() { Ok(()) } else { Err(StartError::UnknownNames(unknown)) }
}

/// Providers that the schema names must be configured, or the operator must have said that they may be
/// missing.
pub(super) fn check_providers(
    config: &Config,
    bindings: &[Arc<Binding>],
    is_configured: impl Fn(Transport, &str) -> bool,
) -> Result<(), StartError> {
    let unmet = bindings.iter().filter(|binding| !is_configured(binding.transport, &binding.provider));
    let missing: Vec<ProviderMissing> = unmet
        .map(|binding| ProviderMissing {
            field: format!("{}.{}", binding.root.as_str(), binding.field),
            provider: binding.provider.clone(),
            family: binding.transport.as_str().to_owned(),
        })
        .collect();
    if !config.events.skip_unavailable_providers && !missing.is_empty() {
        return Err(StartError::ProvidersMissing(missing));
    }
    for missing in missing {
        tracing::warn!(field = missing.field, "{missing}; until then the field refuses clients");
    }
    Ok(())
}

/// Fields that a `memory` provider cannot serve in the place of the one they name, so that an operator learns it before
/// a client does. `is_memory` says whether that is what a provider is.
pub(super) fn unserved(
    bindings: &[Arc<Binding>],
    is_memory: impl Fn(Transport, &str) -> bool,
) -> Vec<String> {
    let requests = bindings.iter().filter(|binding| binding.action == Action::Request);
    let unserved = requests.filter(|binding| is_memory(binding.transport, &binding.provider));
    let tell = |binding: &Arc<Binding>| {
        let field = format!("{}.{}", binding.root.as_str(), binding.field);
        format!("`{field}` refuses clients: it asks for an answer, which a `memory` provider has none of")
    };
    unserved.map(tell).collect()
}

/// Mutations whose events no subscriber will see: their provider's messages are read as change records, and what a
/// mutation publishes is none. `is_debezium` says whether that is how a provider is read.
pub(super) fn unheard(
    bindings: &[Arc<Binding>],
    is_debezium: impl Fn(Transport, &str) -> bool,
) -> Vec<String> {
    let published = bindings.iter().filter(|binding| binding.action == Action::Publish);
    let unheard = published.filter(|binding| is_debezium(binding.transport, &binding.provider));
    let tell = |binding: &Arc<Binding>| {
        let field = format!("{}.{}", binding.root.as_str(), binding.field);
        format!(
            "`{field}` publishes to `{}`, whose messages are read as change records (`decode: debezium`): \
             what it publishes is none, so subscribers of this provider will not see it",
            binding.provider
        )
    };
    unheard.map(tell).collect()
}

#[cfg(test)]
mod tests;
