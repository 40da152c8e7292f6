//! The tree as text: every Rust source with its comments and strings blanked out, and every other text file.
//! Owns walking and blanking; never judges.

use std::path::{Path, PathBuf};

/// One Rust file.
pub(crate) struct Source {
    /// From the root of the tree, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments, strings and character literals as spaces; lines and columns stay.
    pub(crate) code: String,
}

/// Every text file under the root that git would know.
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
    pub(crate) texts: Vec<(String, String)>,
}

impl Tree {
    pub(crate) fn read() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut paths = Vec::new();
        walk(&root, &mut paths);
        paths.sort();
        let mut tree = Tree { sources: Vec::new(), texts: Vec::new() };
        for path in paths {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let name = path.strip_prefix(&root).expect("walk stays below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            if name.starts_with("crates/") && name.ends_with(".rs") {
                tree.sources.push(Source::new(&name, &text));
            }
            tree.texts.push((name, text));
        }
        tree
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str())
    }

    /// `(crate, Cargo.toml)` of every member.
    pub(crate) fn manifests(&self) -> Vec<(String, String)> {
        let member = |name: &str| Some(name.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?.to_owned());
        self.texts.iter().filter_map(|(name, text)| Some((member(name)?, text.clone()))).collect()
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left_out = [".git", "target", "node_modules", ".cache"].iter().any(|skip| name == *skip);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !left_out => walk(&entry.path(), paths),
            Ok(kind) if kind.is_file() && !left_out => paths.push(entry.path()),
            _ => {}
        }
    }
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into(), code: blank(text, true) }
    }

    /// The text with only its comments blanked.
    pub(crate) fn code_and_strings(&self) -> String {
        blank(&self.text, false)
    }

    /// Whether the whole file exists for tests only.
    pub(crate) fn is_test(&self) -> bool {
        let folders = ["/tests/", "/benches/", "/examples/"];
        self.path.ends_with("/tests.rs")
            || self.path.starts_with("crates/testkit/")
            || folders.iter().any(|folder| self.path.contains(folder))
    }

    /// Whether it is compiled into this room outside tests.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        self.path.starts_with(&format!("crates/{room}/src/")) && !self.is_test()
    }

    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }
}

/// Blanks items under `#[cfg(test)]`, keeping lines.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    while let Some(start) = kept.find("#[cfg(test)]") {
        let end = match kept[start..].find(['{', ';']) {
            Some(at) if kept.as_bytes()[start + at] == b'{' => closing_brace(&kept, start + at),
            Some(at) => start + at + 1,
            None => kept.len(),
        };
        let blanked: String = kept[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        kept.replace_range(start..end, &blanked);
    }
    kept
}

/// The offset after the brace that closes the one at `open`.
pub(crate) fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Words of the code with their offsets: letters, digits and `_`.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts = code
        .char_indices()
        .filter(move |(at, c)| is_word(*c) && !code[..*at].chars().next_back().is_some_and(is_word));
    starts.map(move |(at, _)| {
        let length = code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
        (at, &code[at..at + length])
    })
}

/// Replaces comments, and strings where asked, by as many spaces as they have bytes.
fn blank(text: &str, strings: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (length, keep) = token(rest);
        let (piece, after) = rest.split_at(length);
        if keep == Keep::Always || (keep == Keep::AsString && !strings) {
            out.push_str(piece);
        } else {
            out.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    out
}

#[derive(PartialEq)]
enum Keep {
    Always,
    AsString,
    Never,
}

/// The length of the next piece of source, and what it is.
fn token(rest: &str) -> (usize, Keep) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Keep::Never);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Keep::Never);
    }
    if let Some(length) = string(rest) {
        return (length, Keep::AsString);
    }
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (word.max(rest.chars().next().map_or(0, char::len_utf8)), Keep::Always)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a string, raw string or character literal that starts here.
fn string(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = prefix + 1 + hashes + 1;
            return Some(rest[from..].find(&end).map_or(rest.len(), |at| from + at + end.len()));
        }
    }
    match body.as_bytes() {
        [b'"', ..] => Some(prefix + quoted(body, '"')),
        [b'\'', b'\\', ..] => Some(prefix + quoted(body, '\'')),
        [b'\'', ..] => {
            // `'a'` is a character, `'a` a lifetime.
            let character = body[1..].chars().next()?;
            let end = 1 + character.len_utf8();
            body[end..].starts_with('\'').then_some(prefix + end + 1)
        }
        _ => None,
    }
}

fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}

#[test]
fn comments_and_strings_are_blanked() {
    let table = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"x("a\"b", y)"#, "x(      , y)"),
        ("r#\"a \" b\"# + c", "           + c"),
        ("let q = '\"'; f::<'a>(b'x')", "let q =    ; f::<'a>(    )"),
    ];
    for (text, code) in table {
        assert_eq!(blank(text, true), code, "of {text}");
    }
    assert_eq!(blank("f(\"a\") // b", false).trim_end(), "f(\"a\")");
    assert_eq!(without_tests("a;\n#[cfg(test)]\nmod t {\n x { } }\nb;").replace([' ', '\n'], ""), "a;b;");
}
