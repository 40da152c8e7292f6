//! Whether every type that a subgraph names exists in it and every interface is kept.
//! Owns the check that must come before composition (an unknown type makes the composer panic).

use crate::diagnostic::Diagnostic;
use crate::events::catalog::{BUILT_IN, Catalog, Kind, Type, did_you_mean};
use crate::events::dialect::{PUBLISH_RESULT, is_reserved};
use apollo_compiler::Name;
use apollo_compiler::ast::FieldDefinition;

/// Reports every name that leads nowhere.
pub(super) fn check(catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    let mut seen = Vec::new();
    for entry in catalog.types.values().filter(|entry| !is_reserved(&entry.name)) {
        for field in &entry.fields {
            seen.push((field.ty.inner_named_type(), format!("{}.{}", entry.name, field.name)));
            for argument in &field.arguments {
                let coordinate = format!("{}.{}({}:)", entry.name, field.name, argument.name);
                seen.push((argument.ty.inner_named_type(), coordinate));
            }
        }
        for input in &entry.inputs {
            seen.push((input.ty.inner_named_type(), format!("{}.{}", entry.name, input.name)));
        }
        for name in entry.members.iter().chain(&entry.interfaces) {
            seen.push((name, entry.name.to_string()));
        }
        check_interfaces(catalog, entry, found);
    }
    found.extend(seen.into_iter().filter_map(|(name, coordinate)| unknown(catalog, name, &coordinate)));
}

fn unknown(catalog: &Catalog, name: &Name, coordinate: &str) -> Option<Diagnostic> {
    // Federation's own scalars and `_Any` may be used without being declared; the composer knows them.
    let is_known = catalog.types.contains_key(name.as_str())
        || BUILT_IN.contains(&name.as_str())
        || name == PUBLISH_RESULT
        || name.starts_with('_')
        || name.contains("__");
    (!is_known).then(|| {
        let mut diagnostic =
            catalog.error(name.location(), format!("`{coordinate}` names `{name}`, which is not declared"));
        diagnostic.help = did_you_mean(name, catalog.types.keys().map(String::as_str))
            .or_else(|| Some(format!("declare `{name}` in this schema")));
        diagnostic
    })
}

fn check_interfaces(catalog: &Catalog, entry: &Type, found: &mut Vec<Diagnostic>) {
    for name in &entry.interfaces {
        let Some(interface) = catalog.types.get(name.as_str()) else { continue };
        if interface.kind != Kind::Interface {
            found.push(catalog.error(name.location(), format!("`{name}` is no interface")));
        }
        let lacks = |field: &&FieldDefinition| entry.field(&field.name).is_none();
        for field in interface.fields.iter().map(|field| field.as_ref()).filter(lacks) {
            let message = format!("`{}` implements `{name}` but has no field `{}`", entry.name, field.name);
            let help = format!("add `{}: {}`", field.name, field.ty);
            found.push(catalog.error(entry.name.location(), message).help(help));
        }
    }
}
