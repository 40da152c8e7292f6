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
            field: format!("{}.{}", root_name(binding.root), binding.field),
            provider: binding.provider.clone(),
            family: match binding.transport {
                Transport::Any => "nats".to_owned(),
                named => named.as_str().to_owned(),
            },
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

/// Live and other fields that this build loads and cannot serve, so that an operator learns it before a client does.
/// `is_nats` says whether a provider of that id is NATS itself and no `memory` in its place.
pub(super) fn unserved(bindings: &[Arc<Binding>], is_nats: impl Fn(&str) -> bool) -> Vec<String> {
    let why = bindings.iter().filter_map(|binding| {
        let reason = match (&binding.action, &binding.stream) {
            (Action::Request, _) => "it asks a broker for an answer, which this build does not do",
            (_, Some(_)) if is_nats(&binding.provider) => {
                "it has a `streamConfiguration`, and this build has no JetStream yet"
            }
            _ => return None,
        };
        Some(format!("`{}.{}` refuses clients: {reason}", root_name(binding.root), binding.field))
    });
    why.collect()
}

fn root_name(root: Root) -> &'static str {
    match root {
        Root::Query => "Query",
        Root::Mutation => "Mutation",
        Root::Subscription => "Subscription",
    }
}

#[cfg(test)]
mod tests;
