//! The machinery of a supergraph document: directive definitions, links, root operation types.
//! Owns what must be declared before a directive may be used; never touches the API's own types.

use super::join;
use crate::diagnostic::Diagnostic;
use crate::events::Root;
use crate::events::catalog::{self, root_of};
use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, EnumValueDefinition, FieldDefinition, InputValueDefinition,
    OperationType, SchemaDefinition, Value,
};

const JOIN: &str = "
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments)
  repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
scalar join__DirectiveArguments
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
";

const LINK: &str = "
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
";

/// A directive of a subgraph that the supergraph keeps, with what it needs there.
#[derive(Debug)]
pub(super) struct Kept {
    name: &'static str,
    link: Option<(&'static str, Option<&'static str>)>,
    definitions: &'static str,
}

const fn kept(name: &'static str, url: &'static str, security: bool, definitions: &'static str) -> Kept {
    Kept { name, link: Some((url, if security { Some("SECURITY") } else { None })), definitions }
}

const KEPT: [Kept; 6] = [
    Kept { name: "deprecated", link: None, definitions: "" },
    kept(
        "inaccessible",
        "https://specs.apollo.dev/inaccessible/v0.2",
        true,
        "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION \
         | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    ),
    kept(
        "tag",
        "https://specs.apollo.dev/tag/v0.3",
        false,
        "directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION \
         | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA",
    ),
    kept(
        "authenticated",
        "https://specs.apollo.dev/authenticated/v0.1",
        true,
        "directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM",
    ),
    kept(
        "requiresScopes",
        "https://specs.apollo.dev/requiresScopes/v0.1",
        true,
        "scalar requiresScopes__Scope
         directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT \
         | INTERFACE | SCALAR | ENUM",
    ),
    kept(
        "policy",
        "https://specs.apollo.dev/policy/v0.1",
        true,
        "scalar policy__Policy
         directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE \
         | SCALAR | ENUM",
    ),
];

/// The kept directive of that name, with or without the prefix that an unimported name has.
pub(super) fn kept_as(name: &str) -> Option<&'static Kept> {
    let plain = name.strip_prefix("federation__").unwrap_or(name);
    KEPT.iter().find(|kept| kept.name == plain)
}

impl Kept {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// Whether a name belongs to the federation machinery, not to the API.
pub(super) fn is_machinery(name: &str) -> bool {
    let prefixes = ["join__", "link__", "core__", "federation__", "requiresScopes__", "policy__", "_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || name == "FieldSet"
}

/// What a document needs to be a supergraph at all.
pub(super) fn check(document: &Document) -> Vec<Diagnostic> {
    let help = "give the SDL that a federation 2 composer writes (`tidegate compose`, rover, Hive)";
    let has = |name: &str| {
        document.definitions.iter().any(|definition| definition.name().is_some_and(|known| known == name))
    };
    let missing = ["join__Graph", "join__type", "join__field"].into_iter().filter(|name| !has(name));
    missing
        .map(|name| Diagnostic::error(format!("this is no supergraph: `{name}` is not declared")).help(help))
        .collect()
}

/// Declares the join directives that events need, where the composer had no use for them.
pub(super) fn declare_join(document: &mut Document) {
    declare(document, JOIN);
}

/// Declares and links a kept directive.
pub(super) fn declare_kept(document: &mut Document, kept: &Kept) {
    let Some((url, purpose)) = kept.link else { return };
    declare(document, kept.definitions);
    let schema = schema_mut(document);
    let version = url.rfind('/').unwrap_or(url.len());
    let is_linked = schema.directives.get_all("link").any(|link| {
        let known = link.specified_argument_by_name("url").and_then(|known| known.as_str());
        known.is_some_and(|known| known.starts_with(&url[..version]))
    });
    if is_linked {
        return;
    }
    let mut arguments = vec![("url", Value::String(url.to_owned()))];
    arguments.extend(purpose.map(|purpose| ("for", Value::Enum(join::name(purpose)))));
    schema.directives.push(join::directive("link", arguments));
}

/// Declares and links every kept directive that the document uses: the composer carries `@authenticated` over
/// but without its link no reader takes it for the directive that guards a field.
pub(super) fn declare_used(document: &mut Document) {
    declare(document, LINK);
    let is_used = |kept: &&Kept| document.definitions.iter().any(|definition| uses(definition, kept.name));
    let used: Vec<&Kept> = KEPT.iter().filter(is_used).collect();
    used.into_iter().for_each(|kept| declare_kept(document, kept));
}

fn uses(definition: &Definition, name: &str) -> bool {
    let inputs =
        |inputs: &[Node<InputValueDefinition>]| inputs.iter().any(|input| input.directives.has(name));
    let fields = |fields: &[Node<FieldDefinition>]| {
        fields.iter().any(|field| field.directives.has(name) || inputs(&field.arguments))
    };
    definition.directives().has(name)
        || match definition {
            Definition::ObjectTypeDefinition(node) => fields(&node.fields),
            Definition::InterfaceTypeDefinition(node) => fields(&node.fields),
            Definition::InputObjectTypeDefinition(node) => inputs(&node.fields),
            Definition::EnumTypeDefinition(node) => {
                node.values.iter().any(|value| value.directives.has(name))
            }
            _ => false,
        }
}

fn declare(document: &mut Document, definitions: &str) {
    let parsed = catalog::parse("built in", definitions).expect("our own definitions parse");
    for definition in parsed.definitions {
        let same = |known: &Definition| known.name() == definition.name();
        if !document.definitions.iter().any(same) {
            let machinery = |known: &Definition| {
                matches!(known, Definition::DirectiveDefinition(_) | Definition::SchemaDefinition(_))
            };
            let at = document.definitions.iter().take_while(|known| machinery(known)).count();
            document.definitions.insert(at, definition);
        }
    }
}

/// Lets the join directives be repeated, as the join spec has them.
pub(super) fn make_repeatable(document: &mut Document) {
    let once = ["join__graph", "join__owner"];
    for definition in &mut document.definitions {
        if let Definition::DirectiveDefinition(node) = definition
            && node.name.starts_with("join__")
            && !once.contains(&node.name.as_str())
        {
            node.make_mut().repeatable = true;
        }
    }
}

/// The name of a root type in the supergraph; `None` where it has no such root.
pub(super) fn root_name(document: &Document, root: Root) -> Option<String> {
    let operations = document.definitions.iter().find_map(|definition| match definition {
        Definition::SchemaDefinition(schema) => Some(&schema.root_operations),
        _ => None,
    });
    match operations {
        Some(operations) => {
            let named = operations.iter().find(|operation| root_of(operation.0) == root);
            named.map(|operation| operation.1.to_string())
        }
        None => {
            let is_it = |definition: &Definition| definition.name().is_some_and(|name| name == root.as_str());
            document.definitions.iter().any(is_it).then(|| root.as_str().to_owned())
        }
    }
}

/// Names a root type in the schema block.
pub(super) fn declare_root(document: &mut Document, root: Root) {
    let operation = match root {
        Root::Query => OperationType::Query,
        Root::Mutation => OperationType::Mutation,
        Root::Subscription => OperationType::Subscription,
    };
    let schema = schema_mut(document);
    if !schema.root_operations.iter().any(|known| known.0 == operation) {
        schema.root_operations.push(Node::new((operation, join::name(root.as_str()))));
    }
}

/// Takes a root type's name out of the schema block.
pub(super) fn withdraw_root(document: &mut Document, root: Root) {
    schema_mut(document).root_operations.retain(|operation| root_of(operation.0) != root);
}

fn schema_mut(document: &mut Document) -> &mut SchemaDefinition {
    let is_schema = |definition: &Definition| matches!(definition, Definition::SchemaDefinition(_));
    if !document.definitions.iter().any(is_schema) {
        let named = |root: &Root| root_name(document, *root).is_some();
        let roots: Vec<Root> = Root::ALL.into_iter().filter(named).collect();
        let empty = SchemaDefinition {
            description: None,
            directives: DirectiveList::new(),
            root_operations: Vec::new(),
        };
        document.definitions.insert(0, Definition::SchemaDefinition(Node::new(empty)));
        roots.into_iter().for_each(|root| declare_root(document, root));
    }
    let schema = document.definitions.iter_mut().find_map(|definition| match definition {
        Definition::SchemaDefinition(schema) => Some(schema.make_mut()),
        _ => None,
    });
    schema.expect("it was inserted above where it was missing")
}

/// Adds a graph without an address and returns its value in `join__Graph`.
pub(super) fn declare_graph(document: &mut Document, name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut stem: String = name.chars().map(upper).collect();
    if !stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
        stem.insert(0, '_');
    }
    let graphs = join::graphs(document);
    let taken = |value: &String| graphs.iter().any(|graph| graph.value == value.as_str());
    let numbered = (2..).map(|number| format!("{stem}_{number}"));
    let value = std::iter::once(stem.clone()).chain(numbered).find(|value| !taken(value)).unwrap_or(stem);
    if let Some(Definition::EnumTypeDefinition(node)) = join::find(document, "join__Graph") {
        // `url` is `String!` in the join spec, so "no address" is the empty text.
        let arguments = vec![("name", Value::String(name.to_owned())), ("url", Value::String(String::new()))];
        let mut directives = DirectiveList::new();
        directives.push(join::directive("join__graph", arguments));
        let value = EnumValueDefinition { description: None, value: join::name(&value), directives };
        node.make_mut().values.push(Node::new(value));
    }
    value
}
