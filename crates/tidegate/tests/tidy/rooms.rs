//! Which room may depend on which: the arrows of the house as a table, held against the manifests.
//! Owns the table; a new row or arrow needs an ADR that says what it forbids.

use crate::Finding;

/// A crate and the crates of the workspace that it may use.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) may_use: &'static [&'static str],
}

pub(crate) const ALLOWED: &[Room] = &[
    Room { name: "graph", may_use: &[] },
    Room { name: "engine", may_use: &["graph"] },
    Room { name: "upstream", may_use: &["engine", "graph"] },
    Room { name: "downstream", may_use: &["engine", "graph"] },
    Room { name: "tidegate", may_use: &["downstream", "engine", "graph", "upstream"] },
    // Dev only: nothing but tests may see it, so it may look into every room but the binary.
    Room { name: "testkit", may_use: &["downstream", "engine", "graph", "upstream"] },
];

/// Every arrow that the table does not have, and every crate that it does not know.
pub(crate) fn check(manifests: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, manifest) in manifests {
        let Some(room) = ALLOWED.iter().find(|room| room.name == name) else {
            findings.push(format!("crates/{name}: a new room needs an ADR and a row in the table of rooms"));
            continue;
        };
        for (section, dependency) in dependencies(manifest) {
            let known = ALLOWED.iter().any(|room| room.name == dependency);
            let for_tests = section == "dev-dependencies" && dependency == "testkit";
            if known && !for_tests && !room.may_use.contains(&dependency.as_str()) {
                findings.push(format!("crates/{name}/Cargo.toml: {name} may not depend on {dependency}"));
            }
        }
    }
    findings
}

/// `(section, crate)` for each line of a dependency section, whatever target it is for.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `[dependencies.graph]` is a dependency written as a section.
            let kinds = ["dev-dependencies", "build-dependencies", "dependencies"];
            let kind = kinds.iter().find(|kind| header.split('.').any(|part| part == **kind));
            section = kind.map(|kind| (*kind).to_owned()).unwrap_or_default();
            let name = header.rsplit('.').next().unwrap_or_default();
            if !section.is_empty() && name != section {
                found.push((section.clone(), name.to_owned()));
            }
        } else if !section.is_empty() && !line.starts_with('#') {
            let name: String =
                line.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            if !name.is_empty() {
                found.push((section.clone(), name));
            }
        }
    }
    found
}

#[test]
fn a_wrong_arrow_is_caught() {
    let table = [
        ("engine", "[dependencies]\nupstream.workspace = true", 1),
        ("graph", "[dependencies.engine]\npath = \"../engine\"", 1),
        ("upstream", "[target.'cfg(unix)'.dependencies]\ndownstream = { path = \"x\" }", 1),
        ("engine", "[dependencies]\ntestkit.workspace = true", 1),
        ("downstream", "[dev-dependencies]\nupstream.workspace = true", 1),
        ("bus", "[dependencies]\nserde = \"1\"", 1),
        ("engine", "[dependencies]\ngraph.workspace = true\n[dev-dependencies]\ntestkit.workspace = true", 0),
        ("graph", "[package]\nname = \"engine\"\n[dependencies]\nserde = \"1\"", 0),
    ];
    for (name, manifest, count) in table {
        let found = check(&[(name.to_owned(), manifest.to_owned())]);
        assert_eq!(found.len(), count, "{name}: {manifest}: {found:?}");
    }
}
