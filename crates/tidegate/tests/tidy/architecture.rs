//! ARCHITECTURE.md held against the code: twelve numbered invariants, and no name or path that is gone.
//! Owns what counts as a name on that page: a word in back quotes with a capital, `::` or `/`.

use crate::Finding;
use crate::source::{Tree, words};
use std::collections::BTreeSet;

/// The numbered list under "Invariants" must run from 1 to 12.
pub(crate) fn invariants(page: &str) -> Vec<Finding> {
    let section = page.split("\n## ").find(|section| section.starts_with("Invariants")).unwrap_or_default();
    let numbers: Vec<usize> =
        section.lines().filter_map(|line| line.split_once(". ")?.0.parse().ok()).collect();
    if numbers == (1..=12).collect::<Vec<_>>() {
        return Vec::new();
    }
    vec![format!("ARCHITECTURE.md: invariants must be numbered 1 to 12, found {numbers:?}")]
}

/// Every name of the page that the tree does not have.
pub(crate) fn names(page: &str, tree: &Tree) -> Vec<Finding> {
    let sources = tree.sources.iter().filter(|source| !source.is_test());
    let known: BTreeSet<&str> =
        sources.flat_map(|source| words(&source.code).map(|(_, word)| word)).collect();
    let paths: Vec<&str> = tree.texts.iter().map(|(path, _)| path.as_str()).collect();
    missing(page, &|name| known.contains(name), &|path| {
        paths
            .iter()
            .any(|known| *known == path || known.starts_with(&format!("{}/", path.trim_end_matches('/'))))
    })
}

fn missing(page: &str, is_name: &dyn Fn(&str) -> bool, is_path: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for quoted in quoted(page) {
        if quoted.contains('/') {
            if quoted.starts_with(|c: char| c.is_alphabetic()) && !is_path(quoted) {
                findings.push(format!("ARCHITECTURE.md: no file `{quoted}`"));
            }
        } else if quoted.contains("::") || quoted.starts_with(char::is_uppercase) {
            let gone = words(quoted).map(|(_, word)| word).find(|word| !is_name(word));
            findings
                .extend(gone.map(|word| format!("ARCHITECTURE.md: `{quoted}`: the code has no `{word}`")));
        }
    }
    findings
}

/// What stands in single back quotes, outside of code blocks.
fn quoted(page: &str) -> Vec<&str> {
    let prose = page.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).filter(|text| !text.contains(' ')).collect()
}

#[test]
fn a_wrong_page_is_caught() {
    let list = |numbers: std::ops::RangeInclusive<usize>| {
        let lines: String = numbers.map(|n| format!("{n}. x\n")).collect();
        format!("# A\n## Invariants\n{lines}\n## Map\n1. y\n")
    };
    assert_eq!(invariants(&list(1..=11)).len(), 1);
    assert_eq!(invariants("# no list").len(), 1);
    assert!(invariants(&list(1..=12)).is_empty());

    let is_name = |name: &str| ["Engine", "subscribe"].contains(&name);
    let is_path = |path: &str| path == "crates/engine/src/lib.rs";
    let good = "`Engine::subscribe` in `crates/engine/src/lib.rs`, `serve`, ```\n`Nothing`\n``` `a b C`";
    assert!(missing(good, &is_name, &is_path).is_empty());
    assert_eq!(missing("`Engine::leave` `Motor` `crates/engine/src/gone.rs`", &is_name, &is_path).len(), 3);
}
