//! The subgraph client against a scripted server on a real socket: answers good and bad, and what it sends.
//! Never leaves 127.0.0.1.

mod stub;

use super::*;
use std::sync::atomic::Ordering;
use stub::{Seen, Stub, Then, answer};

const QUERY: &str =
    r#"{"query":"query($r:[_Any!]!){_entities(representations:$r){__typename}}","variables":{}}"#;
const MUTATION: &str = r#"{"query":"mutation{pay}","variables":{}}"#;
const BOUND: usize = 10_000;

fn subgraph(url: &str) -> HttpSubgraph {
    let options = Options { answer_bytes_max: BOUND, ..Options::new(url) };
    HttpSubgraph::new(options).expect("a good url")
}

fn request(body: &str) -> Fetch {
    Fetch { body: Bytes::copy_from_slice(body.as_bytes()), headers: Vec::new() }
}

/// What one scripted answer becomes.
async fn ask(bytes: impl Into<String>, then: Then) -> Result<String, SubgraphError> {
    let bytes = bytes.into();
    let stub = Stub::start(move |_, _: &Seen| (bytes.clone(), then)).await;
    let body = subgraph(&stub.url()).fetch(request(MUTATION)).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn passes_answers_and_tells_statuses() {
    for (status, body, expected) in [
        ("200 OK", r#"{"data":{}}"#, Ok(())),
        ("202 Accepted", r#"{"data":{}}"#, Ok(())),
        ("200 OK", "<html>not GraphQL: the engine's business</html>", Ok(())),
        ("200 OK", "", Ok(())),
        ("500 Internal Server Error", r#"{"errors":[{"message":"x"}]}"#, Ok(())),
        ("400 Bad Request", r#"{"data":null}"#, Ok(())),
        ("500 Internal Server Error", "<html>", Err(500)),
        ("502 Bad Gateway", "", Err(502)),
        ("404 Not Found", r#"{"message":"no route"}"#, Err(404)),
        ("429 Too Many Requests", r#"["errors"]"#, Err(429)),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", "", Err(302)),
    ] {
        let (bytes, then) = answer(status, body);
        match (ask(bytes, then).await, expected) {
            (Ok(got), Ok(())) => assert_eq!(got, body),
            (Err(SubgraphError::Status(got)), Err(expected)) => assert_eq!(got, expected),
            (got, _) => panic!("{status} {body}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn broken_answers_are_unreachable() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":";
    let cut_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"dat\r\n";
    for bytes in [cut, cut_chunk, "HTTP/1.1 200 OK\r\ncontent-le", "\u{0}garbage\r\n\r\n", ""] {
        let got = ask(bytes, Then::Close).await;
        assert!(matches!(got, Err(SubgraphError::Unreachable(_))), "{bytes:?}: {got:?}");
    }
}

#[tokio::test]
async fn size_is_bounded_while_it_streams() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let fits = ask(head(BOUND) + &"x".repeat(BOUND), Then::Keep).await;
    assert_eq!(fits.expect("fits").len(), BOUND);
    // Announced: refused though not one byte of it has come.
    for length in [BOUND + 1, 1 << 30] {
        assert!(matches!(ask(head(length), Then::Hang).await, Err(SubgraphError::TooLarge(BOUND))));
    }
    // Not announced, and without end.
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert!(matches!(ask(chunked, Then::Flood).await, Err(SubgraphError::TooLarge(BOUND))));
    let failed = "HTTP/1.1 503 Service Unavailable\r\ntransfer-encoding: chunked\r\n\r\n";
    assert!(matches!(ask(failed, Then::Flood).await, Err(SubgraphError::Status(503))));
}

#[tokio::test]
async fn a_slow_subgraph_is_left_when_the_engine_gives_up() {
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let mut stub = Stub::start(move |_, _: &Seen| (sent.to_owned(), Then::Hang)).await;
        let subgraph = subgraph(&stub.url());
        let mut fetch = subgraph.fetch(request(QUERY));
        tokio::select! {
            got = &mut fetch => panic!("nothing can have come: {got:?}"),
            seen = stub.requests.recv() => assert_eq!(seen.expect("a request").body, QUERY),
        }
        drop(fetch);
        stub.gone.recv().await.expect("the connection is closed, so the subgraph can stop working");
    }
}

#[tokio::test]
async fn sends_json_and_the_forwarded_headers_only() {
    let mut stub = Stub::start(|_, _: &Seen| answer("200 OK", "{}")).await;
    let listed = ["X-Trace", "authorization", "x-split", "host", "accept", "content-length", "connection"];
    let headers_forwarded = listed.map(String::from).to_vec();
    let subgraph = HttpSubgraph::new(Options { headers_forwarded, ..Options::new(stub.url()) });
    let subgraph = subgraph.expect("a good url");
    assert_eq!(subgraph.forwarded()[..2], ["x-trace", "authorization"]);
    let headers = [
        ("x-trace", "1"),
        ("X-Trace", "2"),
        ("authorization", "Bearer t"),
        ("cookie", "not listed"),
        ("host", "evil"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("content-type", "text/plain"),
        ("accept", "text/html"),
        ("connection", "close"),
        ("x-split", "a\r\nx-evil: 1"),
        ("not a name", "1"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    subgraph.fetch(Fetch { headers, ..request(QUERY) }).await.expect("answers");
    let seen = stub.requests.recv().await.expect("a request");
    assert_eq!(seen.body, QUERY);
    let (line, rest) = seen.head.split_once("\r\n").expect("a request line");
    assert_eq!(line, "post /graphql http/1.1");
    let mut fields: Vec<&str> = rest.lines().filter(|line| !line.is_empty()).collect();
    fields.sort_unstable();
    let expected = [
        "accept: application/graphql-response+json, application/json;q=0.9".to_owned(),
        "authorization: bearer t".to_owned(),
        format!("content-length: {}", QUERY.len()),
        "content-type: application/json".to_owned(),
        format!("host: {}", stub.address),
        format!("user-agent: tidegate/{}", env!("CARGO_PKG_VERSION")),
        "x-trace: 1".to_owned(),
        "x-trace: 2".to_owned(),
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn connections_are_kept() {
    let stub = Stub::start(|_, _: &Seen| answer("200 OK", "{}")).await;
    let subgraph = subgraph(&stub.url());
    for _ in 0..20 {
        subgraph.fetch(request(MUTATION)).await.expect("answers");
    }
    assert_eq!(stub.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn only_queries_are_repeated_after_a_kept_connection_broke() {
    for (body, answered) in [(QUERY, true), (r#"{"query":"{a}"}"#, true), (MUTATION, false)] {
        // The second request of a connection is read and then dropped, as a server does that closes while
        // idle.
        let mut stub = Stub::start(|nth, _: &Seen| match nth {
            0 => answer("200 OK", "{}"),
            _ => (String::new(), Then::Close),
        })
        .await;
        let subgraph = subgraph(&stub.url());
        subgraph.fetch(request(body)).await.expect("answers");
        let second = subgraph.fetch(request(body)).await;
        assert_eq!(second.is_ok(), answered, "{body}: {second:?}");
        let mut requests = 0;
        while stub.requests.try_recv().is_ok() {
            requests += 1;
        }
        assert_eq!(requests, if answered { 3 } else { 2 }, "{body}");
    }
}

#[test]
fn only_plain_queries_count_as_repeatable() {
    for (body, expected) in [
        (QUERY, true),
        (r#"{"query":"{a}"}"#, true),
        (MUTATION, false),
        (r#"{"query":" mutation{a}"}"#, false),
        (r##"{"query":"#query\nmutation{a}"}"##, false),
        (r#"{"variables":{"query":"{"},"query":"mutation{a}"}"#, false),
        ("[]", false),
        ("", false),
    ] {
        assert_eq!(is_query(body.as_bytes()), expected, "{body}");
    }
}

#[tokio::test]
async fn credentials_go_into_a_header_and_never_into_an_error() {
    let mut stub = Stub::start(|_, _: &Seen| answer("200 OK", "{}")).await;
    let url = format!("http://user:s%40cret@{}/graphql", stub.address);
    subgraph(&url).fetch(request(QUERY)).await.expect("answers");
    let seen = stub.requests.recv().await.expect("a request");
    assert!(seen.head.contains("authorization: basic dxnlcjpzqgnyzxq=\r\n"), "{}", seen.head);
    assert!(seen.head.contains(&format!("host: {}\r\n", stub.address)), "{}", seen.head);
    for scheme in ["http", "https"] {
        let refused = subgraph(&format!("{scheme}://user:secret@127.0.0.1:1/")).fetch(request(QUERY)).await;
        let Err(SubgraphError::Unreachable(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("refused") && !text.contains("secret") && !text.contains("user"), "{text}");
    }
}

#[tokio::test]
async fn tls_to_a_plain_server_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.writable().await.expect("writable");
        stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("written");
    });
    let got = subgraph(&url).fetch(request(QUERY)).await;
    assert!(matches!(got, Err(SubgraphError::Unreachable(_))), "{got:?}");
}

#[test]
fn urls_are_checked_without_being_told() {
    for url in ["", "/graphql", "ftp://h/", "h:80", "http://user:secret@/", "http://a b/"] {
        let error = HttpSubgraph::new(Options::new(url)).err();
        let error = error.unwrap_or_else(|| panic!("accepted {url:?}"));
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn fetch_url_brings_a_document_or_says_why_not() {
    let patience = Duration::from_secs(30);
    let mut stub = Stub::start(|_, seen: &Seen| match seen.head.split(' ').nth(1) {
        Some("/jwks") => answer("200 OK", r#"{"keys":[]}"#),
        Some("/large") => answer("200 OK", &"x".repeat(101)),
        Some("/slow") => (String::new(), Then::Hang),
        _ => answer("404 Not Found", r#"{"errors":[]}"#),
    })
    .await;
    let at = |path: &str| format!("http://{}{path}", stub.address);
    assert_eq!(fetch_url(&at("/jwks"), 100, patience).await.expect("a document"), r#"{"keys":[]}"#);
    assert!(stub.requests.recv().await.expect("a request").head.starts_with("get /jwks http/1.1\r\n"));
    let failed = |path: &str, time: Duration| {
        let url = at(path);
        async move { fetch_url(&url, 100, time).await.expect_err("fails") }
    };
    let large = failed("/large", patience).await;
    assert!(matches!(large, FetchError::Answer(SubgraphError::TooLarge(100))), "{large}");
    let missing = failed("/missing", patience).await;
    assert!(matches!(missing, FetchError::Answer(SubgraphError::Status(404))), "{missing}");
    let slow = failed("/slow", Duration::from_millis(50)).await;
    assert!(matches!(slow, FetchError::Answer(SubgraphError::Timeout)), "{slow}");
    assert!(matches!(fetch_url("jwks.json", 100, patience).await, Err(FetchError::Url(_))));
}
