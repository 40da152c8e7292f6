//! `${NAME}` in the texts of `events:`, as its peers' files have it: the variable of that name stands there.
//! Owns the replacement; a variable that is not set is told, never read as nothing. A value that was filled in is
//! marked, so that no message shows it.

use super::check::{container, takes};
use super::problem::Problem;
use super::text;
use super::tree::{Kind, Node};
use serde_json::Value;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

/// Fills in every `${NAME}` below a section of the file; what came from an override is meant as it stands.
pub(super) fn expand(
    tree: &mut Node,
    section: &str,
    schema: &Value,
    variables: &[(String, String)],
) -> Expansion {
    let mut expansion = Expansion::default();
    if let Some(node) = tree.member_mut(section) {
        let schema = &schema["properties"][section];
        visit(node, schema, section, variables, &mut expansion);
    }
    expansion
}

/// The way out where `${NAME}` is what YAML stumbled over.
pub(super) fn advise(problem: Problem, document: &str) -> Problem {
    match document.contains("${") {
        true => problem.help("between `[` and `]` or `{` and `}`, put quotes around `${NAME}`"),
        false => problem,
    }
}

fn visit(
    node: &mut Node,
    schema: &Value,
    path: &str,
    variables: &[(String, String)],
    expansion: &mut Expansion,
) {
    if node.is_override() {
        return;
    }
    let schema_below = container(schema);
    match &mut node.kind {
        Kind::Scalar(Value::String(text)) => {
            let text = std::mem::take(text);
            let (kind, written) = match fill(&text, variables) {
                Ok(Filled::Value(value)) => (read(&value, schema), Some(text)),
                Ok(Filled::Text(own)) => {
                    expansion.warnings.extend(bare(&own, path, variables));
                    (Kind::Scalar(own.into()), None)
                }
                Err((message, help)) => {
                    let problem = Problem::new(path, &node.place, format!("`{path}`: {message}")).help(help);
                    expansion.problems.push(problem);
                    // Nothing more is to be said of it.
                    (Kind::Scalar(Value::Null), None)
                }
            };
            let place = node.place.clone();
            *node = Node::new(place.clone(), kind);
            node.settle(&place, written.as_deref());
        }
        Kind::Scalar(_) => {}
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let path = format!("{path}[{index}]");
                visit(item, &schema_below["items"], &path, variables, expansion);
            }
        }
        Kind::Map(members) => {
            for (key, member) in members {
                let known = &schema_below["properties"][&key.text];
                visit(member, known, &format!("{path}.{}", key.text), variables, expansion);
            }
        }
    }
}

/// A value becomes what the setting wants, as if it stood in the file; but no mapping, whose keys would be shown.
fn read(value: &str, schema: &Value) -> Kind {
    if value.is_empty() && !takes(schema, "string") {
        return Kind::Scalar(Value::Null);
    }
    let is_plain = |kind: &Kind| match kind {
        Kind::Scalar(_) => true,
        Kind::List(items) => items.iter().all(|item| matches!(item.kind, Kind::Scalar(_))),
        Kind::Map(_) => false,
    };
    let read = text::read(value, schema).ok().filter(is_plain);
    read.unwrap_or_else(|| Kind::Scalar(value.into()))
}

/// A text after its variables are filled in.
enum Filled {
    /// It holds what a variable holds.
    Value(String),
    /// It is all the file's own.
    Text(String),
}

fn fill(text: &str, variables: &[(String, String)]) -> Result<Filled, (String, String)> {
    const ESCAPE: &str = "write `$${` where `${` is meant as it stands";
    let (mut whole, mut rest, mut is_filled) = (String::new(), text, false);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            whole.extend([before, "${"]);
            rest = after;
            continue;
        }
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| ("`${` without `}`".to_owned(), format!("write `${{NAME}}`; {ESCAPE}")))?;
        // The value may be a secret: only its name is shown.
        let value = find(name, variables).ok_or_else(|| {
            let help = format!("set {name} in the environment; {ESCAPE}");
            (format!("the variable `{name}` is not set"), help)
        })?;
        whole.extend([before, value]);
        (rest, is_filled) = (after, true);
    }
    whole.push_str(rest);
    Ok(if is_filled { Filled::Value(whole) } else { Filled::Text(whole) })
}

fn find<'a>(name: &str, variables: &'a [(String, String)]) -> Option<&'a str> {
    variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// `$NAME` stays what it is, since a password may hold a `$`; but it may have been meant as a variable.
fn bare(text: &str, path: &str, variables: &[(String, String)]) -> Option<String> {
    let name = text.strip_prefix('$')?;
    find(name, variables)?;
    Some(format!("`{path}` is the text `${name}`; write `${{{name}}}` where the variable is meant"))
}

#[cfg(test)]
mod tests;
