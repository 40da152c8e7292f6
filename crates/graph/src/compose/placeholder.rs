//! A root field for the borrowed composer, and for GraphQL, where no subgraph has a Query of its own.
//! Owns lending it and taking it back; never has a server that answers it.

use super::{header, join};
use crate::diagnostic::Diagnostic;
use crate::events::Root;
use crate::events::catalog::{self, Catalog};
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Directive, Document, FieldDefinition};

/// The graph that has the field while the composer runs.
pub(super) const GRAPH: &str = "tidegate-placeholder";

const FIELD: &str = "_tidegate";
const QUERY: &str = "type Query { _tidegate: Boolean }";

/// The schema to lend, where it is needed. What every federated subgraph has is no field of the graph's.
pub(super) fn lent<'a>(catalogs: impl IntoIterator<Item = &'a Catalog>) -> Option<&'static str> {
    let fields = catalogs.into_iter().filter_map(|catalog| catalog.root(Root::Query));
    let mut fields = fields.flat_map(|query| &query.fields);
    let has_own = fields.any(|field| !["_service", "_entities"].contains(&field.name.as_str()));
    (!has_own).then_some(QUERY)
}

/// Takes back what was lent, before anything else is laid in.
pub(super) fn lift(document: &mut Document) {
    drop_graph(document);
    let query = header::root_name(document, Root::Query).unwrap_or_default();
    let Some(fields) = join::find(document, &query).and_then(join::fields_mut) else { return };
    let is_ours = |field: &Node<FieldDefinition>| field.name == FIELD && field.directives.is_empty();
    let there = fields.len();
    fields.retain(|field| !is_ours(field));
    if fields.is_empty() && there > 0 {
        let is_it = |definition: &Definition| definition.name().is_some_and(|name| *name == query.as_str());
        document.definitions.retain(|definition| !is_it(definition));
        header::withdraw_root(document, Root::Query);
    }
}

/// GraphQL wants a Query with a field: where there are other roots only, one stands in that is in no graph.
pub(super) fn settle(document: &mut Document) -> Result<(), Vec<Diagnostic>> {
    let has = |document: &Document, root| header::root_name(document, root).is_some();
    if has(document, Root::Query) {
        return Ok(());
    }
    if !has(document, Root::Mutation) && !has(document, Root::Subscription) {
        let help = "give a subgraph a field of Query, or an events schema one that is tied to a broker";
        return Err(vec![Diagnostic::error("no subgraph has a root field").help(help)]);
    }
    let parsed = catalog::parse("built in", QUERY).expect("our own definition parses");
    document.definitions.extend(parsed.definitions);
    header::declare_root(document, Root::Query);
    Ok(())
}

fn drop_graph(document: &mut Document) {
    let Some(lent) = join::graphs(document).into_iter().find(|graph| graph.name == GRAPH) else { return };
    let is_lent = |directive: &Node<Directive>| join::graph_of(directive) == Some(&lent.value);
    for definition in &mut document.definitions {
        if let Definition::EnumTypeDefinition(node) = definition
            && node.name == "join__Graph"
        {
            node.make_mut().values.retain(|value| value.value != lent.value);
            continue;
        }
        for field in join::fields_mut(definition).into_iter().flatten() {
            if field.directives.iter().any(is_lent) {
                field.make_mut().directives.0.retain(|directive| !is_lent(directive));
            }
        }
        if let Some(directives) = join::directives_mut(definition) {
            directives.0.retain(|directive| !is_lent(directive));
        }
    }
}
