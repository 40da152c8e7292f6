//! A broker's payload → the value a subgraph would have returned for the same selection.
//! Owns aliases, `__typename` and ID coercion of payloads; never decides whether a payload is good.

use super::types::Types;
use super::{RewriteSegment, TypeNames, planner::ast};
use crate::Object;
use serde_json::Value;
use std::collections::HashMap;

/// What of a payload is carried into the response, and under which names.
#[derive(Debug)]
pub struct Carry {
    /// The type of an object without `__typename`; `None` for interfaces, unions and leaves.
    type_name: Option<String>,
    is_id: bool,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Typename { key: String },
    Field { name: String, key: String, carry: Carry },
    On { names: TypeNames, items: Vec<Item> },
}

/// Fragment name → type condition and selections, as the planner writes them.
pub(super) type Fragments<'a> = HashMap<&'a str, (&'a str, &'a ast::SelectionSet)>;

impl Carry {
    pub(super) fn compile(
        types: &Types,
        fragments: &Fragments<'_>,
        name: &str,
        set: &ast::SelectionSet,
    ) -> Carry {
        Carry {
            type_name: types.is_object(name).then(|| name.to_owned()),
            is_id: name == "ID",
            items: compile_items(types, fragments, name, set),
        }
    }

    /// Where types behind an interface or a union have fields of one response key and different types, the planner
    /// asks for them under made-up aliases and renames them in the answer. There is no answer here: the name
    /// is put right before the first event.
    pub(super) fn rename(&mut self, path: &[RewriteSegment], to: &str) {
        rename(&mut self.items, path, to);
    }

    /// The value under the names of the selection; members that were not asked for are left out.
    pub fn apply(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => Value::Array(items.iter().map(|item| self.apply(item)).collect()),
            Value::Object(members) if !self.items.is_empty() => self.apply_object(members),
            Value::Number(number) if self.is_id => Value::String(number.to_string()),
            other => other.clone(),
        }
    }

    pub(super) fn apply_object(&self, members: &Object) -> Value {
        let given = members.get("__typename").and_then(Value::as_str);
        let mut carried = Object::with_capacity(self.items.len());
        write(&self.items, given.or(self.type_name.as_deref()), members, &mut carried);
        Value::Object(carried)
    }
}

fn compile_items(
    types: &Types,
    fragments: &Fragments<'_>,
    parent: &str,
    set: &ast::SelectionSet,
) -> Vec<Item> {
    let on = |condition: &str, below| {
        let items = compile_items(types, fragments, condition, below);
        Item::On { names: types.names_meeting(condition), items }
    };
    let compiled = set.items.iter().filter_map(|selection| match selection {
        ast::SelectionItem::Field(field) => {
            let key = field.alias.as_ref().unwrap_or(&field.name).clone();
            if field.name == "__typename" {
                return Some(Item::Typename { key });
            }
            let facts = types.field(parent, &field.name);
            let name = facts.map_or("", |facts| facts.ty.inner_named_type().as_str());
            let carry = Carry::compile(types, fragments, name, &field.selections);
            Some(Item::Field { name: field.name.clone(), key, carry })
        }
        ast::SelectionItem::InlineFragment(fragment) => {
            Some(on(&fragment.type_condition, &fragment.selections))
        }
        ast::SelectionItem::FragmentSpread(name) => {
            fragments.get(name.as_str()).map(|(condition, below)| on(condition, below))
        }
    });
    compiled.collect()
}

fn rename(items: &mut [Item], path: &[RewriteSegment], to: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    for item in items {
        match (item, first) {
            (Item::Field { key, .. }, RewriteSegment::Key(name)) if rest.is_empty() && key == name => {
                *key = to.to_owned();
            }
            (Item::Field { key, carry, .. }, RewriteSegment::Key(name)) if key == name => {
                carry.rename(rest, to)
            }
            (Item::On { items, .. }, RewriteSegment::Key(_)) => rename(items, path, to),
            (Item::On { names, items }, RewriteSegment::On(wanted)) if !names.is_disjoint(wanted) => {
                rename(items, rest, to);
            }
            _ => {}
        }
    }
}

fn write(items: &[Item], type_name: Option<&str>, members: &Object, carried: &mut Object) {
    for item in items {
        match item {
            Item::Typename { key } => {
                if let Some(name) = type_name {
                    carried.insert(key.clone(), name.into());
                }
            }
            Item::Field { name, key, carry } => {
                let Some(value) = members.get(name).map(|value| carry.apply(value)) else { continue };
                match carried.get_mut(key) {
                    Some(known) => merge(known, value),
                    None => {
                        carried.insert(key.clone(), value);
                    }
                }
            }
            Item::On { names, items } => {
                if type_name.is_some_and(|name| names.contains(name)) {
                    write(items, type_name, members, carried);
                }
            }
        }
    }
}

/// Two selections of one response key carry one value: their members are put together.
fn merge(known: &mut Value, value: Value) {
    match (known, value) {
        (Value::Object(known), Value::Object(value)) => {
            for (key, member) in value {
                match known.get_mut(&key) {
                    Some(same) => merge(same, member),
                    None => {
                        known.insert(key, member);
                    }
                }
            }
        }
        (Value::Array(known), Value::Array(value)) => {
            for (same, item) in known.iter_mut().zip(value) {
                merge(same, item);
            }
        }
        _ => {}
    }
}
