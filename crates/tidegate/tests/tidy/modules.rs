//! Cycles between sibling modules: what `use crate::…` and `super::…` say, and its strongly connected parts.
//! Owns reading paths; a parent and its child may know each other, siblings only one way.

use crate::Finding;
use crate::source::{Source, without_tests, words};
use std::collections::{BTreeMap, BTreeSet};

type Path = Vec<String>;
/// For one folder of one crate: sibling → the siblings it uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn cycles(sources: &[Source]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Vec<(Path, &Source)>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        if let Some((name, path)) = module(source) {
            crates.entry(name).or_default().push((path, source));
        }
    }
    let mut findings = Vec::new();
    for (name, files) in crates {
        for (parent, arrows) in arrows(&files) {
            for cycle in strongly_connected(&arrows) {
                let place =
                    std::iter::once(name.to_owned()).chain(parent.clone()).collect::<Vec<_>>().join("::");
                let edges = edges_within(&cycle, &arrows);
                findings.push(format!("{place}: {} know each other in a circle: {edges}", cycle.join(", ")));
            }
        }
    }
    findings
}

/// `crates/engine/src/trigger/group.rs` → engine, [trigger, group]; `lib.rs` and `main.rs` are the root, [].
fn module(source: &Source) -> Option<(&str, Path)> {
    let (name, file) = source.path.strip_prefix("crates/")?.split_once("/src/")?;
    let path: Path = file.strip_suffix(".rs")?.split('/').map(String::from).collect();
    Some((name, if path == ["lib"] || path == ["main"] { Vec::new() } else { path }))
}

fn arrows(files: &[(Path, &Source)]) -> BTreeMap<Path, Arrows> {
    let modules: BTreeSet<&[String]> = files.iter().map(|(path, _)| path.as_slice()).collect();
    let mut arrows: BTreeMap<Path, Arrows> = BTreeMap::new();
    for (from, source) in files {
        for used in used_paths(from, &without_tests(&source.code)) {
            let known = (1..=used.len()).rev().map(|end| &used[..end]).find(|path| modules.contains(path));
            let Some(to) = known else { continue };
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if shared < from.len() && shared < to.len() {
                let siblings = arrows.entry(from[..shared].to_vec()).or_default();
                siblings.entry(from[shared].clone()).or_default().insert(to[shared].clone());
            }
        }
    }
    arrows
}

/// Every path that starts with `crate` or `super`, from the crate's root, braces opened up.
fn used_paths(module: &[String], code: &str) -> Vec<Path> {
    let mut found = Vec::new();
    let mut end = 0;
    for (at, word) in words(code) {
        let follows = code[at + word.len()..].starts_with("::");
        if at >= end && follows && (word == "crate" || word == "super") {
            let text = &code[at..];
            let length = tree_length(text);
            end = at + length;
            open_braces(&text[..length], &[], &mut found);
        }
    }
    found.iter().filter_map(|path| absolute(module, path)).collect()
}

/// How much of the text is one path or use tree: names, `::`, and whole groups in braces.
fn tree_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with("::") || depth > 0 => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ if depth > 0 || c.is_alphanumeric() || c == '_' || c == ':' => {}
            _ => return at,
        }
    }
    text.len()
}

/// `crate::{a, b::{c, d}}` → `crate::a`, `crate::b::c`, `crate::b::d`.
fn open_braces(tree: &str, prefix: &[String], found: &mut Vec<Path>) {
    let tree = tree.trim();
    let (head, group) = match tree.find('{') {
        Some(at) => (&tree[..at], tree[at + 1..].strip_suffix('}')),
        None => (tree, None),
    };
    // `a as b` is the path `a`.
    let names = head.split("::").map(|name| name.split_whitespace().next().unwrap_or_default());
    let mut path = prefix.to_vec();
    path.extend(names.filter(|name| !name.is_empty()).map(String::from));
    let Some(group) = group else {
        found.push(path);
        return;
    };
    let (mut depth, mut start) = (0_usize, 0_usize);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                open_braces(&group[start..at], &path, found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn absolute(module: &[String], path: &[String]) -> Option<Path> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let start = if ups == 0 { &[] } else { &module[..module.len().checked_sub(ups)?] };
    let rest = &path[if ups == 0 { 1 } else { ups }..];
    Some(start.iter().chain(rest).cloned().collect())
}

/// `a → b, b → a`: what to cut.
fn edges_within(cycle: &[String], arrows: &Arrows) -> String {
    let pairs = arrows.iter().flat_map(|(from, used)| used.iter().map(move |to| (from, to)));
    let inside = pairs.filter(|(from, to)| cycle.contains(from) && cycle.contains(to));
    inside.map(|(from, to)| format!("{from} → {to}")).collect::<Vec<_>>().join(", ")
}

/// The sets of two and more that reach each other. Quadratic, and the folders are small.
fn strongly_connected(arrows: &Arrows) -> Vec<Vec<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|start| (start, reachable(start, arrows))).collect();
    let mut seen = BTreeSet::new();
    let mut cycles = Vec::new();
    for (name, reached) in &reach {
        let back = |other: &&String| reach.get(*other).is_some_and(|reached| reached.contains(name));
        let circle: Vec<String> = reached.iter().copied().filter(back).cloned().collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            cycles.push(circle);
        }
    }
    cycles
}

fn reachable<'a>(start: &'a String, arrows: &'a Arrows) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        for next in arrows.get(name).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
fn found(files: &[(&str, &str)]) -> Vec<Finding> {
    cycles(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
}

#[test]
fn a_circle_of_siblings_is_caught() {
    let table = [
        (vec![("a.rs", "use crate::b::X;"), ("b.rs", "use crate::{x::Y, a::{P, Q}};")], 1),
        (vec![("a.rs", "use super::b;"), ("b.rs", "fn f() { crate::c::g() }"), ("c.rs", "use crate::a;")], 1),
        (vec![("t/a.rs", "use super::b::X;"), ("t/b.rs", "use crate::t::a as q;"), ("t.rs", "")], 1),
        (vec![("a/x.rs", "use crate::b::Y;"), ("b.rs", "use crate::a::Z;"), ("a.rs", "")], 1),
        (vec![("a.rs", "use crate::b::X;"), ("b.rs", "use crate::c;"), ("c.rs", "")], 0),
        (vec![("a.rs", "pub mod x; use crate::a::x::X;"), ("a/x.rs", "use super::Y;")], 0),
        (
            vec![
                ("a.rs", "use crate::b::X;"),
                ("b.rs", "// crate::a\n#[cfg(test)]\nmod t { use crate::a; }"),
            ],
            0,
        ),
        (vec![("lib.rs", "use crate::a::X;"), ("a.rs", "use crate::Object;")], 0),
    ];
    for (files, count) in table {
        let paths: Vec<_> =
            files.iter().map(|(path, text)| (format!("crates/e/src/{path}"), *text)).collect();
        let files: Vec<_> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let findings = found(&files);
        assert_eq!(findings.len(), count, "{files:?}: {findings:?}");
    }
}
