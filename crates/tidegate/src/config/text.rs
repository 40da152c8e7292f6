//! A text that a variable holds, read as the setting wants it: `true` is a boolean where one is asked for and a text
//! where a text is. Owns that choice; never looks a variable up.

use super::check::takes;
use super::tree::{Kind, Node};
use serde_json::Value;

/// A text stays one where the setting takes texts, so a password of digits stays a password; anything else is read as
/// YAML. A list may be written in brackets where the setting takes lists. The error is what YAML says.
pub(super) fn read(text: &str, schema: &Value) -> Result<Kind, String> {
    let trimmed = text.trim();
    // `[::1]:9092` is an address and no list.
    let is_list = takes(schema, "array") && trimmed.starts_with('[') && trimmed.ends_with(']');
    if takes(schema, "string") && !is_list {
        return Ok(Kind::Scalar(text.into()));
    }
    Node::parse(text).map(|node| node.kind).map_err(|problem| problem.message)
}
