//! A whole events subgraph into a supergraph that does not have it.
//! Owns the order of the steps: graph, types, roots, what must then be declared.

use super::merge::Merge;
use super::{header, join, keys, reach};
use crate::diagnostic::{Diagnostic, Severity};
use crate::events::Root;
use crate::events::catalog::{Catalog, Kind, Type, nearest};
use crate::events::dialect::{PUBLISH_RESULT, is_reserved};
use crate::events::subgraph::EventsSubgraph;
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Document, FieldDefinition};
use std::collections::BTreeSet;

/// Adds the subgraph's graph, types, root fields and bindings.
pub(super) fn graft(
    document: &mut Document,
    subgraph: &EventsSubgraph,
    found: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) {
    header::declare_join(document);
    let graph = header::declare_graph(document, &subgraph.name);
    let catalog = &subgraph.catalog;
    let result = publish_result(catalog);
    let own = catalog.types.values().filter(|entry| !is_left_out(&entry.name));
    let entries: Vec<&Type> = own.chain(result.iter().flat_map(|result| result.types.values())).collect();
    let before = Before { objects: type_names(document), bare: reach::bare(catalog, document) };
    let mut merge = Merge { graph: &graph, catalog, found, warnings, kept: Vec::new() };
    for entry in &entries {
        let root = Root::ALL.into_iter().find(|root| catalog.root_name(*root) == entry.name.as_str());
        lay(document, entry, root, &mut merge, &before);
    }
    for kept in std::mem::take(&mut merge.kept) {
        header::declare_kept(document, kept);
    }
    for entry in entries {
        check_interfaces(document, catalog, entry, found);
    }
}

/// What must be known of the supergraph as it was before the first type was laid in.
struct Before {
    objects: Vec<String>,
    /// Types whose missing fields nobody above them can be asked for.
    bare: BTreeSet<String>,
}

fn is_left_out(name: &str) -> bool {
    is_reserved(name) || header::is_machinery(name)
}

/// `edfs__PublishResult` for a schema that uses it without declaring it.
fn publish_result(catalog: &Catalog) -> Option<Catalog> {
    let fields = catalog.root(Root::Mutation).map_or(&[][..], |entry| entry.fields.as_slice());
    let is_used = fields.iter().any(|field| field.ty.inner_named_type() == PUBLISH_RESULT);
    let sdl = "type edfs__PublishResult { success: Boolean! }";
    let is_missing = is_used && !catalog.types.contains_key(PUBLISH_RESULT);
    is_missing.then(|| Catalog::parse("built in", sdl).expect("our own definition parses"))
}

fn type_names(document: &Document) -> Vec<String> {
    let objects = |definition: &Definition| match definition {
        Definition::ObjectTypeDefinition(object) => Some(object.name.to_string()),
        _ => None,
    };
    document.definitions.iter().filter_map(objects).collect()
}

fn lay(document: &mut Document, entry: &Type, root: Option<Root>, merge: &mut Merge<'_>, before: &Before) {
    let name = match root {
        Some(root) => header::root_name(document, root).unwrap_or_else(|| root.as_str().to_owned()),
        None => entry.name.to_string(),
    };
    let Some(definition) = join::find(document, &name) else {
        if root.is_none() {
            check_unknown(entry, merge, &before.objects);
        }
        let copy = merge.copy(entry, join::name(&name));
        document.definitions.push(copy);
        root.into_iter().for_each(|root| header::declare_root(document, root));
        return;
    };
    let kind =
        Catalog::of("", &Document { sources: Default::default(), definitions: vec![definition.clone()] });
    let kind = kind.types.values().next().map(|known| known.kind);
    if kind != Some(entry.kind) {
        let there = kind.map_or("something else", Kind::as_str);
        let message = format!("`{name}` is {} here and {there} in the supergraph", entry.kind.as_str());
        merge.found.push(merge.catalog.error(entry.name.location(), message).help("rename one of the two"));
        return;
    }
    if root.is_none() {
        keys::check_own(merge.catalog, entry, merge.found);
        let lacks = keys::check(merge.catalog, entry, definition);
        match lacks.filter(|_| before.bare.contains(entry.name.as_str())) {
            Some(lacks) if lacks.severity == Severity::Warning => merge.warnings.push(lacks),
            lacks => merge.found.extend(lacks),
        }
    }
    merge.merge(definition, entry);
    root.into_iter().for_each(|root| header::declare_root(document, root));
}

/// An entity that nobody else knows is a plain type; one near in name to a known type is a slip.
fn check_unknown(entry: &Type, merge: &mut Merge<'_>, known: &[String]) {
    keys::check_own(merge.catalog, entry, merge.found);
    if keys::own(entry).is_empty() {
        return;
    }
    let message = format!("no subgraph knows the entity `{}`: it has only what events carry", entry.name);
    let span = merge.catalog.span(entry.name.location());
    // A quarter of the letters may differ: `Employe` is a slip, `ProductMoved` beside `Product` is not.
    match nearest(&entry.name, known.iter().map(String::as_str), 0.75) {
        Some(near) => {
            let help = format!("did you mean `{near}`?");
            merge.found.push(Diagnostic::error(message).at(span).help(help));
        }
        None => {
            let help = "leave `@key` out if that is meant";
            merge.warnings.push(Diagnostic::warning(message).at(span).help(help));
        }
    }
}

/// A type that implements an interface must have the fields the supergraph's interface has by now.
fn check_interfaces(document: &mut Document, catalog: &Catalog, entry: &Type, found: &mut Vec<Diagnostic>) {
    let fields = |document: &mut Document, name: &str| -> Vec<Node<FieldDefinition>> {
        join::find(document, name).and_then(join::fields_mut).cloned().unwrap_or_default()
    };
    let own = fields(document, &entry.name);
    for interface in &entry.interfaces {
        let missing = fields(document, interface);
        let missing = missing.iter().filter(|field| !own.iter().any(|own| own.name == field.name));
        for field in missing {
            let message = format!("`{}` lacks `{}` of interface `{interface}`", entry.name, field.name);
            let help = format!("add `{}: {}`, or return a type that a subgraph knows", field.name, field.ty);
            found.push(catalog.error(entry.name.location(), message).help(help));
        }
    }
}
