//! docs/edfs.md held against the tests: every test that a table names is there, where its prefix says.
//! Owns how that page names a test: `prefix: name`, several with `; ` between.

use crate::Finding;
use crate::source::Tree;

const PAGE: &str = "docs/edfs.md";

/// What stands before a name, and where its test is.
const PREFIXES: [(&str, &str); 6] = [
    ("e2e: ", "e2e/test/"),
    ("upstream: ", "crates/upstream/"),
    ("engine: ", "crates/testkit/tests/"),
    ("graph: ", "crates/graph/"),
    ("downstream: ", "crates/downstream/"),
    ("tidegate: ", "crates/tidegate/"),
];

/// Every named test that is not there.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let page = tree.text(PAGE).expect("the page is part of the tree");
    missing(page, &|folder, needle| {
        let mut texts = tree.texts.iter().filter(|(path, _)| path.starts_with(folder));
        texts.any(|(_, text)| text.contains(needle))
    })
}

fn missing(page: &str, has: &dyn Fn(&str, &str) -> bool) -> Vec<Finding> {
    let rows = page.lines().filter(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth_back(1));
    let named: Vec<(&str, &str)> = rows.flat_map(tests).collect();
    let mut findings = Vec::new();
    if named.is_empty() {
        findings.push(format!("{PAGE}: no table names a test"));
    }
    for (folder, name) in named {
        let needle = if folder == "e2e/test/" { name.to_owned() } else { format!("fn {name}(") };
        if !has(folder, &needle) {
            findings.push(format!("{PAGE}: no test `{name}` in {folder}"));
        }
    }
    findings
}

/// The tests that a cell names: (folder, name).
fn tests(cell: &str) -> Vec<(&'static str, &str)> {
    let mut starts: Vec<(usize, &str, &'static str)> = PREFIXES
        .iter()
        .flat_map(|(prefix, folder)| cell.match_indices(prefix).map(|(at, _)| (at, *prefix, *folder)))
        .filter(|(at, ..)| *at == 1 || cell[..*at].ends_with("; "))
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(at, ..)| *at).chain([cell.len()]);
    let named = starts.iter().zip(ends).map(|((at, prefix, folder), end)| {
        (*folder, cell[at + prefix.len()..end].trim().trim_end_matches(';').trim_end())
    });
    named.collect()
}

#[test]
fn a_test_that_is_gone_is_caught() {
    let has = |folder: &str, needle: &str| {
        [("e2e/test/", "one; and two"), ("crates/graph/", "fn three(")].contains(&(folder, needle))
    };
    let good = "| a | e2e: one; and two; graph: three |\n| b | graph: three |";
    assert!(missing(good, &has).is_empty());
    assert_eq!(missing("| a | e2e: one; graph: four |", &has).len(), 2);
    assert_eq!(missing("no table", &has).len(), 1);
}
