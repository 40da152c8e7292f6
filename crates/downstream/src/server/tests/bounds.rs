//! Clients that send too little, too much or in bits, and peers that vanish: each meets a bound and is counted.
//! Owns no timing; the end of a connection is the clock.

use crate::fakes::client::{Client, Received, exchange, frame, handshake};
use crate::fakes::{World, patient};
use crate::options::{Options, Timings};
use engine::Limits;
use engine::outbox::Overflow;
use serde_json::json;
use std::io::Read;
use std::time::Duration;

const POST: &str =
    "POST /graphql HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";

fn counted(world: &World, reason: &str) {
    let line = format!("refusals_total{{reason=\"{reason}\"}} 1\n");
    assert!(world.metrics().contains(&line), "{reason}: {}", world.metrics());
}

#[test]
fn requests_that_do_not_come_in_time_or_measure_are_counted_by_what_was_wrong() {
    let long_line = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many_lines = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(2_000));
    let large_body = POST.replace("length: 9", "length: 5000");
    let cases = [
        ("GET / HTTP/1.1\r\nx: slow", "", "head_timeout"),
        (&long_line, "HTTP/1.1 431", "head_too_large"),
        (&many_lines, "HTTP/1.1 431", "head_too_large"),
        ("not HTTP\r\n\r\n", "HTTP/1.1 400", "bad_head"),
        (POST, "HTTP/1.1 408", "body_timeout"),
        (&large_body, "HTTP/1.1 413", "body_too_large"),
    ];
    for (request, status, reason) in cases {
        let limits = Limits { request_bytes_max: 1_000, ..Limits::default() };
        let timings = Timings { request: Duration::from_millis(200), ..patient() };
        let world = World::with(limits, Options { timings, ..Options::default() });
        let mut client = Client::send_to(world.address, request);
        let answer = if status.is_empty() { client.rest() } else { client.head() };
        assert!(answer.starts_with(status), "{reason}: {answer}");
        world.runtime.block_on(world.all_gone());
        counted(&world, reason);
    }
}

#[test]
fn an_idle_kept_connection_ends() {
    let timings = Timings { request: Duration::from_millis(200), ..patient() };
    let world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let mut client = Client::send_to(world.address, "GET /nothing HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(client.rest().starts_with("HTTP/1.1 404"));
    world.runtime.block_on(world.all_gone());
    assert!(!world.metrics().contains("refusals_total{"), "nothing was refused: {}", world.metrics());
}

#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    // Three of 2 MB: more than the kernel keeps for both ends, and no further head to wait for.
    let timings = Timings {
        unacknowledged: Duration::from_millis(300),
        request: Duration::from_secs(3_600),
        ..patient()
    };
    let world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let body = json!({ "query": "query", "variables": { "a": "x".repeat(2_000_000) } }).to_string();
    let request = POST.replace("length: 9", &format!("length: {}", body.len())) + &body;
    let client = Client::connect(world.address);
    let mut sender = client.stream.try_clone().unwrap();
    // Blocks once nothing is taken any more, and ends with the connection.
    let sending = std::thread::spawn(move || {
        let sent = (0..20).map(|_| std::io::Write::write_all(&mut sender, request.as_bytes()));
        sent.take_while(Result::is_ok).count()
    });
    assert!(sending.join().unwrap() < 20);
    world.runtime.block_on(world.all_gone());
    drop(client);
}

#[test]
fn an_event_stream_whose_peer_takes_nothing_is_lost_before_its_outbox_is_full() {
    let timings = Timings { unacknowledged: Duration::from_millis(300), ..patient() };
    let world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription");
    let member = world.joined();
    let json = format!(r#"{{"data":"{}"}}"#, "x".repeat(1 << 20));
    // More than the buffers of both ends, and less than `outbox_bytes_max` waits behind them.
    let mut reader = client.stream.try_clone().unwrap();
    for _ in 0..9 {
        world.deliver(&[&member], &json, Overflow::Latest);
    }
    assert_eq!(world.left(), member.id);
    world.runtime.block_on(world.all_gone());
    assert!(world.metrics().contains("closes_total{reason=\"connection_lost\"} 1"), "{}", world.metrics());
    let mut rest = Vec::new();
    // The kernel reset it.
    assert!(reader.read_to_end(&mut rest).is_err());
}

#[test]
fn a_large_message_is_for_those_who_are_known() {
    let limits = Limits { connection_init_bytes_max: 1_000, request_bytes_max: 100_000, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), ..Options::default() });
    let init = |padding: usize| {
        json!({ "type": "connection_init", "payload": { "a": "x".repeat(padding) } }).to_string()
    };
    let mut stranger = Client::websocket(world.address);
    stranger.text(&init(1_000));
    assert_eq!(stranger.close_code(), 1009);
    let mut in_bits = Client::websocket(world.address);
    in_bits.send(frame(0x01, &[b' '; 600]));
    in_bits.send(frame(0x80, &[b' '; 600]));
    assert_eq!(in_bits.close_code(), 1009);
    let mut known = Client::websocket(world.address);
    known.text(&init(900));
    assert_eq!(known.message()["type"], "connection_ack");
    known.text(&json!({ "type": "ping", "payload": { "a": "x".repeat(90_000) } }).to_string());
    assert_eq!(known.message()["type"], "pong");
    known.text(&" ".repeat(100_001));
    assert_eq!(known.close_code(), 1009);
}

#[test]
fn messages_come_whole_whatever_they_were_cut_into() {
    let world = World::new();
    let offer = "sec-websocket-protocol: graphql-transport-ws\r\n";
    let mut client = Client::connect(world.address);
    let message = json!({ "type": "ping", "payload": { "a": "ü".repeat(2_000) } }).to_string();
    let (first, rest) = message.as_bytes().split_at(1);
    let mut sent = handshake(offer).into_bytes();
    sent.extend(frame(0x81, br#"{"type":"connection_init"}"#));
    sent.extend(frame(0x01, first));
    for byte in rest {
        sent.extend(frame(0x00, &[*byte]));
        sent.extend(frame(0x89, b"between"));
    }
    sent.extend(frame(0x80, b""));
    sent.chunks(7).for_each(|piece| client.send(piece));
    assert!(client.head().starts_with("HTTP/1.1 101"));
    let (mut pongs, mut texts) = (0, Vec::new());
    while texts.len() < 2 {
        match client.receive() {
            Received::Pong(payload) if payload == b"between" => pongs += 1,
            Received::Text(text) => texts.push(text["type"].clone()),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(pongs, rest.len());
    texts.sort_by_key(|text| text.to_string());
    assert_eq!(texts, ["connection_ack", "pong"]);
}

#[test]
fn more_messages_than_a_turn_takes_are_all_answered_in_order() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    let pings: Vec<u8> = (0..1_000_u16).flat_map(|n| frame(0x89, &n.to_be_bytes())).collect();
    client.send(pings);
    for n in 0..1_000_u16 {
        assert_eq!(client.receive(), Received::Pong(n.to_be_bytes().to_vec()));
    }
}

#[test]
fn streams_that_are_reserved_and_not_opened_leave_room_for_all_else() {
    let limits = Limits { reserved_streams_max: 2, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), shards: 1, ..Options::default() });
    let reserve = || exchange(world.address, "PUT /graphql HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    let (first, _, token) = reserve();
    assert_eq!((first, reserve().0), (201, 201));
    let (status, head, body) = reserve();
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: ") && body.contains("limits.reserved_streams_max"), "{head}{body}");
    counted(&world, "reserved_streams");
    // An open one is a connection like any other.
    let mut client = Client::send_to(
        world.address,
        format!("GET /graphql?token={token} HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\n\r\n"),
    );
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert_eq!(reserve().0, 201);
    assert_eq!(reserve().0, 503);
}

#[test]
fn a_reserved_stream_that_holds_too_much_before_it_is_opened_says_so_and_ends_whole() {
    let limits = Limits { outbox_frames_max: 2, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), shards: 1, ..Options::default() });
    let (_, _, token) =
        exchange(world.address, "PUT /graphql HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    // One the connection has taken already, two wait, and the fourth does not fit.
    for n in 0..4 {
        let body = json!({ "query": "query", "extensions": { "operationId": n.to_string() } }).to_string();
        let request = format!("POST /graphql?token={token} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n");
        let (status, _, answer) = exchange(
            world.address,
            &format!(
                "{request}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert_eq!(status, 202, "{answer}");
    }
    let is_closed = || world.metrics().contains("closes_total{reason=\"slow_consumer\"} 1");
    let looks = (0..10_000).take_while(|_| !is_closed());
    looks.for_each(|_| std::thread::sleep(Duration::from_millis(1)));
    let mut client = Client::send_to(
        world.address,
        format!("GET /graphql?token={token} HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\n\r\n"),
    );
    let stream = client.rest();
    assert!(stream.contains("SUBSCRIPTION_LAGGED"), "{stream}");
    assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream}");
    assert!(world.metrics().contains("{protocol=\"sse-single\",reason=\"slow_consumer\"} 1"));
}
