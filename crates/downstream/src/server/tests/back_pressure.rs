//! Clients that do not read: what they cost others (nothing), and what they are told.
//! Owns no timing; a client that reads everything is the clock.

use crate::fakes::client::{Client, Received};
use crate::fakes::{World, patient};
use crate::options::{Options, Timings};
use engine::Limits;
use engine::outbox::{Member, Overflow};
use serde_json::{Value, json};
use std::time::Duration;

/// Far more than two socket buffers hold.
const EVENTS: usize = 400;
const PADDING: usize = 64 << 10;

fn world() -> World {
    let limits = Limits { outbox_frames_max: 8, outbox_bytes_max: 1 << 20, ..Limits::default() };
    World::with(limits, Options { timings: patient(), ..Options::default() })
}

fn pair(world: &World) -> (Client, Client, [Member; 2]) {
    let mut sleepy = Client::acknowledged(world.address);
    sleepy.subscribe("1", "subscription");
    let first = world.joined();
    let mut awake = Client::acknowledged(world.address);
    awake.subscribe("1", "subscription");
    (sleepy, awake, [first, world.joined()])
}

/// Delivers every event to both while only one reads; that one gets each in order.
fn flood(world: &World, awake: &mut Client, members: &[Member; 2], overflow: Overflow) {
    let padding = "x".repeat(PADDING);
    for n in 0..EVENTS {
        let json = format!(r#"{{"data":{{"n":{n},"padding":"{padding}"}}}}"#);
        world.deliver(&[&members[0], &members[1]], &json, overflow);
        assert_eq!(awake.message()["payload"]["data"]["n"], n);
    }
}

#[test]
fn one_that_never_reads_is_disconnected_and_delays_nobody() {
    let world = world();
    let (mut sleepy, mut awake, members) = pair(&world);
    flood(&world, &mut awake, &members, Overflow::Disconnect);
    assert_eq!(world.left(), members[0].id);
    let mut expected = 0;
    loop {
        match sleepy.receive() {
            Received::Text(message) => assert_eq!(message["payload"]["data"]["n"], expected),
            // Eight wait, and the ninth did not fit.
            Received::Close(code, reason) => {
                break assert_eq!((code, &*reason), (1013, "slow consumer: 9 events were not sent"));
            }
            other => panic!("unexpected {other:?}"),
        }
        expected += 1;
    }
    assert!(expected < EVENTS, "something must have been lost");
    assert!(world.metrics().contains("closes_total{reason=\"slow_consumer\"} 1"), "{}", world.metrics());
}

#[test]
fn a_payload_larger_than_every_buffer_arrives_whole_and_in_its_place() {
    let world = world();
    let mut client = Client::acknowledged(world.address);
    client.subscribe("1", "subscription");
    let member = world.joined();
    let text: String = (0..2 << 20).map(|n: u32| char::from(b'a' + (n % 23) as u8)).collect();
    for n in 0..3 {
        let json = format!(r#"{{"data":{{"n":{n},"text":"{}{text}"}}}}"#, text.repeat(3));
        world.deliver(&[&member], &json, Overflow::Latest);
        world.deliver(&[&member], r#"{"data":"between"}"#, Overflow::Disconnect);
        let large = client.message();
        assert_eq!(large["payload"]["data"]["n"], n);
        assert!(large["payload"]["data"]["text"] == text.repeat(4), "its text is whole");
        assert_eq!(client.message()["payload"]["data"], "between");
    }
}

#[test]
fn one_that_takes_the_latest_is_told_what_it_missed() {
    let world = world();
    let (mut sleepy, mut awake, members) = pair(&world);
    flood(&world, &mut awake, &members, Overflow::Latest);
    let (mut accounted, mut last, mut told) = (0, None, 0);
    while accounted < EVENTS as u64 {
        let payload = sleepy.message()["payload"].take();
        let skipped = payload["extensions"]["tidegate"]["skipped"].as_u64();
        let n = payload["data"]["n"].as_u64();
        assert!(n > last, "order");
        assert_eq!(n, Some(accounted + skipped.unwrap_or(0)), "the count names exactly the gap");
        told += skipped.unwrap_or(0);
        (accounted, last) = (n.unwrap() + 1, n);
    }
    assert!(told > 0, "something must have been lost");
    assert_eq!(last, Some(EVENTS as u64 - 1), "the newest arrives");
    assert!(world.metrics().contains(&format!("payloads_dropped_total {told}")), "{}", world.metrics());
}

#[test]
fn an_event_stream_that_never_reads_is_told_in_its_own_way() {
    let world = world();
    let body = r#"{"query":"subscription"}"#;
    let request = format!(
        "POST /graphql HTTP/1.0\r\nhost: h\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut sleepy = Client::send_to(world.address, request);
    sleepy.head();
    let first = world.joined();
    let mut awake = Client::acknowledged(world.address);
    awake.subscribe("1", "subscription");
    flood(&world, &mut awake, &[first, world.joined()], Overflow::Disconnect);
    let rest = sleepy.rest();
    let (_, last) = rest.rsplit_once("event: next\ndata: ").unwrap();
    let (error, end) = last.split_once('\n').unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    let extensions = &error["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["skipped"]), (&json!("SUBSCRIPTION_LAGGED"), &json!(9)));
    assert_eq!(end, "\nevent: complete\ndata:\n\n");
}

#[test]
fn events_that_wait_for_company_are_no_backlog() {
    for overflow in [Overflow::Latest, Overflow::Conflate, Overflow::Disconnect] {
        let limits = Limits { subscription_frames_max: 2, ..Limits::default() };
        let timings = Timings { flush: Duration::from_secs(3_600), ..patient() };
        let world = World::with(limits, Options { timings, ..Options::default() });
        let mut client = Client::acknowledged(world.address);
        client.subscribe("1", "subscription");
        let member = world.joined();
        (0..7).for_each(|n| world.deliver(&[&member], &format!(r#"{{"data":{{"n":{n}}}}}"#), overflow));
        // The odd one waits on, and leaves with whatever is sent next.
        for n in 0..6 {
            assert_eq!(client.message()["payload"], json!({ "data": { "n": n } }), "{overflow:?}");
        }
        client.hears_nothing_for(Duration::from_millis(50));
        client.text(r#"{"type":"ping"}"#);
        assert_eq!(client.message()["payload"], json!({ "data": { "n": 6 } }), "{overflow:?}");
        assert_eq!(client.message()["type"], "pong");
    }
}
