//! The rules of STYLE.md that a machine can hold, checked over every source file of the tree.
//! Owns the tables (rooms, allow-lists, banned names) and the tests; each check also proves that it can fail.
//! Never looks at behaviour.

mod architecture;
mod lines;
mod modules;
mod names;
mod parity;
mod purity;
mod rooms;
mod source;

use source::{Source, Tree};

/// Files over the limit of 500 lines: (path, most lines it may have, why). It may only shrink.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Functions over the limit of 70 lines: (path, function, why). It may only shrink.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// A finding: where, and what to do.
type Finding = String;

fn assert_clean(findings: Vec<Finding>) {
    assert!(findings.is_empty(), "{} finding(s):\n{}\n", findings.len(), findings.join("\n"));
}

fn over_all(check: impl Fn(&Source) -> Vec<Finding>) {
    assert_clean(Tree::read().sources.iter().flat_map(check).collect());
}

/// A check must pass the good text and find exactly this many things in the bad one.
fn assert_catches(check: impl Fn(&Source) -> Vec<Finding>, path: &str, bad: &str, good: &str, count: usize) {
    let found = check(&Source::new(path, bad));
    assert_eq!(found.len(), count, "in the bad text: {found:#?}");
    let found = check(&Source::new(path, good));
    assert!(found.is_empty(), "in the good text: {found:#?}");
}

#[test]
fn the_tree_is_read() {
    let tree = Tree::read();
    for room in rooms::ALLOWED {
        let prefix = format!("crates/{}/src/", room.name);
        assert!(tree.sources.iter().any(|source| source.path.starts_with(&prefix)), "no file in {prefix}");
    }
}

#[test]
fn arrows_between_rooms_point_down() {
    assert_clean(rooms::check(&Tree::read().manifests()));
}

#[test]
fn sibling_modules_have_no_cycles() {
    assert_clean(modules::cycles(&Tree::read().sources));
}

#[test]
fn functions_are_short() {
    over_all(|source| lines::long_functions(source, LONG_FUNCTIONS));
}

#[test]
fn files_are_short() {
    over_all(|source| lines::long_file(source, LONG_FILES));
}

#[test]
fn allow_lists_hold_nothing_that_is_gone() {
    let tree = Tree::read();
    let gone = |path: &str| !tree.sources.iter().any(|source| source.path == path);
    let files = LONG_FILES.iter().map(|entry| entry.0).filter(|path| gone(path));
    let functions = LONG_FUNCTIONS.iter().map(|entry| entry.0).filter(|path| gone(path));
    assert_clean(
        files.chain(functions).map(|path| format!("{path}: is in an allow-list and gone")).collect(),
    );
}

#[test]
fn lines_fit_the_width() {
    over_all(lines::wide);
}

#[test]
fn files_open_with_what_they_own() {
    over_all(lines::header);
}

#[test]
fn nothing_is_left_undone() {
    over_all(lines::undone);
}

#[test]
fn names_say_something() {
    over_all(names::banned);
}

#[test]
fn graph_is_pure() {
    over_all(purity::graph);
}

#[test]
fn engine_knows_no_protocol_and_no_broker() {
    over_all(purity::engine);
}

#[test]
fn triggers_hold_no_locks() {
    over_all(purity::trigger);
}

#[test]
fn rooms_write_no_unsafe_and_no_mod_rs() {
    over_all(purity::house);
}

#[test]
fn no_file_names_a_package_registry() {
    assert_clean(purity::registries(&Tree::read().texts));
}

#[test]
fn architecture_is_true() {
    let tree = Tree::read();
    let page = tree.text("ARCHITECTURE.md").expect("ARCHITECTURE.md is part of the tree");
    let mut findings = architecture::invariants(page);
    findings.extend(architecture::names(page, &tree));
    assert_clean(findings);
}

#[test]
fn every_test_that_the_peers_page_names_is_there() {
    assert_clean(parity::check(&Tree::read()));
}
