//! graphql-sse's distinct connections mode, byte for byte.
//! Owns no sleep; every wait is for bytes or for what the engine saw.

use crate::fakes::client::Client;
use crate::fakes::{World, at_once, patient};
use crate::options::{Drain, Options, Timings};
use engine::Limits;
use engine::outbox::{End, Overflow};
use graph::error::{Code, GraphqlError};
use std::time::Duration;

fn post(body: &str) -> String {
    let len = body.len();
    format!(
        "POST /graphql HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
    )
}

fn get(query: &str) -> String {
    format!("GET /graphql?{query} HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
}

/// The head, and the comment behind it.
fn opened(client: &mut Client) -> String {
    let head = client.head();
    assert_eq!(client.until(b"\n\n"), ":\n\n");
    head
}

#[test]
fn a_stream_is_these_bytes_from_head_to_complete() {
    let world = World::new();
    for request in [post(r#"{"query":"subscription"}"#), get("query=subscription%20%7B+a+%7D")] {
        let mut client = Client::send_to(world.address, request);
        let head = opened(&mut client);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream"), "{head}");
        assert!(head.contains("x-accel-buffering: no\r\n"), "{head}");
        let member = world.joined();
        world.deliver(&[&member], r#"{"data":{"n":1}}"#, Overflow::Disconnect);
        assert_eq!(client.until(b"\n\n"), "event: next\ndata: {\"data\":{\"n\":1}}\n\n");
        world.end(&member, End::Complete);
        assert_eq!(client.rest(), "event: complete\ndata:\n\n");
        assert_eq!(world.left(), member.id);
    }
}

#[test]
fn refusals_results_and_ends_are_told_inside_the_stream() {
    let world = World::new();
    let complete = "event: complete\ndata:\n\n";
    let error = |message: &str, code: &str| {
        format!(r#"{{"errors":[{{"message":"{message}","extensions":{{"code":"{code}"}}}}]}}"#)
    };
    let result = r#"{"data":{"echo":{},"claims":null}}"#;
    let table = [
        (post(r#"{"query":"{ a }"}"#), result.to_owned()),
        (post(r#"{"query":"mutation m"}"#), result.to_owned()),
        (get("query=%7Ba%7D"), result.to_owned()),
        (get("query=mutation+m"), error("a mutation cannot be sent by GET; use POST", "BAD_REQUEST")),
        (post(r#"{"query":"{ invalid }"}"#), error("invalid", "GRAPHQL_VALIDATION_FAILED")),
        (post(r#"{"query":"subscription refused"}"#), error("not you", "SUBSCRIPTION_REFUSED")),
        (post(r#"{"noquery":1}"#), error("`query` is missing", "BAD_REQUEST")),
        (post(r#"{"query":"{ panic }"}"#), error("internal server error", "INTERNAL_SERVER_ERROR")),
    ];
    for (request, expected) in table {
        let mut client = Client::send_to(world.address, &request);
        opened(&mut client);
        assert_eq!(client.rest(), format!("event: next\ndata: {expected}\n\n{complete}"), "{request}");
    }
    let mut client = Client::send_to(world.address, post(r#"{"query":"subscription"}"#));
    opened(&mut client);
    let member = world.joined();
    world.end(&member, End::Errors(vec![GraphqlError::new(Code::Forbidden, "no more")]));
    let expected = error("no more", "FORBIDDEN");
    assert_eq!(client.rest(), format!("event: next\ndata: {expected}\n\n{complete}"));
}

#[test]
fn a_client_that_accepts_everything_gets_what_its_operation_needs() {
    let world = World::new();
    let urql =
        "accept: application/graphql-response+json, application/json, text/event-stream, multipart/mixed";
    let accepting = |request: String| request.replace("accept: text/event-stream", urql);
    let mut live = Client::send_to(world.address, accepting(post(r#"{"query":"subscription"}"#)));
    assert!(opened(&mut live).contains("text/event-stream"));
    let member = world.joined();
    world.end(&member, End::Complete);
    assert_eq!(live.rest(), "event: complete\ndata:\n\n");
    let mut query = Client::send_to(world.address, accepting(post(r#"{"query":"{ a }"}"#)));
    assert!(query.head().contains("application/graphql-response+json"));
}

#[test]
fn a_silent_stream_gets_comments() {
    let timings = Timings { heartbeat: Duration::from_millis(40), ..patient() };
    let world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let mut client = Client::send_to(world.address, post(r#"{"query":"subscription"}"#));
    opened(&mut client);
    assert_eq!(client.until(b"\n\n"), ":\n\n");
    assert_eq!(client.until(b"\n\n"), ":\n\n");
}

#[test]
fn a_client_that_hangs_up_leaves() {
    let world = World::new();
    let mut client = Client::send_to(world.address, post(r#"{"query":"subscription"}"#));
    client.head();
    let member = world.joined();
    drop(client);
    assert_eq!(world.left(), member.id);
}

#[test]
fn a_drain_ends_the_stream_with_complete_or_so_that_clients_come_back() {
    for completes_event_streams in [true, false] {
        let mut world = World::new();
        let mut client = Client::send_to(world.address, post(r#"{"query":"subscription"}"#));
        opened(&mut client);
        world.joined();
        let drained = world.drain_as(Drain { completes_event_streams, ..at_once() });
        let rest = client.rest();
        assert!(rest.starts_with("event: next\n") && rest.contains("SUBSCRIPTION_SERVER_DRAIN"), "{rest}");
        assert_eq!(rest.ends_with("event: complete\ndata:\n\n"), completes_event_streams, "{rest}");
        drop(client);
        world.runtime.block_on(drained).unwrap();
    }
}

#[test]
fn http_1_1_gets_chunks_so_that_an_end_is_no_loss() {
    let world = World::new();
    let request = post(r#"{"query":"subscription"}"#).replace("HTTP/1.0", "HTTP/1.1");
    let mut client = Client::send_to(world.address, request);
    assert!(client.head().contains("transfer-encoding: chunked\r\n"));
    let member = world.joined();
    world.deliver(&[&member], r#"{"data":{"n":1}}"#, Overflow::Disconnect);
    world.end(&member, End::Complete);
    let event = "event: next\ndata: {\"data\":{\"n\":1}}\n\n";
    let end = "event: complete\ndata:\n\n";
    let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n", bytes.len());
    assert_eq!(client.rest(), [&*chunk(":\n\n"), &chunk(event), &chunk(end), "0\r\n\r\n"].concat());
}

#[test]
fn a_result_is_read_to_its_end_at_any_pace() {
    let limits = Limits { request_bytes_max: 32 << 20, ..Limits::default() };
    let timings = Timings { close: Duration::from_millis(100), ..patient() };
    let world = World::with(limits, Options { timings, ..Options::default() });
    // More than the kernel keeps for both ends.
    let text = "x".repeat(24 << 20);
    let mut client = Client::send_to(
        world.address,
        post(&format!(r#"{{"query":"{{ a }}","variables":{{"a":"{text}"}}}}"#)),
    );
    opened(&mut client);
    client.until(b"event: next");
    std::thread::sleep(Duration::from_millis(500));
    let rest = client.rest();
    assert!(rest.len() > text.len() && rest.ends_with("event: complete\ndata:\n\n"), "{} bytes", rest.len());
}
