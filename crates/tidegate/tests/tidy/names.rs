//! Names that say nothing: the words no file, type or function of this tree may carry.
//! Owns the list; names that a foreign trait asks for are written as exceptions with their trait.

use crate::source::{Source, words};
use crate::{Finding, assert_catches};

const BANNED: &[&str] = &[
    "manager",
    "handler",
    "service",
    "processor",
    "context",
    "helper",
    "util",
    "common",
    "core",
    "base",
    "info",
    "impl",
    "misc",
];

/// What comes before a name where it is defined.
const DEFINES: &[&str] = &["fn", "struct", "enum", "trait", "type", "mod", "union", "const", "static"];

/// Names that are not ours to choose: (name, who asks for it).
const FOREIGN: &[(&str, &str)] = &[("UserInfo", "Cosmo's key `user_info`")];

pub(crate) fn banned(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in source.path.split('/').skip(1) {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        findings.extend(fault(stem).map(|word| format!("{}: `{word}` in a file name", source.path)));
    }
    let mut before = "";
    for (at, word) in words(&source.code) {
        let known = FOREIGN.iter().any(|(name, _)| *name == word);
        if DEFINES.contains(&before) && !known {
            let line = source.line_of(at);
            if let Some(found) = fault(word) {
                findings.push(format!("{}:{line}: `{found}` in `{word}` says nothing", source.path));
            }
            if before == "fn" && word.starts_with("get_") {
                findings.push(format!("{}:{line}: `{word}`: drop the `get_`", source.path));
            }
        }
        before = word;
    }
    findings
}

fn fault(name: &str) -> Option<&'static str> {
    let parts = parts(name);
    BANNED.iter().copied().find(|word| parts.iter().any(|part| part.trim_end_matches('s') == *word))
}

/// `TooManyHandlers` and `too_many_handlers` → their words in lower case.
pub(crate) fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || c == '-' || c == '.' || (c.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        if c.is_alphanumeric() {
            parts.last_mut().expect("it starts with one and only grows").extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    parts
}

#[test]
fn an_empty_name_is_caught() {
    let path = "crates/a/src/a.rs";
    assert_catches(banned, path, "struct EventManager;", "struct Managed; // a manager", 1);
    assert_catches(banned, path, "fn get_thing() {}", "fn target() { let info = get_x(); }", 1);
    assert_catches(banned, path, "mod utils; enum HttpBase {}", "enum Database {} impl X {}", 2);
    assert_eq!(banned(&Source::new("crates/a/src/helpers/x.rs", "")).len(), 1);
}
