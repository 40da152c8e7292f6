//! Bindings for a supergraph that has the events subgraph's fields already (another composer put them there).
//! Owns finding that graph and attaching; never adds a type or a field.

use super::{header, join};
use crate::diagnostic::Diagnostic;
use crate::events::Root;
use crate::events::catalog::Type;
use crate::events::dialect;
use crate::events::subgraph::EventsSubgraph;
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Directive, Document, FieldDefinition, ObjectTypeDefinition, Value};

/// The graph that is this events subgraph: by its name, or because their root fields are the same.
pub(super) fn graph_of(document: &Document, subgraph: &EventsSubgraph) -> Option<String> {
    let graphs = join::graphs(document);
    let named = graphs.iter().find(|graph| graph.name == subgraph.name);
    let is_same = |graph: &&join::Graph| {
        let theirs = fields_of(document, &graph.value);
        let own = root_fields(subgraph);
        theirs.len() == own.len()
            && own.iter().all(|(root, field)| theirs.contains(&(*root, field.name.as_str())))
    };
    named.or_else(|| graphs.iter().find(is_same)).map(|graph| graph.value.to_string())
}

/// Attaches the bindings and makes sure that nobody asks the graph for entities.
pub(super) fn attach(
    document: &mut Document,
    subgraph: &EventsSubgraph,
    graph: &str,
    found: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) {
    found.extend(strangers(document, subgraph, graph));
    warnings.extend(taken_for(document, subgraph, graph));
    header::declare_join(document);
    for definition in &mut document.definitions {
        close_keys(definition, graph);
    }
    for (root, own) in root_fields(subgraph) {
        let name = header::root_name(document, root).unwrap_or_default();
        let fields = join::find(document, &name).and_then(join::fields_mut);
        let field = fields.and_then(|fields| fields.iter_mut().find(|field| field.name == own.name));
        let Some(field) = field else {
            let message = format!("the supergraph has the graph `{}` without `{}`", subgraph.name, own.name);
            let help = "compose the supergraph again with this schema, or give this schema another name";
            found.push(subgraph.catalog.error(own.name.location(), message).help(help));
            continue;
        };
        if own.ty.inner_named_type() != field.ty.inner_named_type() {
            let message = format!("`{}` is `{}` here and `{}` in the supergraph", own.name, own.ty, field.ty);
            found.push(
                subgraph.catalog.error(own.name.location(), message).help("compose the supergraph again"),
            );
        }
        let directives = &mut field.make_mut().directives;
        directives.0.retain(|directive| !is_binding(directive));
        let words = dialect::words_of(&own.directives);
        directives
            .0
            .extend(words.iter().map(|(name, arguments)| join::join_directive(graph, name, arguments)));
    }
}

/// The name of the graph that was found by its fields, for the operator to check.
fn taken_for(document: &Document, subgraph: &EventsSubgraph, graph: &str) -> Option<Diagnostic> {
    let graphs = join::graphs(document);
    let taken = graphs.into_iter().find(|known| known.value == graph && known.name != subgraph.name)?;
    let message =
        format!("events schema `{}` is taken for the supergraph's graph `{}`", subgraph.name, taken.name);
    Some(
        Diagnostic::warning(message)
            .help(format!("their root fields are the same; call the schema `{}`", taken.name)),
    )
}

/// Root fields of the graph that this schema does not tie to a broker: then it is an HTTP subgraph of the
/// same name, and closing its keys would cut its entities off.
fn strangers(document: &Document, subgraph: &EventsSubgraph, graph: &str) -> Vec<Diagnostic> {
    let own = root_fields(subgraph);
    let is_stranger =
        |(root, name): &(Root, &str)| !own.iter().any(|(r, field)| r == root && field.name == *name);
    let strangers = fields_of(document, graph).into_iter().filter(is_stranger);
    strangers
        .map(|(root, name)| {
            let field = format!("{}.{name}", root.as_str());
            let message = format!("the supergraph's graph `{}` answers `{field}` too", subgraph.name);
            Diagnostic::error(message)
                .help("tie that field to a broker as well, or rename this events schema")
        })
        .collect()
}

/// The root fields that a graph answers.
fn fields_of<'a>(document: &'a Document, graph: &str) -> Vec<(Root, &'a str)> {
    let mut fields = Vec::new();
    for root in Root::ALL {
        let Some(object) = root_definition(document, root) else { continue };
        let in_graph = |field: &&Node<FieldDefinition>| {
            let joins = field.directives.get_all("join__field");
            let named: Vec<_> = joins.filter_map(|join| join::graph_of(join)).collect();
            match named.is_empty() {
                true => join::type_graphs(&object.directives).iter().any(|known| known == graph),
                false => named.contains(&graph),
            }
        };
        fields.extend(object.fields.iter().filter(in_graph).map(|field| (root, field.name.as_str())));
    }
    fields
}

fn root_fields(subgraph: &EventsSubgraph) -> Vec<(Root, &Node<FieldDefinition>)> {
    let fields = |root| subgraph.catalog.root(root).into_iter().flat_map(|entry: &Type| &entry.fields);
    let tied = |root| fields(root).filter(|field| dialect::is_tied(&field.directives));
    Root::ALL.into_iter().flat_map(|root| tied(root).map(move |field| (root, field))).collect()
}

fn root_definition(document: &Document, root: Root) -> Option<&ObjectTypeDefinition> {
    let name = header::root_name(document, root)?;
    document.definitions.iter().find_map(|definition| match definition {
        Definition::ObjectTypeDefinition(object) if object.name == name.as_str() => Some(object.as_ref()),
        _ => None,
    })
}

fn is_binding(directive: &Directive) -> bool {
    let name = directive.specified_argument_by_name("name").and_then(|name| name.as_str());
    directive.name == "join__directive" && name.is_some_and(dialect::is_word)
}

/// A broker cannot be asked for an entity, whatever the other composer believed.
fn close_keys(definition: &mut Definition, graph: &str) {
    let is_open = |directive: &Directive| {
        directive.name == "join__type"
            && join::graph_of(directive) == Some(graph)
            && directive.specified_argument_by_name("key").is_some()
    };
    let Some(directives) = join::directives_mut(definition) else { return };
    for directive in directives.0.iter_mut().filter(|directive| is_open(directive)) {
        let arguments = &mut directive.make_mut().arguments;
        arguments.retain(|argument| argument.name != "resolvable");
        arguments.push(Node::new(apollo_compiler::ast::Argument {
            name: join::name("resolvable"),
            value: Node::new(Value::Boolean(false)),
        }));
    }
}
