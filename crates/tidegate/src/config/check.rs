//! Holds a tree against the JSON Schema of the configuration and finds every problem at once, each with its
//! place. The schema comes from the Rust types, so there is one source of truth; only what it can say is
//! checked here.

use super::problem::Problem;
use super::tree::{Key, Kind, Node};
use super::value::{Period, Size, StartPosition};
use serde_json::Value;

/// Everything wrong with `node` by `schema` (sub-schemas inlined).
pub(super) fn check(node: &Node, schema: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(node, schema, "", &mut problems);
    problems
}

fn visit(node: &Node, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    // `limits:` with nothing below it is as good as not written.
    if node.is_null() {
        return;
    }
    if let Some(branches) = branches(schema) {
        return visit_branches(node, branches, path, problems);
    }
    if let Some(values) = schema["enum"].as_array() {
        return check_one_of(node, values.iter().collect(), path, problems);
    }
    match &node.kind {
        Kind::Map(members) if allows(schema, "object") => {
            visit_members(node, members, schema, path, problems);
        }
        Kind::List(items) if allows(schema, "array") => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &schema["items"], &format!("{path}[{index}]"), problems);
            }
        }
        Kind::Scalar(value) if type_names(value).iter().any(|name| allows(schema, name)) => {
            problems.extend(
                scalar_problem(node, value, schema)
                    .map(|message| Problem::new(path, &node.place, format!("`{path}`: {message}"))),
            );
        }
        _ => problems.push(mismatch(node, schema, path)),
    }
}

fn branches(schema: &Value) -> Option<&Vec<Value>> {
    schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())
}

/// The branch of an optional section that has the settings.
pub(super) fn container(schema: &Value) -> &Value {
    let holds = |branch: &&Value| {
        branch.get("properties").is_some()
            || branch.get("items").is_some()
            || branch["additionalProperties"].is_object()
    };
    branches(schema).and_then(|branches| branches.iter().find(holds)).unwrap_or(schema)
}

/// Whether a value of this type may stand there.
pub(super) fn takes(schema: &Value, name: &str) -> bool {
    match branches(schema) {
        Some(branches) => branches.iter().any(|branch| takes(branch, name)),
        None if schema.get("enum").is_some() || schema.get("const").is_some() => name == "string",
        None => allows(schema, name),
    }
}

/// A value may fit any branch; where it fits none, the branch of its own type says why.
fn visit_branches(node: &Node, branches: &[Value], path: &str, problems: &mut Vec<Problem>) {
    let constants: Vec<&Value> = branches.iter().filter_map(|branch| branch.get("const")).collect();
    if !constants.is_empty() {
        return check_one_of(node, constants, path, problems);
    }
    let mut closest: Option<Vec<Problem>> = None;
    for branch in branches {
        let mut found = Vec::new();
        visit(node, branch, path, &mut found);
        if found.is_empty() {
            return;
        }
        let same_type = match &node.kind {
            Kind::Map(_) => allows(branch, "object"),
            Kind::List(_) => allows(branch, "array"),
            Kind::Scalar(value) => type_names(value).iter().any(|name| allows(branch, name)),
        };
        if same_type && closest.is_none() {
            closest = Some(found);
        }
    }
    problems.extend(closest.unwrap_or_else(|| vec![mismatch(node, &branches[0], path)]));
}

fn check_one_of(node: &Node, values: Vec<&Value>, path: &str, problems: &mut Vec<Problem>) {
    let written = match &node.kind {
        Kind::Scalar(value) if values.contains(&value) => return,
        Kind::Scalar(Value::String(text)) => format!("`{}`", node.shown(text)),
        _ => "this".to_owned(),
    };
    let names: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
    let problem = Problem::new(path, &node.place, format!("`{path}`: {written} is none of its values"));
    problems.push(problem.help(format!("write one of: {}", names.join(", "))));
}

fn visit_members(
    node: &Node,
    members: &[(Key, Node)],
    schema: &Value,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in members {
        let below = if path.is_empty() { key.text.clone() } else { format!("{path}.{}", key.text) };
        if let Some(known) = schema["properties"].get(&key.text) {
            visit(value, known, &below, problems);
            continue;
        }
        match &schema["additionalProperties"] {
            Value::Bool(false) => problems.push(unknown_key(key, schema, path, &below)),
            Value::Null | Value::Bool(true) => {}
            any => visit(value, any, &below, problems),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| node.member(name).is_none_or(Node::is_null)) {
        let what = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        problems.push(Problem::new(&what, &node.place, format!("`{what}` is missing")));
    }
}

fn unknown_key(key: &Key, schema: &Value, path: &str, below: &str) -> Problem {
    let names: Vec<&str> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let parent = if path.is_empty() { "the top level".to_owned() } else { format!("`{path}`") };
    let problem = Problem::new(below, &key.place, format!("`{}` is no setting of {parent}", key.text));
    match closest(&key.text, &names) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None => problem.help(format!("settings here: {}", names.join(", "))),
    }
}

/// The name that was probably meant.
pub(crate) fn closest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let scored = names.iter().map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), *name));
    // 0.8 lets `prot` find `port` and keeps `kafka` from finding `nats`.
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn allows(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(names) => names.iter().any(|one| one == name),
        // A schema without a type (`true`) takes anything.
        _ => true,
    }
}

fn type_names(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(number) if number.is_f64() => &["number"],
        Value::Number(_) => &["integer", "number"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    }
}

fn scalar_problem(node: &Node, value: &Value, schema: &Value) -> Option<String> {
    if let Value::String(text) = value {
        let fault = match schema["format"].as_str() {
            Some("period") => Period::parse(text).err(),
            Some("size") => Size::parse(text).err(),
            Some("position") => StartPosition::parse(text).err(),
            _ => None,
        };
        // Each of them quotes what it could not read.
        return fault.map(|fault| fault.replace(&format!("`{text}`"), &format!("`{}`", node.shown(text))));
    }
    let number = value.as_f64()?;
    let written = value.to_string();
    let value = node.shown(&written);
    let bound = |name: &str| schema[name].as_f64();
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Some(format!("{value} is below {least}"));
    }
    bound("maximum").filter(|most| number > *most).map(|most| format!("{value} is above {most}"))
}

fn mismatch(node: &Node, schema: &Value, path: &str) -> Problem {
    let wanted = match (schema["format"].as_str(), &schema["type"]) {
        (Some("period"), _) => "a length of time such as `5s`",
        (Some("size"), _) => "a size such as `1MiB`",
        (Some("position"), _) => "a position such as `latest`",
        (_, kinds) => match kinds.as_str().or_else(|| kinds[0].as_str()) {
            Some("object") => "a mapping of settings",
            Some("array") => "a list",
            Some("string") => "a text (put numbers and the like in quotes)",
            Some("integer") => "a whole number",
            Some("boolean") => "`true` or `false`",
            _ => "something else",
        },
    };
    let written = match &node.kind {
        Kind::Map(_) => "a mapping",
        Kind::List(_) => "a list",
        Kind::Scalar(Value::String(_)) => "a text",
        Kind::Scalar(Value::Bool(_)) => "true or false",
        Kind::Scalar(_) => "a number",
    };
    let path_shown = if path.is_empty() { "the configuration" } else { path };
    Problem::new(path, &node.place, format!("`{path_shown}` must be {wanted}, not {written}"))
}
