//! Bindings read back from a composed supergraph, where `@join__directive` carries them.
//! Owns that one carriage; what a directive says is `field`'s to read.

use super::catalog::{Catalog, Type, parse};
use super::field::Field;
use super::{Binding, Root, dialect};
use crate::diagnostic::{Diagnostic, Severity};
use apollo_compiler::ast::{Argument, Directive, DirectiveList, FieldDefinition, Value};
use apollo_compiler::{Name, Node};
use std::collections::BTreeMap;

const ORIGIN: &str = "supergraph";

pub(super) fn read(sdl: &str) -> Result<Vec<Binding>, Vec<Diagnostic>> {
    let document = parse(ORIGIN, sdl)?;
    let catalog = Catalog::of(ORIGIN, &document);
    let mut views: BTreeMap<String, Catalog> = BTreeMap::new();
    let (mut bindings, mut found) = (Vec::new(), Vec::new());
    for root in Root::ALL {
        let fields = catalog.root(root).map_or(&[][..], |entry| entry.fields.as_slice());
        for definition in fields {
            let Some((graph, directives)) = carried(&catalog, definition, &mut found) else { continue };
            let Some(subgraph) = graph_name(&catalog, &graph) else {
                let message = format!("`join__Graph` has no value `{graph}`");
                found.push(catalog.error(definition.location(), message));
                continue;
            };
            let view = || seen_by(Catalog::of(ORIGIN, &document), &graph);
            let catalog = &*views.entry(graph.clone()).or_insert_with(view);
            let field = Field { catalog, root, definition, directives: &directives, subgraph: &subgraph };
            bindings.extend(field.read(&mut found));
        }
    }
    // What composition warned of, it has told already.
    found.retain(|diagnostic| diagnostic.severity == Severity::Error);
    if found.is_empty() { Ok(bindings) } else { Err(found) }
}

/// The dialect's directives that a field carries, and the graph they are of.
fn carried(
    catalog: &Catalog,
    definition: &FieldDefinition,
    found: &mut Vec<Diagnostic>,
) -> Option<(String, Vec<Node<Directive>>)> {
    let mut graph = None;
    let mut directives = Vec::new();
    for carrier in definition.directives.get_all("join__directive") {
        let name = carrier.specified_argument_by_name("name").and_then(|name| name.as_str());
        let Some(name) = name.filter(|name| dialect::is_word(name)) else { continue };
        let graphs = carrier.specified_argument_by_name("graphs").and_then(|graphs| graphs.as_list());
        let of = match graphs {
            Some([graph]) => graph.as_enum(),
            _ => None,
        };
        let Some(of) = of else {
            let message = format!("`@join__directive(name: \"{name}\")` must name one graph");
            found.push(catalog.error(carrier.location(), message));
            continue;
        };
        graph = Some(of.to_string());
        directives.push(carrier.same_location(Directive {
            name: Name::new(name).unwrap_or_else(|_| carrier.name.clone()),
            arguments: arguments(carrier),
        }));
    }
    graph.map(|graph| (graph, directives))
}

fn arguments(carrier: &Directive) -> Vec<Node<Argument>> {
    let fields = match carrier.specified_argument_by_name("args").map(|args| args.as_ref()) {
        Some(Value::Object(fields)) => fields.as_slice(),
        _ => &[],
    };
    let argument = |(name, value): &(Name, Node<Value>)| {
        value.same_location(Argument { name: name.clone(), value: value.clone() })
    };
    fields.iter().map(argument).collect()
}

/// The subgraph's own name behind a value of `join__Graph`.
fn graph_name(catalog: &Catalog, graph: &str) -> Option<String> {
    let graphs: &Type = catalog.types.get("join__Graph")?;
    let value = graphs.values.iter().find(|value| value.value == graph)?;
    let name = value.directives.get("join__graph")?.specified_argument_by_name("name")?;
    name.as_str().map(str::to_owned)
}

/// The schema as one graph has it: a filter looks at the types that graph's events can hold, not at
/// whatever else implements the interface elsewhere.
fn seen_by(mut catalog: Catalog, graph: &str) -> Catalog {
    catalog.types.retain(|_, entry| {
        let joins: Vec<_> = entry.directives.iter().filter(|d| d.name == "join__type").collect();
        joins.is_empty() || joins.into_iter().any(|join| is_of(join, graph))
    });
    for entry in catalog.types.values_mut() {
        let of = |name: &str, key: &str| -> Vec<String> {
            let joins = entry.directives.iter().filter(|join| join.name == name && is_of(join, graph));
            let named =
                |join: &Node<Directive>| join.specified_argument_by_name(key)?.as_str().map(str::to_owned);
            joins.filter_map(named).collect()
        };
        let (interfaces, members) = (of("join__implements", "interface"), of("join__unionMember", "member"));
        entry.interfaces.retain(|name| interfaces.iter().any(|known| known == name.as_str()));
        entry.members.retain(|name| members.iter().any(|known| known == name.as_str()));
        entry.fields.retain(|field| has(&field.directives, graph));
        entry.inputs.retain(|input| has(&input.directives, graph));
    }
    catalog
}

/// Whether a field is in a graph: named there, or named nowhere and so in all.
fn has(directives: &DirectiveList, graph: &str) -> bool {
    let mut joins = directives.get_all("join__field").peekable();
    joins.peek().is_none() || joins.any(|join| is_of(join, graph))
}

fn is_of(join: &Directive, graph: &str) -> bool {
    let of = join.specified_argument_by_name("graph").and_then(|of| of.as_enum());
    of.is_some_and(|of| of == graph)
}
