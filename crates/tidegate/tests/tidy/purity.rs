//! What a room may not even mention: graph's clocks and sockets, the engine's protocols, a trigger's locks.
//! Owns the forbidden words. Text in comments is free.

use crate::names::parts;
use crate::source::{Source, without_tests, words};
use crate::{Finding, assert_catches};

/// Paths and words that would let the outside into `graph` (invariant 1).
const IMPURE: &[&str] = &[
    "tokio",
    "std::net",
    "std::fs",
    "std::time",
    "std::thread",
    "std::env",
    "Instant",
    "SystemTime",
    "async",
    "await",
];

/// Protocols, brokers and file formats that the engine knows nothing of (invariant 2).
const PROTOCOLS: &[&str] = &["websocket", "sse", "nats", "kafka", "redis", "yaml", "jetstream", "mio"];

/// What would make a trigger's state anybody else's (invariant 4).
const LOCKS: &[&str] = &["Mutex", "RwLock", "Semaphore", "parking_lot", "lock"];

pub(crate) fn graph(source: &Source) -> Vec<Finding> {
    if !source.is_in("graph") {
        return Vec::new();
    }
    forbidden(source, IMPURE, "invariant 1: graph is pure")
}

pub(crate) fn engine(source: &Source) -> Vec<Finding> {
    if !source.is_in("engine") {
        return Vec::new();
    }
    let code = without_tests(&source.code_and_strings());
    let mut findings = Vec::new();
    for (at, word) in words(&code) {
        let parts = parts(word);
        let joined = parts.concat();
        let named =
            |protocol: &&&str| parts.iter().any(|part| part == **protocol) || joined.contains("websocket");
        if let Some(protocol) = PROTOCOLS.iter().find(named) {
            let line = source.line_of(at);
            findings.push(format!(
                "{}:{line}: `{word}` ({protocol}): invariant 2: engine knows none",
                source.path
            ));
        }
    }
    findings
}

pub(crate) fn trigger(source: &Source) -> Vec<Finding> {
    if !source.is_in("engine") || !source.path.starts_with("crates/engine/src/trigger") {
        return Vec::new();
    }
    forbidden(source, LOCKS, "invariant 4: a trigger's state is its own task's")
}

pub(crate) fn house(source: &Source) -> Vec<Finding> {
    let mut findings = forbidden(source, &["unsafe"], "the house has none");
    // Test targets of Cargo are folders with a main.rs, so a mod.rs has no use anywhere.
    if source.path.ends_with("/mod.rs") {
        findings.push(format!("{}: name it after its folder, beside it", source.path));
    }
    findings
}

fn forbidden(source: &Source, list: &[&str], why: &str) -> Vec<Finding> {
    let code = without_tests(&source.code);
    let mut findings = Vec::new();
    for (at, word) in words(&code) {
        let here = |entry: &&&str| match entry.split_once("::") {
            None => word == **entry,
            // A `Duration` is a number; only reading a clock is impure.
            Some((first, _)) => {
                let path = &code[at..];
                word == first && path.starts_with(**entry) && !path.starts_with("std::time::Duration")
            }
        };
        if let Some(entry) = list.iter().find(here) {
            findings.push(format!("{}:{}: `{entry}`: {why}", source.path, source.line_of(at)));
        }
    }
    findings
}

/// Addresses of package registries anywhere outside lock files.
pub(crate) fn registries(texts: &[(String, String)]) -> Vec<Finding> {
    // Written in pieces, so that this list does not find itself.
    let hosts = [
        ["crates", "io"],
        ["npmjs", "com"],
        ["npmjs", "org"],
        ["pypi", "org"],
        ["pythonhosted", "org"],
        ["proxy.golang", "org"],
        ["maven", "org"],
        ["deb.debian", "org"],
    ];
    let hosts = hosts.map(|pieces| pieces.join("."));
    let mut findings = Vec::new();
    for (path, text) in
        texts.iter().filter(|(path, _)| !path.ends_with("lock") && !path.ends_with("-lock.json"))
    {
        for host in hosts.iter().filter(|host| text.contains(host.as_str())) {
            findings.push(format!("{path}: names the registry {host}"));
        }
    }
    findings
}

#[test]
fn impure_graph_is_caught() {
    let path = "crates/graph/src/a.rs";
    assert_catches(graph, path, "use std::time::Instant;", "use std::time::Duration; // std::time", 2);
    assert_catches(graph, path, "async fn f() {}", "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }", 1);
    assert!(graph(&Source::new("crates/upstream/src/a.rs", "use std::net::IpAddr;")).is_empty());
}

#[test]
fn an_engine_that_knows_a_protocol_is_caught() {
    let path = "crates/engine/src/a.rs";
    let good = "// as NATS does\nstruct Session; fn assess() {}";
    assert_catches(engine, path, "struct WebSocketSink; fn open_nats() {}", good, 2);
    assert_catches(engine, path, "let why = \"Redis is away\";", "let why = \"the broker is away\";", 1);
}

#[test]
fn a_lock_in_a_trigger_is_caught() {
    let path = "crates/engine/src/trigger/group.rs";
    assert_catches(
        trigger,
        path,
        "use std::sync::Mutex; fn f() { x.lock(); }",
        "struct Block; // a Mutex",
        2,
    );
    assert!(trigger(&Source::new("crates/engine/src/metrics.rs", "use std::sync::Mutex;")).is_empty());
}

#[test]
fn unsafe_and_mod_rs_are_caught() {
    assert_catches(house, "crates/a/src/a.rs", "unsafe { x() }", "#![forbid(unsafe_code)]", 1);
    assert_eq!(house(&Source::new("crates/a/src/b/mod.rs", "")).len(), 1);
}

#[test]
fn a_registry_is_caught() {
    let host = ["crates", "io"].join(".");
    let text = |path: &str, text: &str| vec![(path.to_owned(), text.to_owned())];
    assert_eq!(registries(&text("README.md", &format!("see {host}"))).len(), 1);
    assert!(registries(&text("Cargo.lock", &host)).is_empty());
}
