//! HTTP subgraphs → a supergraph that the planner reads.
//! Owns the fence around the borrowed composer and the repair of what it leaves out; knows nothing of events.

use super::{Composition, SchemaSource, header, join, placeholder};
use crate::diagnostic::Diagnostic;
use crate::events::Root;
use crate::events::catalog::{self, Catalog};
use apollo_compiler::ast::{Definition, Document};
use graphql_composition::{Subgraphs, render_federated_sdl};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Composes schemas whose references have been checked.
pub(super) fn compose(sources: &[(&SchemaSource, Catalog)]) -> Result<Composition, Vec<Diagnostic>> {
    // It panics on schemas it did not foresee; nothing of its state is used after that.
    let composed = catch_unwind(AssertUnwindSafe(|| run(sources))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let help = "remove the newest schema change and compose again; this is a defect worth reporting";
        Err(vec![Diagnostic::error(format!("the composer failed: {text}")).help(help)])
    })?;
    let mut document = catalog::parse("supergraph", &composed.sdl)?;
    repair(&mut document, sources);
    header::declare_used(&mut document);
    Ok(Composition { sdl: document.to_string(), warnings: composed.warnings })
}

fn run(sources: &[(&SchemaSource, Catalog)]) -> Result<Composition, Vec<Diagnostic>> {
    let mut subgraphs = Subgraphs::default();
    let mut found = Vec::new();
    let lent = placeholder::lent(sources.iter().map(|(_, catalog)| catalog)).map(|sdl| SchemaSource {
        name: placeholder::GRAPH.into(),
        routing_url: Some(String::new()),
        sdl: sdl.into(),
        origin: "built in".into(),
    });
    for source in sources.iter().map(|(source, _)| *source).chain(&lent) {
        if let Err(error) = subgraphs.ingest_str(&source.sdl, &source.name, source.routing_url.as_deref()) {
            found.push(Diagnostic::error(format!("{}: {error:#}", source.origin)));
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let result = graphql_composition::compose(&mut subgraphs);
    let warnings = result.diagnostics().iter_warnings().map(Diagnostic::warning).collect();
    let graph = result
        .into_result()
        .map_err(|diagnostics| diagnostics.iter_errors().map(Diagnostic::error).collect::<Vec<_>>())?;
    let sdl = render_federated_sdl(&graph).map_err(|error| vec![Diagnostic::error(error.to_string())])?;
    Ok(Composition { sdl, warnings })
}

/// The composer writes no `@join__type` on root types (and some others), where the planner looks for entry
/// points, and declares the join directives as not repeatable.
fn repair(document: &mut Document, sources: &[(&SchemaSource, Catalog)]) {
    header::make_repeatable(document);
    let graphs = join::graphs(document);
    let owners = |name: &str| -> Vec<String> {
        let declares = |catalog: &Catalog| {
            let root = Root::ALL.into_iter().find(|root| root.as_str() == name);
            let entry = root.map_or_else(|| catalog.types.get(name), |root| catalog.root(root));
            entry.is_some_and(|entry| root.is_none() || !entry.fields.is_empty())
        };
        let named = |source: &SchemaSource| graphs.iter().find(|graph| graph.name == source.name);
        let owning = sources.iter().filter(|(_, catalog)| declares(catalog));
        owning.filter_map(|(source, _)| named(source).map(|graph| graph.value.to_string())).collect()
    };
    for definition in &mut document.definitions {
        let Some(name) = definition.name().filter(|name| !header::is_machinery(name)).cloned() else {
            continue;
        };
        if matches!(definition, Definition::DirectiveDefinition(_))
            || definition.directives().has("join__type")
        {
            continue;
        }
        if let Some(directives) = join::directives_mut(definition) {
            for graph in owners(&name) {
                directives.push(join::join_type(&graph, None));
            }
        }
    }
}
