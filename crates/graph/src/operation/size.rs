//! How deep and how large a document is with its fragments followed.
//! Owns the measure; runs on validated documents only, whose fragments hold no cycle.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Selection, SelectionSet};
use std::collections::HashMap;

/// Depth of nested selections, and selections with every fragment written out. Both saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) depth: usize,
    pub(super) selections: usize,
}

pub(super) fn measure(document: &ExecutableDocument, set: &SelectionSet) -> Size {
    measure_set(document, set, &mut HashMap::new())
}

fn measure_set<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    known: &mut HashMap<&'a str, Size>,
) -> Size {
    let mut total = Size::default();
    for selection in &set.selections {
        let (below, levels) = match selection {
            Selection::Field(field) => (measure_set(document, &field.selection_set, known), 1),
            Selection::InlineFragment(fragment) => (measure_set(document, &fragment.selection_set, known), 0),
            Selection::FragmentSpread(spread) => {
                let name = spread.fragment_name.as_str();
                let size = known.get(name).copied().unwrap_or_else(|| {
                    let fragment = document.fragments.get(name);
                    fragment.map(|it| measure_set(document, &it.selection_set, known)).unwrap_or_default()
                });
                known.insert(name, size);
                (size, 0)
            }
        };
        total.depth = total.depth.max(below.depth + levels);
        total.selections = total.selections.saturating_add(below.selections).saturating_add(1);
    }
    total
}
