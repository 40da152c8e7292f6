//! Selections that mix what an entity's key holds with what it does not, taken apart for the planner: it goes by no
//! key that overlaps with what it looks for, so that `org { code title }` has no plan under the key `id org { code }`,
//! and `org { code } org { title }` has. Owns that rewriting; never changes what is asked for.

use super::ast::{FieldSelection, InlineFragmentSelection as InlineFragment, SelectionItem, SelectionSet};
use std::collections::{BTreeMap, HashMap};

/// The fields of a type's keys that have fields below them, for all types that have such.
#[derive(Debug, Default)]
pub(super) struct NestedKeys(HashMap<String, Fields>);

/// Fields with what is below them in some key.
#[derive(Debug, Default)]
struct Fields(BTreeMap<String, Fields>);

impl NestedKeys {
    /// From pairs of a type's name and the field set of one of its keys.
    pub(super) fn read<'a>(keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> NestedKeys {
        let mut types: HashMap<String, Fields> = HashMap::new();
        for (name, key) in keys.into_iter().filter(|(_, key)| key.contains('{')) {
            let spaced = key.replace('{', " { ").replace('}', " } ").replace(',', " ");
            types.entry(name.to_owned()).or_default().read(&mut spaced.split_whitespace().peekable());
        }
        NestedKeys(types)
    }

    /// Takes every such selection apart; `field_type` knows the type of a field of a type.
    pub(super) fn split(
        &self,
        set: &mut SelectionSet,
        type_name: &str,
        field_type: &impl Fn(&str, &str) -> Option<String>,
    ) {
        if self.0.is_empty() {
            return;
        }
        let items = std::mem::take(&mut set.items);
        for mut item in items {
            match &mut item {
                SelectionItem::Field(field) => {
                    if let Some(inner) = field_type(type_name, &field.name) {
                        self.split(&mut field.selections, &inner, field_type);
                    }
                }
                SelectionItem::InlineFragment(fragment) => {
                    self.split(&mut fragment.selections, &fragment.type_condition, field_type);
                }
                SelectionItem::FragmentSpread(_) => {}
            }
            match (&item, self.0.get(type_name)) {
                (SelectionItem::Field(field), Some(keys)) => set.items.extend(keys.apart(field)),
                _ => set.items.push(item),
            }
        }
    }
}

impl Fields {
    fn read<'a>(&mut self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) {
        while let Some(name) = words.next().filter(|word| *word != "}") {
            let below = self.0.entry(name.to_owned()).or_default();
            if words.next_if_eq(&"{").is_some() {
                below.read(words);
            }
        }
    }

    /// The field once for each part of its selection.
    fn apart(&self, field: &FieldSelection) -> Vec<SelectionItem> {
        let parts = match self.0.get(&field.name) {
            Some(below) if !below.0.is_empty() => below.parts(&field.selections),
            _ => Vec::new(),
        };
        match parts.len() {
            0 | 1 => vec![SelectionItem::Field(field.clone())],
            _ => {
                let with = |items| FieldSelection { selections: SelectionSet { items }, ..field.clone() };
                parts.into_iter().map(|items| SelectionItem::Field(with(items))).collect()
            }
        }
    }

    /// Each field of a key by itself, then all that is in none.
    fn parts(&self, set: &SelectionSet) -> Vec<Vec<SelectionItem>> {
        let (mut parts, mut others) = (Vec::new(), Vec::new());
        for item in &set.items {
            match item {
                SelectionItem::Field(field) if self.0.contains_key(&field.name) => {
                    parts.extend(self.apart(field).into_iter().map(|part| vec![part]));
                }
                SelectionItem::InlineFragment(fragment) => {
                    let with = |items| {
                        let selections = SelectionSet { items };
                        SelectionItem::InlineFragment(InlineFragment { selections, ..fragment.clone() })
                    };
                    parts.extend(self.parts(&fragment.selections).into_iter().map(|items| vec![with(items)]));
                }
                other => others.push(other.clone()),
            }
        }
        parts.extend((!others.is_empty()).then_some(others));
        parts
    }
}
