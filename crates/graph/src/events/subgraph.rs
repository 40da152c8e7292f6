//! An events subgraph read whole: its types and its bindings, or every problem at once.
//! Owns what must hold for all of it; one field's rules are `field`'s.

use super::catalog::{Catalog, Kind};
use super::field::Field;
use super::{Binding, Root, dialect};
use crate::diagnostic::{Diagnostic, Severity};
use crate::template::{Part, Template};

/// An events subgraph.
#[derive(Debug)]
pub(crate) struct EventsSubgraph {
    pub(crate) name: String,
    pub(crate) catalog: Catalog,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Reads an events subgraph; `origin` is what spans call its source.
pub(crate) fn read(name: &str, origin: &str, sdl: &str) -> Result<EventsSubgraph, Vec<Diagnostic>> {
    let mut catalog = Catalog::parse(origin, sdl)?;
    catalog.drop_placeholders(dialect::is_meant);
    let (mut bindings, mut found, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for root in Root::ALL {
        let fields = catalog.root(root).map_or(&[][..], |entry| entry.fields.as_slice());
        for definition in fields {
            if !dialect::is_tied(&definition.directives) {
                found.push(
                    catalog
                        .error(
                            definition.location(),
                            format!("`{}.{}` has no event directive", root.as_str(), definition.name),
                        )
                        .help("every root field of an events subgraph needs one: no server answers for it"),
                );
            }
            let directives = &definition.directives;
            bindings.extend(
                Field { catalog: &catalog, root, definition, directives, subgraph: name }.read(&mut found),
            );
        }
    }
    check_placement(&catalog, &mut found);
    check_result(&catalog, &mut found);
    check_concrete(&catalog, &mut found);
    warn_of_keys(&catalog, &mut warnings);
    bindings.iter().for_each(|binding| warn_of_open_subjects(&catalog, binding, &mut warnings));
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(found);
    }
    warnings.append(&mut found);
    Ok(EventsSubgraph { name: name.to_owned(), catalog, bindings, warnings })
}

fn check_placement(catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    for entry in catalog.types.values().filter(|entry| !catalog.is_root(&entry.name)) {
        for field in &entry.fields {
            for directive in field.directives.iter().filter(|directive| dialect::is_word(&directive.name)) {
                let message =
                    format!("`@{}` on `{}.{}` has no effect", directive.name, entry.name, field.name);
                let help = "event directives go on fields of Query, Mutation and Subscription";
                found.push(catalog.error(directive.location(), message).help(help));
            }
        }
    }
}

fn check_result(catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    let Some(entry) = catalog.types.get(dialect::PUBLISH_RESULT) else { return };
    let success = entry.field("success").filter(|field| field.ty.to_string() == "Boolean!");
    if entry.kind != Kind::Object || success.is_none() || entry.fields.len() != 1 {
        let message = "`edfs__PublishResult` differs from what the router answers";
        let help = "write `type edfs__PublishResult { success: Boolean! }`, or leave it out";
        found.push(catalog.error(entry.name.location(), message).help(help));
    }
}

/// An event is of a type that it names; the planner would have to ask for it first.
fn check_concrete(catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    for entry in catalog.types.values() {
        let names = ["interfaceObject", "federation__interfaceObject"];
        let Some(directive) = names.iter().find_map(|name| entry.directive(name)) else { continue };
        let message = format!("`@interfaceObject` on `{}`: an event is of one object type", entry.name);
        let help = "declare the interface and the object types that events hold";
        found.push(catalog.error(directive.location(), message).help(help));
    }
}

/// A subject that begins with an argument lets the client choose among everything of that shape,
/// the broker's own subjects (`$JS.…`) included.
fn warn_of_open_subjects(catalog: &Catalog, binding: &Binding, warnings: &mut Vec<Diagnostic>) {
    let field = catalog.root(binding.root).and_then(|entry| entry.field(&binding.field));
    let span = field.and_then(|field| catalog.span(field.name.location()));
    let is_open = |subject: &&Template| matches!(subject.parts.first(), Some(Part::Argument(_)));
    for subject in binding.subjects.iter().filter(is_open) {
        let message = format!("the client chooses how `{subject}` begins, and so whose events it is");
        let help = "begin with fixed text, as in `orders.{{ args.id }}`";
        warnings.push(Diagnostic::warning(message).at(span.clone()).help(help));
    }
}

fn warn_of_keys(catalog: &Catalog, warnings: &mut Vec<Diagnostic>) {
    for entry in catalog.types.values() {
        for key in entry.directives.iter().filter(|directive| directive.name == "key") {
            let resolvable = key.specified_argument_by_name("resolvable").and_then(|value| value.to_bool());
            if resolvable != Some(false) {
                let message = format!("`@key` of `{}` is taken as `resolvable: false`", entry.name);
                let help = "write `resolvable: false`: a broker cannot be asked for an entity";
                warnings.push(Diagnostic::warning(message).at(catalog.span(key.location())).help(help));
            }
        }
    }
}
