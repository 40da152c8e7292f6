//! The join-spec directives as values: built, read and found on definitions.
//! Owns their spelling; never decides which graph has what.

use apollo_compiler::ast::{
    Argument, Definition, Directive, DirectiveList, Document, FieldDefinition, Value,
};
use apollo_compiler::{Name, Node};

/// One value of `join__Graph`.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    /// `ORDERS`.
    pub(super) value: Name,
    /// `orders`.
    pub(super) name: String,
}

/// A name that is known to be one: from our own text or from a parsed document.
pub(super) fn name(text: &str) -> Name {
    Name::new_unchecked(text)
}

pub(super) fn directive(directive: &str, arguments: Vec<(&str, Value)>) -> Node<Directive> {
    let argument =
        |(key, value): (&str, Value)| Node::new(Argument { name: name(key), value: Node::new(value) });
    let arguments = arguments.into_iter().map(argument).collect();
    Node::new(Directive { name: name(directive), arguments })
}

fn graph_value(graph: &str) -> Value {
    Value::Enum(name(graph))
}

/// `key`: the field set, never resolvable: only events graphs are written here.
pub(super) fn join_type(graph: &str, key: Option<&str>) -> Node<Directive> {
    let mut arguments = vec![("graph", graph_value(graph))];
    if let Some(key) = key {
        arguments.push(("key", Value::String(key.to_owned())));
        arguments.push(("resolvable", Value::Boolean(false)));
    }
    directive("join__type", arguments)
}

pub(super) fn join_field(graph: &str) -> Node<Directive> {
    directive("join__field", vec![("graph", graph_value(graph))])
}

pub(super) fn join_implements(graph: &str, interface: &str) -> Node<Directive> {
    let interface = Value::String(interface.to_owned());
    directive("join__implements", vec![("graph", graph_value(graph)), ("interface", interface)])
}

pub(super) fn join_union_member(graph: &str, member: &str) -> Node<Directive> {
    let member = Value::String(member.to_owned());
    directive("join__unionMember", vec![("graph", graph_value(graph)), ("member", member)])
}

pub(super) fn join_enum_value(graph: &str) -> Node<Directive> {
    directive("join__enumValue", vec![("graph", graph_value(graph))])
}

/// `@join__directive(graphs: [GRAPH], name: …, args: {…})`.
pub(super) fn join_directive(graph: &str, carried: &str, arguments: &[Node<Argument>]) -> Node<Directive> {
    let args = arguments.iter().map(|argument| (argument.name.clone(), argument.value.clone())).collect();
    directive(
        "join__directive",
        vec![
            ("graphs", Value::List(vec![Node::new(graph_value(graph))])),
            ("name", Value::String(carried.to_owned())),
            ("args", Value::Object(args)),
        ],
    )
}

/// The graph a join directive is about; v0.1 of fed-1 composers wrote none for "any".
pub(super) fn graph_of(directive: &Directive) -> Option<&str> {
    directive.specified_argument_by_name("graph")?.as_enum().map(|graph| graph.as_str())
}

/// The distinct graphs that the `@join__type`s of a definition name, in order.
pub(super) fn type_graphs(directives: &DirectiveList) -> Vec<String> {
    let mut graphs: Vec<String> = Vec::new();
    for graph in directives.get_all("join__type").filter_map(|directive| graph_of(directive)) {
        if !graphs.iter().any(|known| known == graph) {
            graphs.push(graph.to_owned());
        }
    }
    graphs
}

/// The graphs of a supergraph, in order.
pub(super) fn graphs(document: &Document) -> Vec<Graph> {
    let graphs = document.definitions.iter().find_map(|definition| match definition {
        Definition::EnumTypeDefinition(graphs) if graphs.name == "join__Graph" => Some(graphs),
        _ => None,
    });
    let graph = |value: &Node<apollo_compiler::ast::EnumValueDefinition>| {
        let join = value.directives.get("join__graph")?;
        let name = join.specified_argument_by_name("name")?.as_str()?.to_owned();
        Some(Graph { value: value.value.clone(), name })
    };
    graphs.map_or_else(Vec::new, |graphs| graphs.values.iter().filter_map(graph).collect())
}

/// The directives of a type definition, to change them.
pub(super) fn directives_mut(definition: &mut Definition) -> Option<&mut DirectiveList> {
    Some(match definition {
        Definition::ScalarTypeDefinition(node) => &mut node.make_mut().directives,
        Definition::ObjectTypeDefinition(node) => &mut node.make_mut().directives,
        Definition::InterfaceTypeDefinition(node) => &mut node.make_mut().directives,
        Definition::UnionTypeDefinition(node) => &mut node.make_mut().directives,
        Definition::EnumTypeDefinition(node) => &mut node.make_mut().directives,
        Definition::InputObjectTypeDefinition(node) => &mut node.make_mut().directives,
        _ => return None,
    })
}

/// The fields of an object or interface definition, to change them.
pub(super) fn fields_mut(definition: &mut Definition) -> Option<&mut Vec<Node<FieldDefinition>>> {
    Some(match definition {
        Definition::ObjectTypeDefinition(node) => &mut node.make_mut().fields,
        Definition::InterfaceTypeDefinition(node) => &mut node.make_mut().fields,
        _ => return None,
    })
}

/// The definition (no extension) of a type.
pub(super) fn find<'a>(document: &'a mut Document, name: &str) -> Option<&'a mut Definition> {
    let is_it = |definition: &&mut Definition| {
        !matches!(definition, Definition::DirectiveDefinition(_))
            && !definition.is_executable_definition()
            && definition.name().is_some_and(|known| known == name)
    };
    document.definitions.iter_mut().find(is_it)
}
