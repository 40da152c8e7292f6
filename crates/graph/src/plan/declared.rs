//! What an events subgraph declares about its payloads: keys and field types, as far as one root field
//! reaches.
//! Owns the judgement of a payload against them; never changes a payload.

use super::fault::EventFault;
use super::types::Types;
use crate::Object;
use crate::scalar::{Scalar, ScalarKind};
use apollo_compiler::ast::Type;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// Faults told about one payload; one is enough to find the publisher, a hostile payload could hold a
/// million.
const FAULTS_MAX: usize = 16;

/// The types that one root field's payload can hold.
#[derive(Debug)]
pub(super) struct Declared {
    named: HashMap<String, Named>,
}

#[derive(Debug)]
enum Named {
    Leaf(Leaf),
    Object { key: Vec<KeyField>, fields: Vec<(String, Type)> },
    Abstract(BTreeSet<String>),
}

#[derive(Debug, Clone)]
enum Leaf {
    Int,
    Float,
    Text,
    Boolean,
    Id,
    Enum(BTreeSet<String>),
    Any,
}

#[derive(Debug)]
struct KeyField {
    name: String,
    kind: ScalarKind,
    below: Vec<KeyField>,
}

impl Declared {
    /// Everything reachable from `root` in the events subgraph called `graph` (its `join__Graph` value).
    pub(super) fn reach(types: &Types, graph: &str, root: &str) -> Declared {
        let mut declared = Declared { named: HashMap::new() };
        let mut open = vec![root.to_owned()];
        while let Some(name) = open.pop() {
            if declared.named.contains_key(&name) {
                continue;
            }
            let named = if types.is_abstract(&name) {
                let members = types.possible(&name);
                let here: BTreeSet<_> =
                    members.into_iter().filter(|member| types.declares(member, graph)).collect();
                open.extend(here.iter().cloned());
                Named::Abstract(here)
            } else if types.is_object(&name) {
                let fields = types.declared_fields(&name, graph);
                let fields: Vec<_> = fields.map(|(field, ty)| (field.to_owned(), ty.clone())).collect();
                open.extend(fields.iter().map(|(_, ty)| ty.inner_named_type().to_string()));
                let key = types.key(&name, graph).map(|set| read_key(types, &name, set)).unwrap_or_default();
                Named::Object { key, fields }
            } else {
                Named::Leaf(leaf(types, &name))
            };
            declared.named.insert(name, named);
        }
        declared
    }

    /// Checks the members of an object of a known type.
    pub(super) fn check(&self, type_name: &str, members: &Object, faults: &mut Vec<EventFault>) {
        self.check_object(type_name, members, "", faults);
    }

    fn check_object(&self, type_name: &str, members: &Object, path: &str, faults: &mut Vec<EventFault>) {
        let Some(Named::Object { key, fields }) = self.named.get(type_name) else { return };
        let missing = missing_keys(key, members, path);
        for (name, ty) in fields {
            let Some(value) = members.get(name) else { continue };
            let place = join(path, name);
            // A key that is null is a missing key, and told as that.
            let told = value.is_null() && missing.contains(&place);
            if !told && faults.len() < FAULTS_MAX {
                self.check_value(ty, value, &place, faults);
            }
        }
        faults.extend(missing.into_iter().map(EventFault::KeyMissing));
    }

    fn check_value(&self, ty: &Type, value: &Value, path: &str, faults: &mut Vec<EventFault>) {
        let wrong = || EventFault::WrongType(path.to_owned());
        match (ty, value) {
            (Type::Named(_) | Type::List(_), Value::Null) => {}
            (Type::NonNullNamed(_) | Type::NonNullList(_), Value::Null) => faults.push(wrong()),
            (Type::List(item) | Type::NonNullList(item), Value::Array(values)) => {
                for value in values {
                    if faults.len() >= FAULTS_MAX {
                        return;
                    }
                    self.check_value(item, value, path, faults);
                }
            }
            (Type::List(_) | Type::NonNullList(_), _) => faults.push(wrong()),
            (Type::Named(name) | Type::NonNullNamed(name), value) => {
                match (self.named.get(name.as_str()), value) {
                    (Some(Named::Leaf(leaf)), value) if !leaf.fits(value) => faults.push(wrong()),
                    (Some(Named::Leaf(_)) | None, _) => {}
                    (Some(Named::Object { .. }), Value::Object(members)) => {
                        self.check_object(name, members, path, faults);
                    }
                    (Some(Named::Abstract(possible)), Value::Object(members)) => {
                        match members.get("__typename").and_then(Value::as_str) {
                            Some(name) if possible.contains(name) => {
                                self.check_object(name, members, path, faults);
                            }
                            _ => faults.push(EventFault::WrongType(join(path, "__typename"))),
                        }
                    }
                    _ => faults.push(wrong()),
                }
            }
        }
    }

    /// The key fields of an object as canonical text; `None` where it has no key, or lacks a part of it.
    pub(super) fn entity_key(&self, type_name: &str, members: &Object) -> Option<String> {
        let Some(Named::Object { key, .. }) = self.named.get(type_name) else { return None };
        if key.is_empty() {
            return None;
        }
        let mut text = type_name.to_owned();
        write_key(key, members, &mut text)?;
        Some(text)
    }
}

impl Leaf {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Leaf::Int => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Leaf::Float => value.is_number(),
            Leaf::Text => value.is_string(),
            Leaf::Boolean => value.is_boolean(),
            Leaf::Id => value.is_string() || value.is_i64() || value.is_u64(),
            Leaf::Enum(values) => value.as_str().is_some_and(|name| values.contains(name)),
            Leaf::Any => true,
        }
    }
}

fn leaf(types: &Types, name: &str) -> Leaf {
    match name {
        "Int" => Leaf::Int,
        "Float" => Leaf::Float,
        "String" => Leaf::Text,
        "Boolean" => Leaf::Boolean,
        "ID" => Leaf::Id,
        _ => types.enum_values(name).map_or(Leaf::Any, |values| Leaf::Enum(values.clone())),
    }
}

fn read_key(types: &Types, parent: &str, set: &str) -> Vec<KeyField> {
    let spaced = set.replace('{', " { ").replace('}', " } ");
    let mut words = spaced.split_whitespace().peekable();
    read_key_fields(types, parent, &mut words)
}

fn read_key_fields<'a>(
    types: &Types,
    parent: &str,
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> Vec<KeyField> {
    let mut fields = Vec::new();
    while let Some(name) = words.next().filter(|word| *word != "}") {
        let facts = types.field(parent, name);
        let type_name = facts.map_or("", |facts| facts.ty.inner_named_type().as_str());
        let below = match words.next_if_eq(&"{") {
            Some(_) => read_key_fields(types, type_name, words),
            None => Vec::new(),
        };
        let kind = match leaf(types, type_name) {
            Leaf::Id => ScalarKind::Id,
            Leaf::Int | Leaf::Float => ScalarKind::Number,
            _ => ScalarKind::Any,
        };
        if name != "__typename" {
            fields.push(KeyField { name: name.to_owned(), kind, below });
        }
    }
    fields
}

fn missing_keys(key: &[KeyField], members: &Object, path: &str) -> Vec<String> {
    let missing = key.iter().flat_map(|field| match members.get(&field.name) {
        None | Some(Value::Null) => vec![join(path, &field.name)],
        Some(Value::Object(below)) => missing_keys(&field.below, below, &join(path, &field.name)),
        Some(_) => Vec::new(),
    });
    missing.collect()
}

fn write_key(key: &[KeyField], members: &Object, text: &mut String) -> Option<()> {
    for field in key {
        let value = members.get(&field.name).filter(|value| !value.is_null())?;
        text.push(' ');
        match value {
            Value::Object(below) if !field.below.is_empty() => write_key(&field.below, below, text)?,
            leaf => match Scalar::of(leaf, field.kind) {
                Some(scalar) => write!(text, "{scalar:?}").ok()?,
                None => write!(text, "{leaf}").ok()?,
            },
        }
    }
    Some(())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
