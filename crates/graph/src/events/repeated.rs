//! What is given twice where GraphQL takes it once: the second would be dropped without a word, a filter with it.
//! Owns finding and telling it; never knows which names are right.

use super::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

const HELP: &str = "leave one of them out";

/// Reports the arguments that a directive has twice.
pub(super) fn check_arguments(catalog: &Catalog, directive: &Directive, found: &mut Vec<Diagnostic>) {
    let names = directive.arguments.iter().map(|argument| (&argument.name, argument.location()));
    for (name, at) in again(names.collect()) {
        let message = format!("`{name}` is given twice to `@{}`", directive.name);
        found.push(catalog.error(at, message).help(HELP));
    }
}

/// Reports the fields that an input object has twice; `of` is what messages call the object.
pub(super) fn check_fields(
    catalog: &Catalog,
    of: &str,
    fields: &[(Name, Node<Value>)],
    found: &mut Vec<Diagnostic>,
) {
    let names = fields.iter().map(|(name, value)| (name, name.location().or(value.location())));
    for (name, at) in again(names.collect()) {
        found.push(catalog.error(at, format!("`{name}` is given twice in `{of}`")).help(HELP));
    }
}

type Placed<'a> = (&'a Name, Option<SourceSpan>);

/// The names that were there before, each at its later place.
fn again(names: Vec<Placed<'_>>) -> Vec<Placed<'_>> {
    let known =
        |(at, (name, _)): &(usize, Placed<'_>)| names[..*at].iter().any(|(earlier, _)| earlier == name);
    let later = names.iter().copied().enumerate().filter(known);
    later.map(|(_, placed)| placed).collect()
}
