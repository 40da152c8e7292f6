//! What can be counted: lines of files and functions, columns, headers, and marks of unfinished work.
//! Owns the limits; the allow-lists are handed in. Never reads names.

use crate::source::{Source, closing_brace, words};
use crate::{Finding, assert_catches};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 110;
/// Prose breaks by sentence where it can, so a comment may run a little further than code.
const COMMENT_COLUMNS_MAX: usize = 120;

pub(crate) fn long_file(source: &Source, allowed: &[(&str, usize, &str)]) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let entry = allowed.iter().find(|entry| entry.0 == source.path);
    match entry {
        Some(_) if lines <= FILE_LINES_MAX => {
            vec![format!("{}: is short now; drop it from LONG_FILES", source.path)]
        }
        Some(entry) if lines <= entry.1 => Vec::new(),
        None if lines <= FILE_LINES_MAX => Vec::new(),
        _ => {
            let most = entry.map_or(FILE_LINES_MAX, |entry| entry.1);
            vec![format!("{}: {lines} lines, over {most}: split it by what it owns", source.path)]
        }
    }
}

pub(crate) fn long_functions(source: &Source, allowed: &[(&str, &str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, line, lines) in functions(source) {
        let listed = allowed.iter().any(|entry| entry.0 == source.path && entry.1 == name);
        if lines > FUNCTION_LINES_MAX && !listed {
            let path = &source.path;
            findings.push(format!("{path}:{line}: fn {name} has {lines} lines, over {FUNCTION_LINES_MAX}"));
        }
        if lines <= FUNCTION_LINES_MAX && listed {
            findings.push(format!("{}:{line}: fn {name} is short now; drop it from the list", source.path));
        }
    }
    findings
}

/// Each function with a body: name, line, and lines of code from its signature to its closing brace.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let code = &source.code;
    let mut found = Vec::new();
    let mut named = words(code).peekable();
    while let Some((start, word)) = named.next() {
        let Some((at, name)) = named.peek().copied() else { break };
        // `fn(…)` is a type; a name follows only a definition.
        if word != "fn" || code[start + 2..at].trim() != "" {
            continue;
        }
        let Some(open) = code[at..].find(['{', ';']).map(|offset| at + offset) else { continue };
        if code.as_bytes()[open] == b'{' {
            let body = &code[start..closing_brace(code, open)];
            let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
            found.push((name.to_owned(), source.line_of(start), lines));
        }
    }
    found
}

pub(crate) fn wide(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        let is_comment = line.trim_start().starts_with("//");
        let most = if is_comment { COMMENT_COLUMNS_MAX } else { COLUMNS_MAX };
        // The rows of a test's table may hold a text in one piece; rustfmt cannot break it, and nobody should.
        let is_text = source.is_test() && !is_comment && code.contains("  ") && line.contains('"');
        if line.chars().count() > most && !is_text {
            findings.push(format!("{}:{}: over {most} columns", source.path, at + 1));
        }
    }
    findings
}

pub(crate) fn header(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().take_while(|line| line.starts_with("//!")).count();
    // Tests own nothing but what they try, which one line can say.
    let least = if source.is_test() { 1 } else { 2 };
    // A crate's first page is documentation, with an example where it has users.
    let most = if source.path.ends_with("/src/lib.rs") { usize::MAX } else { 8 };
    if (least..=most).contains(&lines) {
        return Vec::new();
    }
    let path = &source.path;
    vec![format!(
        "{path}: opens with {lines} lines of `//!`; say in {least} to 8 what it owns and never does"
    )]
}

pub(crate) fn undone(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.code.lines().enumerate() {
        for mark in ["todo!", "unimplemented!", "dbg!"] {
            if words(line)
                .any(|(at, word)| mark.strip_suffix('!') == Some(word) && line[at..].starts_with(mark))
            {
                findings.push(format!("{}:{}: {mark} is left", source.path, number + 1));
            }
        }
    }
    for (number, line) in source.text.lines().enumerate() {
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        let marks = ["TODO", "FIXME", "XXX"].map(|mark| words(comment).any(|(_, word)| word == mark));
        let cites = comment.split('#').skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_digit()));
        if marks.contains(&true) && !cites {
            findings.push(format!("{}:{}: names no issue (#123)", source.path, number + 1));
        }
    }
    findings
}

#[test]
fn a_long_file_is_caught() {
    let long = "x\n".repeat(FILE_LINES_MAX + 1);
    assert_catches(|source| long_file(source, &[]), "a.rs", &long, "x\n", 1);
    assert_catches(|source| long_file(source, &[("a.rs", 501, "")]), "a.rs", "short now\n", &long, 1);
    assert_catches(|source| long_file(source, &[("a.rs", 501, "")]), "a.rs", &format!("{long}x\n"), &long, 1);
}

#[test]
fn a_long_function_is_caught() {
    let body =
        |lines: usize| format!("impl A {{\n fn f<T>(a: fn(u8)) -> T {{\n{}}} }}", "  x;\n".repeat(lines));
    let limit = FUNCTION_LINES_MAX - 2;
    assert_catches(|source| long_functions(source, &[]), "a.rs", &body(limit + 1), &body(limit), 1);
    let allowed = [("a.rs", "f", "")];
    assert_catches(|source| long_functions(source, &allowed), "a.rs", &body(3), &body(limit + 9), 1);
    let commented = format!("fn f() {{\n{}}}", "  // why\n".repeat(200));
    assert!(long_functions(&Source::new("a.rs", &commented), &[]).is_empty());
}

#[test]
fn a_wide_line_is_caught() {
    assert_catches(wide, "a.rs", &"é".repeat(COLUMNS_MAX + 1), &"é".repeat(COLUMNS_MAX), 1);
    let comment = |columns: usize| format!("//{}", "é".repeat(columns - 2));
    assert_catches(wide, "a.rs", &comment(COMMENT_COLUMNS_MAX + 1), &comment(COMMENT_COLUMNS_MAX), 1);
    let row = format!("(\"{}\", 1),", "x".repeat(COLUMNS_MAX));
    assert_catches(wide, "crates/a/src/a/tests.rs", &"x".repeat(COLUMNS_MAX + 1), &row, 1);
    assert_eq!(wide(&Source::new("crates/a/src/a.rs", &row)).len(), 1);
}

#[test]
fn a_file_without_header_is_caught() {
    assert_catches(header, "a.rs", "//! One line.\nuse x;", "//! Owns x.\n//! Never y.\n", 1);
    assert_catches(header, "a.rs", "use x;", "//! Owns x.\n//! Never y.\n", 1);
    assert_catches(header, "crates/a/src/b/tests.rs", "use x;", "//! Tries x.\n", 1);
}

#[test]
fn unfinished_work_is_caught() {
    assert_catches(undone, "a.rs", "fn f() { todo!() }", "// todo!() in a comment\nlet todo = 1;", 1);
    assert_catches(undone, "a.rs", "// TODO later\ndbg!(x);", "// TODO later, see #12", 2);
}
