//! graphql-transport-ws end to end: hand-over, operations, ends, leaks, limits.
//! Owns no sleep; every wait is for a message or for what the engine saw.

use crate::auth::{AuthOptions, Authenticator, IssuerOptions};
use crate::fakes::client::{Client, Received, frame, handshake};
use crate::fakes::{World, patient};
use crate::jwks::KeySource;
use crate::options::{Options, Timings};
use engine::Limits;
use engine::outbox::{End, Overflow};
use graph::error::{Code, GraphqlError};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const OFFER: &str = "sec-websocket-protocol: graphql-transport-ws\r\n";

#[test]
fn bytes_sent_with_the_handshake_are_not_lost() {
    let world = World::new();
    let subscribe = r#"{"id":"1","type":"subscribe","payload":{"query":"{ a }","variables":{"n":1}}}"#;
    let first = frame(0x81, br#"{"type":"connection_init"}"#);
    // A frame cut in two: the first half arrives with the request.
    let second = frame(0x81, br#"{"type":"ping","payload":{"p":1}}"#);
    let bytes = [handshake(OFFER).as_bytes(), &first, &second[..9]].concat();
    let mut client = Client::send_to(world.address, bytes);
    let head = client.head();
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("sec-websocket-protocol: graphql-transport-ws\r\n"), "{head}");
    assert_eq!(client.message(), json!({ "type": "connection_ack" }));
    client.send(&second[9..]);
    assert_eq!(client.message(), json!({ "type": "pong", "payload": { "p": 1 } }));
    client.text(subscribe);
    let expected =
        json!({ "id": "1", "type": "next", "payload": { "data": { "echo": { "n": 1 }, "claims": null } } });
    assert_eq!(client.message(), expected);
    assert_eq!(client.message(), json!({ "id": "1", "type": "complete" }));
}

#[test]
fn a_subscription_lives_from_subscribe_to_complete() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("a\"b", "subscription live");
    let member = world.joined();
    world.deliver(&[&member], r#"{"data":{"n":1}}"#, Overflow::Disconnect);
    assert_eq!(client.message(), json!({ "id": "a\"b", "type": "next", "payload": { "data": { "n": 1 } } }));
    let skip = engine::outbox::ShardTurn::Skipped { members: [member.id].into(), events: 3 };
    world.push(&member, skip);
    world.deliver(&[&member], r#"{"data":{"n":5}}"#, Overflow::Disconnect);
    let note = json!({ "tidegate": { "skipped": 3 } });
    let payload = json!({ "data": { "n": 5 }, "extensions": note });
    assert_eq!(client.message(), json!({ "id": "a\"b", "type": "next", "payload": payload }));
    client.text(r#"{"id":"a\"b","type":"complete"}"#);
    assert_eq!(world.left(), member.id);
    // The id is free again, late events go nowhere, and unknown ids are ignored.
    world.deliver(&[&member], r#"{"data":{"n":6}}"#, Overflow::Disconnect);
    client.text(r#"{"id":"never","type":"complete"}"#);
    client.subscribe("a\"b", "{ again }");
    assert_eq!(client.message()["type"], "next");
}

#[test]
fn the_engine_ends_with_complete_or_error_and_never_both() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription");
    let completed = world.joined();
    client.subscribe("2", "subscription");
    let failed = world.joined();
    world.end(&completed, End::Complete);
    world.end(&failed, End::Errors(vec![GraphqlError::new(Code::InternalServerError, "gone")]));
    assert_eq!(client.message(), json!({ "id": "1", "type": "complete" }));
    let error = json!([{ "message": "gone", "extensions": { "code": "INTERNAL_SERVER_ERROR" } }]);
    assert_eq!(client.message(), json!({ "id": "2", "type": "error", "payload": error }));
    let mut left = [world.left(), world.left()];
    left.sort();
    assert_eq!(left, [completed.id, failed.id]);
    client.text(r#"{"type":"ping"}"#);
    assert_eq!(client.message(), json!({ "type": "pong" }), "nothing came between");
}

#[test]
fn every_refusal_is_an_error_for_that_operation_alone() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    for (query, code) in [
        ("{ invalid }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ forbidden }", "FORBIDDEN"),
        ("subscription refused", "SUBSCRIPTION_REFUSED"),
        ("{ panic }", "INTERNAL_SERVER_ERROR"),
    ] {
        client.subscribe("1", query);
        let message = client.message();
        assert_eq!(message["type"], "error", "{query}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{query}");
    }
    client.subscribe("1", "{ fine }");
    assert_eq!(client.message()["type"], "next");
}

#[test]
fn a_complete_that_overtakes_the_join_gives_it_up() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription slow");
    world.prepared();
    client.text(r#"{"id":"1","type":"complete"}"#);
    client.text(r#"{"type":"ping"}"#);
    assert_eq!(client.message(), json!({ "type": "pong" }), "the complete was taken in");
    // Without the gate being opened: however long the engine would have waited, it is given up now.
    world.left();
}

#[test]
fn a_connection_is_read_on_while_many_of_its_subscriptions_wait_for_their_source() {
    let limits = Limits { operations_inflight_per_connection_max: 4, ..Limits::default() };
    let world = World::with(limits, Options { timings: patient(), ..Options::default() });
    let mut client = Client::acknowledged(world.address);
    for n in 0..20 {
        client.subscribe(&n.to_string(), "subscription slow");
    }
    client.text(r#"{"type":"ping"}"#);
    assert_eq!(client.message(), json!({ "type": "pong" }));
    world.engine.gate.add_permits(20);
    for _ in 0..20 {
        world.joined();
    }
}

#[test]
fn a_lost_connection_leaves_what_it_joined() {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription");
    let member = world.joined();
    drop(client);
    assert_eq!(world.left(), member.id);
    world
        .runtime
        .block_on(async { tokio::time::timeout(crate::fakes::PATIENCE, world.all_gone()).await })
        .unwrap();
}

#[test]
fn closes_carry_their_codes() {
    let world = World::new();
    let acknowledged = |text: &str| {
        let mut client = Client::acknowledged(world.address);
        client.subscribe("taken", "subscription");
        client.text(text);
        client.close_code()
    };
    assert_eq!(acknowledged(r#"{"type":"connection_init"}"#), 4429);
    assert_eq!(acknowledged(r#"{"type":"subscribe","id":"taken","payload":{"query":"{a}"}}"#), 4409);
    assert_eq!(acknowledged("nonsense"), 4400);
    let opened = |bytes: Vec<u8>| {
        let mut client = Client::websocket(world.address);
        client.send(bytes);
        client.close_code()
    };
    let subscribe = br#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#;
    assert_eq!(opened(frame(0x81, subscribe)), 4401);
    assert_eq!(opened(frame(0x82, b"binary")), 4400);
    assert_eq!(opened(frame(0xC1, b"reserved bit")), 1002);
    assert_eq!(opened(frame(0x81, &[0xFF])), 1007);
    let announced =
        [&[0x81, 0xFF][..], &(Limits::default().request_bytes_max as u64 + 1).to_be_bytes(), &[0; 4]];
    assert_eq!(opened(announced.concat()), 1009);
    assert_eq!(opened(frame(0x88, &4242u16.to_be_bytes())), 4242, "a close is answered with its code");
    let mut without = Client::send_to(world.address, handshake("sec-websocket-protocol: mqtt\r\n"));
    assert!(!without.head().contains("sec-websocket-protocol"));
    assert_eq!(without.close_code(), 4406);
    assert!(world.metrics().contains("closes_total{reason=\"unauthorized\"} 1"), "{}", world.metrics());
}

#[test]
fn silence_is_met_with_4408_and_pings_with_death() {
    let quick = Duration::from_millis(40);
    let timings = Timings { connection_init: quick, ping: quick, ..patient() };
    let world = World::with(Limits::default(), Options { timings, ..Options::default() });
    let mut silent = Client::websocket(world.address);
    assert_eq!(silent.close_code(), 4408);
    let mut dead = Client::acknowledged(world.address);
    assert_eq!(
        [dead.receive(), dead.receive(), dead.receive()],
        [Received::Ping, Received::Ping, Received::Eof]
    );
}

#[test]
fn a_thousand_subscribes_in_one_segment_meet_the_bounds() {
    let limits = Limits {
        subscriptions_per_connection_max: 100,
        operations_inflight_per_connection_max: 8,
        ..Limits::default()
    };
    let world = World::with(limits, Options { timings: patient(), ..Options::default() });
    let mut client = Client::acknowledged(world.address);
    let subscribe = |n: usize| {
        let text = format!(r#"{{"type":"subscribe","id":"{n}","payload":{{"query":"subscription"}}}}"#);
        frame(0x81, text.as_bytes())
    };
    client.send((0..1000).flat_map(subscribe).collect::<Vec<u8>>());
    for n in 100..1000 {
        let message = client.message();
        assert_eq!((&message["id"], &message["type"]), (&json!(n.to_string()), &json!("error")));
        assert_eq!(message["payload"][0]["extensions"]["code"], "TOO_MANY_SUBSCRIPTIONS");
    }
    for _ in 0..100 {
        world.joined();
    }
}

#[test]
fn connection_init_is_refused_with_4403_and_wins_over_the_header() {
    let issuer = IssuerOptions {
        keys: KeySource::Secret(b"secret".to_vec()),
        algorithms: Vec::new(),
        issuers: Vec::new(),
        audiences: Vec::new(),
        clock_skew: Duration::ZERO,
    };
    let auth = AuthOptions { issuers: vec![issuer], ..AuthOptions::default() };
    let authenticator = Arc::new(Authenticator::new(auth).unwrap());
    let options = Options { authenticator, timings: patient(), ..Options::default() };
    let world = World::with(Limits::default(), options);
    let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let claims = json!({ "sub": "ann", "exp": 4_000_000_000u64 });
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let init =
        |payload: serde_json::Value| json!({ "type": "connection_init", "payload": payload }).to_string();
    let bad_header = format!("{OFFER}authorization: Bearer nonsense\r\n");
    for payload in [
        json!({ "Authorization": format!("Bearer {token}") }),
        json!({ "authorization": token }),
        json!({ "headers": { "Authorization": format!("bearer {token}") } }),
    ] {
        let mut client = Client::send_to(world.address, handshake(&bad_header));
        client.head();
        client.text(&init(payload));
        assert_eq!(client.message(), json!({ "type": "connection_ack" }));
        client.subscribe("1", "{ me }");
        assert_eq!(client.message()["payload"]["data"]["claims"]["sub"], "ann");
    }
    let mut refused = Client::send_to(world.address, handshake(&bad_header));
    refused.head();
    refused.text(&init(json!({})));
    assert_eq!(refused.receive(), Received::Close(4403, "Forbidden".into()));
    assert!(world.metrics().contains("auth_failures_total{reason=\"malformed\"} 1"), "{}", world.metrics());
}

#[test]
fn a_drain_closes_with_1012_and_returns() {
    let mut world = World::new();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription");
    let member = world.joined();
    world.deliver(&[&member], r#"{"data":{"n":1}}"#, Overflow::Disconnect);
    let drained = world.drain();
    assert_eq!(client.message()["payload"]["data"]["n"], 1);
    assert_eq!(client.receive(), Received::Close(1012, "Service restart".into()));
    client.send(frame(0x88, &1012u16.to_be_bytes()));
    assert_eq!(client.receive(), Received::Eof);
    world.runtime.block_on(drained).unwrap();
}
