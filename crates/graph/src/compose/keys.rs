//! Whether an HTTP subgraph can be asked for what an event does not carry.
//! Owns that question for one type; never plans.

use super::join;
use crate::diagnostic::Diagnostic;
use crate::events::catalog::{Catalog, Type};
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Directive, FieldDefinition};

/// What is to be said of a type whose other fields no subgraph can be asked for: an error where a key would do, a
/// warning where it is a part of a value type. `definition` is the supergraph's, before merging.
pub(super) fn check(catalog: &Catalog, entry: &Type, definition: &Definition) -> Option<Diagnostic> {
    let Definition::ObjectTypeDefinition(object) = definition else { return None };
    let lacks = |field: &&Node<FieldDefinition>| entry.field(&field.name).is_none();
    let missing: Vec<_> =
        object.fields.iter().filter(lacks).map(|field| format!("`{}`", field.name)).collect();
    let keys = resolvable_keys(&object.directives);
    if missing.is_empty() || keys.iter().any(|key| covers(catalog, entry, key)) {
        return None;
    }
    let name = &entry.name;
    let message =
        format!("no subgraph can be asked for {} of `{name}` with what an event carries", missing.join(", "));
    let (diagnostic, help) = match keys.first() {
        Some(key) => {
            let help =
                format!("declare its key here: `type {name} @key(fields: \"{key}\", resolvable: false)`");
            (Diagnostic::error(message), help)
        }
        None => {
            let help = format!("add `@key` to `{name}` in a subgraph, or declare all its fields here");
            (Diagnostic::warning(message), help)
        }
    };
    Some(diagnostic.at(catalog.span(entry.name.location())).help(help))
}

/// Whether a subgraph resolves the entity by a key that the events schema declares; `directives` are the supergraph's.
pub(super) fn can_be_asked(catalog: &Catalog, entry: &Type, directives: &[Node<Directive>]) -> bool {
    resolvable_keys(directives).iter().any(|key| covers(catalog, entry, key))
}

/// The keys an events schema writes must be made of fields it declares.
pub(super) fn check_own(catalog: &Catalog, entry: &Type, found: &mut Vec<Diagnostic>) {
    for directive in entry.directives.iter().filter(|directive| directive.name == "key") {
        let fields = directive.specified_argument_by_name("fields").and_then(|fields| fields.as_str());
        if !fields.is_some_and(|fields| covers(catalog, entry, fields)) {
            let message =
                format!("the key `{}` names a field that `{}` lacks", fields.unwrap_or_default(), entry.name);
            let help = "declare every key field in this schema: the event carries them";
            found.push(catalog.error(directive.location(), message).help(help));
        }
    }
}

/// The field sets of an entity's keys in an events schema.
pub(super) fn own(entry: &Type) -> Vec<String> {
    let keys = entry.directives.iter().filter(|directive| directive.name == "key");
    let fields = keys.filter_map(|key| key.specified_argument_by_name("fields")?.as_str().map(str::to_owned));
    fields.collect()
}

fn resolvable_keys(directives: &[Node<Directive>]) -> Vec<String> {
    let key = |join: &Node<Directive>| {
        let resolvable = join.specified_argument_by_name("resolvable").and_then(|value| value.to_bool());
        let key = join.specified_argument_by_name("key")?.as_str()?.to_owned();
        (resolvable != Some(false)).then_some(key)
    };
    let joins = directives.iter().filter(|directive| directive.name == "join__type");
    joins.filter(|join| join::graph_of(join).is_some()).filter_map(key).collect()
}

/// Whether the events schema declares every field of a key: `id`, `id tag`, `id org { id }`.
fn covers(catalog: &Catalog, entry: &Type, key: &str) -> bool {
    let spaced = key.replace('{', " { ").replace('}', " } ").replace(',', " ");
    let mut open: Vec<&Type> = vec![entry];
    let mut last: Option<&str> = None;
    for token in spaced.split_whitespace() {
        match (token, last.take(), open.last()) {
            ("{", Some(named), _) => match catalog.types.get(named) {
                Some(inner) => open.push(inner),
                None => return false,
            },
            ("}", _, Some(_)) => {
                open.pop();
            }
            (name, _, Some(parent)) => match parent.field(name) {
                Some(field) => last = Some(field.ty.inner_named_type().as_str()),
                None if name == "__typename" => {}
                None => return false,
            },
            _ => return false,
        }
    }
    open.len() == 1
}
