//! Whether the arguments that a template reads exist on its field, into input objects too.
//! Owns that check; never reads values (a subscriber's arguments come later).

use super::catalog::{Catalog, Kind, did_you_mean};
use crate::diagnostic::Diagnostic;
use crate::template::{Part, Template};
use apollo_compiler::Node;
use apollo_compiler::ast::{FieldDefinition, InputValueDefinition};
use apollo_compiler::parser::SourceSpan;

/// What a template fills, and so whether a list fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// One text: where a message goes, its key, a header.
    Single,
    /// Subjects to subscribe to: a list becomes one for each item.
    Subjects,
    /// Values to compare with.
    Filter,
}

/// Reports every placeholder of the template that its field cannot fill.
pub(super) fn check(
    catalog: &Catalog,
    field: &FieldDefinition,
    template: &Template,
    place: Place,
    location: Option<SourceSpan>,
    found: &mut Vec<Diagnostic>,
) {
    for part in &template.parts {
        if let Part::Argument(path) = part
            && let Err((message, help)) = check_path(catalog, field, path, place)
        {
            let mut diagnostic = catalog.error(location, message);
            diagnostic.help = help;
            found.push(diagnostic);
        }
    }
}

type Refusal = (String, Option<String>);

fn check_path(
    catalog: &Catalog,
    field: &FieldDefinition,
    path: &[String],
    place: Place,
) -> Result<(), Refusal> {
    let (first, rest) = path.split_first().ok_or_else(|| ("a placeholder names nothing".to_owned(), None))?;
    let mut input = find(&field.arguments, first).ok_or_else(|| {
        let message = format!("`{}` has no argument `{first}`", field.name);
        (message, suggest(&field.arguments, first))
    })?;
    let mut seen = first.clone();
    for name in rest {
        let inner = input.ty.inner_named_type();
        let object = catalog.types.get(inner.as_str()).filter(|entry| entry.kind == Kind::Input);
        let object = object.filter(|_| input.ty.is_named()).ok_or_else(|| {
            (format!("argument `{seen}` is `{}` and has no field `{name}`", input.ty), None)
        })?;
        input = object.input(name).ok_or_else(|| {
            let message = format!("argument `{seen}` (`{inner}`) has no field `{name}`");
            (message, suggest(&object.inputs, name))
        })?;
        seen = format!("{seen}.{name}");
    }
    check_leaf(catalog, input, &seen, place)
}

fn check_leaf(
    catalog: &Catalog,
    input: &InputValueDefinition,
    seen: &str,
    place: Place,
) -> Result<(), Refusal> {
    let leaf = catalog.types.get(input.ty.inner_named_type().as_str());
    if let Some(object) = leaf.filter(|entry| entry.kind == Kind::Input) {
        let fields: Vec<_> = object.inputs.iter().map(|field| format!("{seen}.{}", field.name)).collect();
        let help = format!("name one of its fields: {}", fields.join(", "));
        return Err((format!("argument `{seen}` is an object, not a single value"), Some(help)));
    }
    match (place, input.ty.is_list(), input.ty.item_type().is_list()) {
        (Place::Single, true, _) => {
            let help = "a list can fill filters and the subjects of a subscription".to_owned();
            Err((format!("argument `{seen}` is a list, and one value is needed here"), Some(help)))
        }
        (Place::Subjects | Place::Filter, true, true) => {
            Err((format!("argument `{seen}` is a list of lists"), None))
        }
        _ => Ok(()),
    }
}

fn find<'a>(inputs: &'a [Node<InputValueDefinition>], name: &str) -> Option<&'a Node<InputValueDefinition>> {
    inputs.iter().find(|input| input.name == name)
}

fn suggest(inputs: &[Node<InputValueDefinition>], name: &str) -> Option<String> {
    did_you_mean(name, inputs.iter().map(|input| input.name.as_str())).or_else(|| {
        let known: Vec<_> = inputs.iter().map(|input| format!("`{}`", input.name)).collect();
        (!known.is_empty()).then(|| format!("it has {}", known.join(", ")))
    })
}
