//! GraphQL over HTTP: statuses, types, bounds, pages and guards.
//! Owns the table of statuses.

use crate::fakes::client::{Client, exchange, handshake};
use crate::fakes::{World, patient};
use crate::options::{Options, Page};
use bytes::Bytes;
use engine::Limits;
use serde_json::{Value, json};

fn post(headers: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
         content-length: {len}\r\n{headers}\r\n{body}"
    )
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}\r\n")
}

const JSON: &str = "content-type: application/json\r\n";
const NEW: &str = "content-type: application/json\r\naccept: application/graphql-response+json\r\n";

#[test]
fn statuses_and_types_are_by_this_table() {
    let limits = Limits { request_bytes_max: 1000, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), ..Options::default() });
    let old = "application/json; charset=utf-8";
    let new = "application/graphql-response+json; charset=utf-8";
    let large = format!(r#"{{"query":"{}"}}"#, "x".repeat(1000));
    let table = [
        (post(JSON, r#"{"query":"{ a }"}"#), 200, old),
        (post(NEW, r#"{"query":"{ a }"}"#), 200, new),
        (post(NEW, r#"{"query":"mutation m"}"#), 200, new),
        (post(JSON, r#"{"query":"{ invalid }"}"#), 200, old),
        (post(NEW, r#"{"query":"{ invalid }"}"#), 400, new),
        (post(JSON, r#"{"query":"{ forbidden }"}"#), 403, old),
        (post(JSON, "{"), 400, old),
        (post(JSON, "[]"), 400, old),
        (post(JSON, "{}"), 400, old),
        (post(JSON, r#"{"query":1}"#), 400, old),
        (post(JSON, r#"{"query":"{a}","variables":[]}"#), 400, old),
        (post(JSON, &large), 413, old),
        (post("content-type: text/plain\r\n", r#"{"query":"{ a }"}"#), 415, old),
        (post("", r#"{"query":"{ a }"}"#), 415, old),
        (post(JSON, r#"{"query":"subscription"}"#), 406, old),
        (
            post(&format!("{JSON}accept: text/html\r\n"), r#"{"query":"{a}"}"#),
            406,
            "text/plain; charset=utf-8",
        ),
        (get("/graphql?query=%7Ba%7D", ""), 200, old),
        (get("/graphql?query=%7Ba%7D&variables=%7B", ""), 400, old),
        (get("/graphql", ""), 400, old),
        (get("/graphql?query=mutation", ""), 405, old),
        (get("/nowhere", ""), 404, "text/plain; charset=utf-8"),
    ];
    for (request, status, content_type) in table {
        let (found, head, body) = exchange(world.address, &request);
        assert_eq!(found, status, "{request}\n{body}");
        assert!(head.contains(&format!("content-type: {content_type}")), "{request}\n{head}");
        if content_type != "text/plain; charset=utf-8" {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_ne!(body.get("data").is_some(), body.get("errors").is_some(), "{request}");
        }
    }
}

#[test]
fn the_query_string_carries_the_whole_request() {
    let world = World::new();
    let (_, _, body) =
        exchange(world.address, &get("/graphql?query=%7Ba%7D&variables=%7B%22n%22%3A1%7D", ""));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["data"]["echo"], json!({ "n": 1 }));
}

#[test]
fn one_connection_serves_requests_and_then_becomes_a_stream() {
    let world = World::new();
    let body = r#"{"query":"{ a }"}"#;
    let request =
        format!("POST /graphql HTTP/1.1\r\nhost: h\r\n{JSON}content-length: {}\r\n\r\n{body}", body.len());
    let offer = "sec-websocket-protocol: graphql-transport-ws\r\n";
    let init = crate::fakes::client::frame(0x81, br#"{"type":"connection_init"}"#);
    let mut client =
        Client::send_to(world.address, [request.as_bytes(), handshake(offer).as_bytes(), &init].concat());
    assert!(client.head().starts_with("HTTP/1.1 200"));
    client.until(b"}}");
    assert!(client.head().starts_with("HTTP/1.1 101"));
    assert_eq!(client.message(), json!({ "type": "connection_ack" }));
}

#[test]
fn pages_are_served_as_they_are() {
    let page = Page {
        path: "/".into(),
        content_type: "text/html; charset=utf-8".into(),
        bytes: Bytes::from_static(b"<p>hello"),
        content_encoding: Some("gzip".into()),
    };
    let world = World::with(Limits::default(), Options { pages: vec![page], ..Options::default() });
    let (status, head, body) = exchange(world.address, &get("/", ""));
    assert_eq!((status, &*body), (200, "<p>hello"));
    assert!(head.contains("content-encoding: gzip") && head.contains("text/html"), "{head}");
    let head_only = "HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(world.address, head_only).2, "");
    assert_eq!(exchange(world.address, "DELETE / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").0, 405);
}

#[test]
fn handshakes_that_must_not_succeed_have_their_status() {
    let world = World::new();
    let good = handshake("connection: close\r\n");
    let table = [
        (handshake("origin: http://evil.example\r\n"), 403),
        (good.replace("version: 13", "version: 8"), 426),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
    ];
    for (request, status) in table {
        let mut client = Client::send_to(world.address, &request);
        assert!(client.head().starts_with(&format!("HTTP/1.1 {status}")), "{request}");
    }
    let mut own = Client::send_to(world.address, handshake("origin: http://localhost\r\n"));
    assert!(own.head().starts_with("HTTP/1.1 101"));
}

#[test]
fn callers_are_refused_with_401_before_their_body_is_read() {
    let issuer = crate::auth::IssuerOptions {
        keys: crate::jwks::KeySource::Secret(b"secret".to_vec()),
        algorithms: Vec::new(),
        issuers: Vec::new(),
        audiences: Vec::new(),
        clock_skew: std::time::Duration::ZERO,
    };
    let auth = crate::auth::AuthOptions { issuers: vec![issuer], required: true, ..Default::default() };
    let authenticator = std::sync::Arc::new(crate::auth::Authenticator::new(auth).unwrap());
    let options = Options { authenticator, timings: patient(), ..Options::default() };
    let world = World::with(Limits::default(), options);
    let body = r#"{"query":"{ a }"}"#;
    let bad = format!("{JSON}authorization: Bearer nonsense\r\n");
    let stream = format!("{JSON}accept: text/event-stream\r\n");
    for (request, text) in [
        (post(JSON, body), "a token is required"),
        (post(&bad, body), "the token is not valid"),
        (post(&stream, body), "a token is required"),
        // The body that is announced never comes.
        (post(JSON, "").replace("content-length: 0", "content-length: 100"), "a token is required"),
    ] {
        let (status, head, body) = exchange(world.address, &request);
        assert!(status == 401 && head.contains("www-authenticate: bearer"), "{request}\n{head}");
        assert!(body.contains(text) && body.contains("UNAUTHENTICATED"), "{request}\n{body}");
    }
    assert!(world.metrics().contains("auth_failures_total{reason=\"missing\"} 3"), "{}", world.metrics());
}

#[test]
fn a_preflight_names_only_allowed_origins() {
    let options = Options { allowed_origins: vec!["http://app".into()], ..Options::default() };
    let world = World::with(Limits::default(), options);
    let preflight = |origin: &str| {
        format!("OPTIONS /graphql HTTP/1.1\r\nhost: h\r\nconnection: close\r\norigin: {origin}\r\n\r\n")
    };
    let (status, head, _) = exchange(world.address, &preflight("http://app"));
    assert!(status == 204 && head.contains("access-control-allow-origin: http://app"), "{head}");
    let (_, head, _) = exchange(world.address, &preflight("http://evil"));
    assert!(!head.contains("access-control-allow-origin"), "{head}");
}

#[test]
fn a_drain_does_not_wait_for_connections_that_ask_for_nothing() {
    let timings = crate::options::Timings { request: std::time::Duration::from_secs(3600), ..patient() };
    let mut world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let mut silent = Client::connect(world.address);
    let body = r#"{"query":"{ a }"}"#;
    let request =
        format!("POST /graphql HTTP/1.1\r\nhost: h\r\n{JSON}content-length: {}\r\n\r\n{body}", body.len());
    let mut kept_alive = Client::send_to(world.address, request);
    kept_alive.head();
    kept_alive.until(b"}}");
    let drained = world.drain();
    assert_eq!((silent.rest(), kept_alive.rest()), (String::new(), String::new()));
    world.runtime.block_on(drained).unwrap();
}

#[test]
fn a_connection_too_many_is_told_to_come_back() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), ..Options::default() });
    let mut first = Client::acknowledged(world.address);
    let answer = Client::connect(world.address).rest();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5\r\n"), "{answer}");
    first.text(r#"{"type":"ping"}"#);
    assert_eq!(first.message(), json!({ "type": "pong" }));
    drop(first);
    world.runtime.block_on(world.all_gone());
    Client::acknowledged(world.address);
}
