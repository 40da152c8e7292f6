//! A whole router in this process: what its listeners answer, why it does not start, and that it stops.

use super::*;
use graph::compose::{SchemaSource, compose};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const THINGS: &str = "type Query { thing: Thing } type Thing @key(fields: \"id\") { id: ID! }";
const EVENTS: &str = "type Subscription { \
                      thingChanged: Thing! @edfs__natsSubscribe(subjects: [\"things\"]) } \
                      type Thing @key(fields: \"id\", resolvable: false) { id: ID! @external }";
const MEMORY: &str = "events: {providers: {memory: [{id: default}]}}\n";

fn sdl() -> String {
    let source = |name: &str, sdl: &str, routing_url: Option<&str>| SchemaSource {
        name: name.into(),
        routing_url: routing_url.map(String::from),
        sdl: sdl.into(),
        origin: name.into(),
    };
    // Nothing listens on port 9 of this machine, and nothing here asks it.
    let sources = [source("things", THINGS, Some("http://127.0.0.1:9")), source("events", EVENTS, None)];
    compose(&sources).unwrap().sdl
}

/// A router with free ports, unless the settings name some.
async fn start(settings: &str) -> Result<Running, StartError> {
    let free = |section: &str| match settings.contains(section) {
        true => String::new(),
        false => format!("{section} {{port: 0}}\n"),
    };
    let text = format!("{}{}{settings}", free("http:"), free("admin:"));
    let config = Config::read(&text, "test", Path::new(""), &[]).unwrap().config;
    Tidegate::builder().config(config).supergraph(sdl()).start().await
}

/// Status and body of one answer.
async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn the_admin_listener_answers_operators() {
    let running = start(&format!("{MEMORY}limits: {{event_bytes_max: 64}}\n")).await.unwrap();
    let admin = running.admin_address().unwrap();
    let large = "x".repeat(65);
    let table = [
        ("GET", "/health/live", "", "", 200, "\"live\":true"),
        ("GET", "/health/ready", "", "", 200, "{\"id\":\"default\",\"family\":\"memory\",\"up\":true}"),
        ("GET", "/metrics", "", "", 200, "tidegate_subscriptions_active 0"),
        ("GET", "/census", "", "", 200, "\"subscriptions\":0"),
        ("POST", "/publish?subject=things", "", "{}", 200, "\"bytes\":2"),
        ("POST", "/publish?subject=things", "", &large, 413, "limits.event_bytes_max"),
        ("POST", "/publish?subject=things", "origin: http://evil.example\r\n", "{}", 403, "web pages"),
        ("POST", "/publish?subject=things&provider=kafka", "", "{}", 404, "no provider `kafka`"),
        ("POST", "/publish", "", "{}", 400, "`subject` is missing"),
        ("GET", "/publish?subject=things", "", "", 405, "takes POST"),
        ("GET", "/graphql", "", "", 404, "there is: "),
    ];
    for (method, path, headers, body, status, part) in table {
        let answer = ask(admin, method, path, headers, body).await;
        assert!(answer.0 == status && answer.1.contains(part), "{method} {path}: {answer:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn with_a_token_only_its_holder_publishes() {
    let running = start(&format!("{MEMORY}admin: {{port: 0, token: t0ken}}\n")).await.unwrap();
    let admin = running.admin_address().unwrap();
    let table =
        [("", 401), ("authorization: Bearer wrong\r\n", 401), ("authorization: Bearer t0ken\r\n", 200)];
    for (headers, status) in table {
        assert_eq!(ask(admin, "POST", "/publish?subject=things", headers, "{}").await.0, status, "{headers}");
    }
    assert_eq!(ask(admin, "GET", "/health/ready", "", "").await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn switches_reach_the_clients_listener() {
    let settings = format!("{MEMORY}graphiql: {{enabled: true}}\nsubscriptions: {{enabled: false}}\n");
    let running = start(&settings).await.unwrap();
    let page = ask(running.address(), "GET", "/", "", "").await;
    assert!(page.0 == 200 && page.1.contains("<html"), "{page:?}");
    let headers = "content-type: application/json\r\naccept: text/event-stream\r\n";
    let query = "{\"query\":\"subscription { thingChanged { id } }\"}";
    let refused = ask(running.address(), "POST", "/graphql", headers, query).await;
    assert!(refused.1.contains("subscriptions are switched off here"), "{refused:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_stopped_router_listens_no_more() {
    let running = start(MEMORY).await.unwrap();
    assert!(running.provider("default").is_some() && running.provider("other").is_none());
    let (address, admin) = (running.address(), running.admin_address().unwrap());
    running.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
    assert!(TcpStream::connect(admin).await.is_err());
}

#[tokio::test]
async fn what_keeps_a_router_from_starting_names_the_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let table = [
        (String::new(), "`Subscription.thingChanged` needs the provider `default`"),
        (format!("{MEMORY}http: {{port: {port}}}\n"), "cannot listen on 127.0.0.1"),
        (format!("{MEMORY}admin: {{port: {port}}}\n"), "cannot listen on 127.0.0.1"),
        (format!("{MEMORY}jwt: {{jwks: {{file: /nowhere/jwks.json}}}}\n"), "`jwt.jwks.file`: /nowhere"),
        (
            format!("{MEMORY}override_subgraph_urls: {{things: 'http://'}}\n"),
            "`override_subgraph_urls.things`",
        ),
        (format!("{MEMORY}headers: {{subgraphs: {{thing: {{}}}}}}\n"), "did you mean `things`?"),
    ];
    for (settings, message) in table {
        let error = start(&settings).await.err().unwrap_or_else(|| panic!("{settings} starts")).to_string();
        assert!(error.contains(message), "{settings}: {error}");
    }
    let error = Tidegate::builder().start().await.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("there is no supergraph to serve"));
}
