//! Aliases that would make one field pass for another where entities are asked for.
//! Owns that refusal; what representations are made of is `plan::types`'.

use crate::error::{Code, GraphqlError};
use crate::plan::Types;
use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};

/// Refuses an alias that is the name of a key (or of what a `@requires` names) of the same object. The planner asks for
/// both under one name, so the client would choose which entity is resolved: `{ id: note total }` reads the total of
/// whatever order the note names.
pub(super) fn hold_aliases(
    types: &Types,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), Vec<GraphqlError>> {
    let mut refusals = Vec::new();
    check(types, &operation.selection_set, &mut refusals);
    for fragment in document.fragments.values() {
        check(types, &fragment.selection_set, &mut refusals);
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn check(types: &Types, set: &SelectionSet, refusals: &mut Vec<GraphqlError>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => {
                let alias = field.alias.as_ref().filter(|alias| **alias != field.name);
                let hides = |alias: &str| alias == "__typename" || types.is_hidden_by(&set.ty, alias);
                if let Some(alias) = alias.filter(|alias| hides(alias)) {
                    let (name, parent) = (&field.name, &set.ty);
                    let message = format!(
                        "the alias `{alias}` of `{parent}.{name}` is the name of a field that identifies the \
                         object: choose another"
                    );
                    refusals.push(GraphqlError::new(Code::GraphqlValidationFailed, message));
                }
                check(types, &field.selection_set, refusals);
            }
            Selection::InlineFragment(fragment) => check(types, &fragment.selection_set, refusals),
            Selection::FragmentSpread(_) => {}
        }
    }
}
