//! Paths into a response in the making: finding places, rewriting, merging.
//! Owns movement over JSON values; never fetches.

use graph::plan::{Rewrite, RewriteSegment, Segment, TypeNames};
use serde_json::{Map, Value};

/// One step of a place in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A place in a response.
pub(super) type Place<'p> = Vec<Step<'p>>;

/// A place as the `path` of a GraphQL error.
pub(super) fn error_path(place: &[Step<'_>]) -> Vec<Value> {
    let steps = place.iter().map(|step| match step {
        Step::Key(key) => Value::from(*key),
        Step::Index(index) => Value::from(*index),
    });
    steps.collect()
}

/// Calls `visit` for every value under `path`, with its place; lists at the end are entered.
pub(super) fn visit<'v, 'p>(
    value: &'v Value,
    path: &'p [Segment],
    place: &mut Place<'p>,
    visitor: &mut dyn FnMut(&'v Value, &[Step<'p>]),
) {
    let enter =
        |items: &'v [Value], rest, place: &mut Place<'p>, visitor: &mut dyn FnMut(&'v Value, &[_])| {
            for (index, item) in items.iter().enumerate() {
                place.push(Step::Index(index));
                visit(item, rest, place, visitor);
                place.pop();
            }
        };
    match (path.split_first(), value) {
        (None, Value::Array(items)) => enter(items, path, place, visitor),
        (None, value) => visitor(value, place),
        (Some((Segment::List, rest)), Value::Array(items)) => enter(items, rest, place, visitor),
        (Some((Segment::Field(name), rest)), Value::Object(members)) => {
            let Some(member) = members.get(name) else { return };
            place.push(Step::Key(name));
            visit(member, rest, place, visitor);
            place.pop();
        }
        (Some((Segment::On(names), rest)), Value::Object(members)) if meets(members, names) => {
            visit(value, rest, place, visitor);
        }
        (Some((Segment::On(_), _)), Value::Array(items)) => enter(items, path, place, visitor),
        _ => {}
    }
}

/// The value at a place, where it is still there.
pub(super) fn at<'v>(value: &'v mut Value, place: &[Step<'_>]) -> Option<&'v mut Value> {
    place.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(*key),
        Step::Index(index) => value.get_mut(*index),
    })
}

/// An object without `__typename` meets every condition: its only possible type was known to the planner.
pub(super) fn meets(members: &Map<String, Value>, names: &TypeNames) -> bool {
    members.get("__typename").and_then(Value::as_str).is_none_or(|name| names.contains(name))
}

/// Puts what was fetched on top of what is there; `null` takes nothing away.
pub(super) fn merge(target: &mut Value, source: Value) {
    match (target, source) {
        (_, Value::Null) => {}
        (Value::Object(target), Value::Object(source)) => {
            for (key, value) in source {
                match target.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        target.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(source)) => {
            for (known, value) in target.iter_mut().zip(source) {
                merge(known, value);
            }
        }
        (target, source) => *target = source,
    }
}

pub(super) fn rewrite(value: &mut Value, rewrites: &[Rewrite]) {
    for change in rewrites {
        let (Rewrite::Set { path, .. } | Rewrite::Rename { path, .. }) = change;
        rewrite_at(value, path, change);
    }
}

fn rewrite_at(value: &mut Value, path: &[RewriteSegment], change: &Rewrite) {
    if let Value::Array(items) = value {
        items.iter_mut().for_each(|item| rewrite_at(item, path, change));
        return;
    }
    let Some((segment, rest)) = path.split_first() else {
        if let Rewrite::Set { value: set, .. } = change {
            *value = Value::String(set.clone());
        }
        return;
    };
    let Value::Object(members) = value else { return };
    match (segment, change) {
        (RewriteSegment::On(names), _) => {
            if meets(members, names) {
                rewrite_at(value, rest, change);
            }
        }
        (RewriteSegment::Key(key), Rewrite::Rename { to, .. }) if rest.is_empty() => {
            if let Some(member) = members.shift_remove(key) {
                members.insert(to.clone(), member);
            }
        }
        (RewriteSegment::Key(key), _) => {
            if let Some(member) = members.get_mut(key) {
                rewrite_at(member, rest, change);
            }
        }
    }
}
