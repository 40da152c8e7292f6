//! `TIDEGATE_<PATH>` variables over the file: `TIDEGATE_HTTP__PORT=5000` is `http.port`.
//! Owns the names and how their texts are read; the schema says which settings there are.

use super::check::{closest, container};
use super::place::{Place, name as name_of};
use super::problem::Problem;
use super::text;
use super::tree::{Key, Kind, Node};
use serde_json::Value;

const PREFIX: &str = "TIDEGATE_";

/// Read by the command line itself, so no settings.
const RESERVED: [&str; 2] = ["TIDEGATE_CONFIG", "TIDEGATE_TOKEN"];

/// Names that operators know from the other routers, for the setting of the same meaning.
const ALIASES: [(&str, &str); 4] = [
    ("LOG_LEVEL", "TIDEGATE_LOG__LEVEL"),
    ("LOG_FORMAT", "TIDEGATE_LOG__FORMAT"),
    ("SUPERGRAPH_FILE_PATH", "TIDEGATE_SUPERGRAPH__PATH"),
    ("EVENTS_SKIP_UNAVAILABLE_PROVIDERS", "TIDEGATE_EVENTS__SKIP_UNAVAILABLE_PROVIDERS"),
];

/// What the variables changed: problems, and the names that meant nothing.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub problems: Vec<Problem>,
    /// Only a warning: Kubernetes sets `TIDEGATE_SERVICE_HOST` and the like for a service of that name.
    pub unknown: Vec<String>,
}

/// Puts every variable that names a setting over the tree. A `TIDEGATE_` name wins over its alias.
pub(super) fn apply(tree: &mut Node, schema: &Value, variables: &[(String, String)]) -> Overrides {
    let mut overrides = Overrides::default();
    let aliased = ALIASES.iter().filter_map(|(alias, name)| {
        // An empty one is how a compose file passes on what nobody set.
        let set = |(variable, text): &&(String, String)| variable == alias && !text.is_empty();
        variables.iter().find(set).map(|(alias, text)| (alias, *name, text))
    });
    let own = variables
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !RESERVED.contains(&name.as_str()))
        .map(|(name, text)| (name, name.as_str(), text));
    for (variable, name, text) in aliased.chain(own) {
        let steps: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
        match place_text(tree, schema, &steps, variable, text) {
            Ok(()) => {}
            Err(Fault::Unknown(hint)) => overrides.unknown.push(match hint {
                Some(hint) => format!("{variable} names no setting; did you mean `{hint}`?"),
                None => format!("{variable} names no setting"),
            }),
            Err(Fault::Text(message)) => {
                let place = Place::Environment(variable.clone());
                let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
                overrides.problems.push(Problem::new(name_of(&steps), &place, message));
            }
        }
    }
    overrides
}

enum Fault {
    Unknown(Option<String>),
    Text(String),
}

fn place_text(
    node: &mut Node,
    schema: &Value,
    steps: &[String],
    variable: &str,
    text: &str,
) -> Result<(), Fault> {
    let Some((step, rest)) = steps.split_first() else {
        let place = Place::Environment(variable.to_owned());
        *node = Node::new(place.clone(), text::read(text, schema).map_err(Fault::Text)?);
        node.settle(&place, None);
        return Ok(());
    };
    let schema = container(schema);
    if let Some(items) = schema.get("items").filter(|_| step.parse::<usize>().is_ok()) {
        let item = list_item(node, step)?;
        return place_text(item, items, rest, variable, text);
    }
    let properties = schema["properties"].as_object();
    let (key, below) = match properties.and_then(|known| known.get_key_value(step)) {
        Some((key, below)) => (key.clone(), below),
        None if schema["additionalProperties"].is_object() => {
            (existing_key(node, step), &schema["additionalProperties"])
        }
        None => {
            let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            return Err(Fault::Unknown(closest(step, &names).map(String::from)));
        }
    };
    let mut child = node.member(&key).cloned().unwrap_or_else(Node::empty);
    // Into a copy first: a variable that means nothing must leave no trace.
    place_text(&mut child, below, rest, variable, text)?;
    set_member(node, key, child, variable);
    Ok(())
}

fn list_item<'a>(node: &'a mut Node, step: &str) -> Result<&'a mut Node, Fault> {
    if !matches!(node.kind, Kind::List(_)) {
        node.kind = Kind::List(Vec::new());
    }
    let Kind::List(items) = &mut node.kind else { return Err(Fault::Unknown(None)) };
    let index = step.parse::<usize>().map_err(|_| Fault::Unknown(None))?;
    if index > items.len() {
        let message = format!("item {index} of a list that has {}; the next would be {0}", items.len());
        return Err(Fault::Text(message.replace("{0}", &items.len().to_string())));
    }
    if index == items.len() {
        items.push(Node::empty());
    }
    Ok(&mut items[index])
}

/// Names in a mapping keep the case the file gave them; variables are upper case.
fn existing_key(node: &Node, step: &str) -> String {
    let Kind::Map(members) = &node.kind else { return step.to_owned() };
    let known = members.iter().find(|(key, _)| key.text.eq_ignore_ascii_case(step));
    known.map_or_else(|| step.to_owned(), |(key, _)| key.text.clone())
}

fn set_member(node: &mut Node, key: String, child: Node, variable: &str) {
    if !matches!(node.kind, Kind::Map(_)) {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(members) = &mut node.kind else { return };
    match members.iter_mut().find(|(name, _)| name.text == key) {
        Some((_, value)) => *value = child,
        None => {
            let key = Key { text: key, place: Place::Environment(variable.to_owned()) };
            members.push((key, child));
        }
    }
}
