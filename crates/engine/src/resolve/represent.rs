//! Objects of a response → the representations an `_entities` field is asked with.
//! Owns what a representation holds, and deduplication by its text; never sends one.

use super::tree::{Place, Step, meets, rewrite, visit};
use graph::plan::{Require, Target};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What one target asks for, and where each answer goes.
#[derive(Debug, Default)]
pub(super) struct Represented<'p> {
    /// Distinct representations as JSON text; equal text is equal meaning, as member order follows the plan.
    pub(super) texts: Vec<Arc<str>>,
    /// Places, each with the index of its representation.
    pub(super) places: Vec<(Place<'p>, usize)>,
}

/// Collects the representations of a target over a whole response.
pub(super) fn represent<'p>(root: &Value, target: &'p Target) -> Represented<'p> {
    let mut represented = Represented::default();
    let mut known: HashMap<Arc<str>, usize> = HashMap::new();
    for path in &target.paths {
        visit(root, path, &mut Vec::new(), &mut |value, place: &[Step<'p>]| {
            let Some(representation) = representation(value, target) else { return };
            let text: Arc<str> = representation.to_string().into();
            let index = *known.entry(text.clone()).or_insert_with(|| {
                represented.texts.push(text);
                represented.texts.len() - 1
            });
            represented.places.push((place.to_vec(), index));
        });
    }
    represented
}

fn representation(value: &Value, target: &Target) -> Option<Value> {
    if !value.is_object() {
        return None;
    }
    if target.input_rewrites.is_empty() {
        return require(value, &target.requires);
    }
    let mut rewritten = value.clone();
    rewrite(&mut rewritten, &target.input_rewrites);
    require(&rewritten, &target.requires)
}

/// `None` = nothing of what is required is there, so there is nothing to ask with.
fn require(value: &Value, requires: &[Require]) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| require(item, requires).unwrap_or(Value::Null));
            Some(Value::Array(items.collect()))
        }
        Value::Object(members) if !requires.is_empty() => {
            let mut required = Map::new();
            if let Some(name) = members.get("__typename") {
                required.insert("__typename".into(), name.clone());
            }
            let before = required.len();
            require_members(members, requires, &mut required);
            let asks_only_typename = requires.iter().all(|require| matches!(require, Require::Typename));
            (required.len() > before || (asks_only_typename && before == 1))
                .then_some(Value::Object(required))
        }
        other => Some(other.clone()),
    }
}

fn require_members(members: &Map<String, Value>, requires: &[Require], required: &mut Map<String, Value>) {
    for entry in requires {
        match entry {
            Require::Typename => {}
            Require::Field { name, key, below } => {
                let Some(value) = members.get(name).or_else(|| members.get(key)) else { continue };
                let Some(value) = require(value, below) else { continue };
                match required.get_mut(key) {
                    Some(known) => super::tree::merge(known, value),
                    None => {
                        required.insert(key.clone(), value);
                    }
                }
            }
            Require::On { names, below } => {
                if meets(members, names) {
                    require_members(members, below, required);
                }
            }
        }
    }
}
