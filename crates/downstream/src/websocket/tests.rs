//! Every client message in every state of the connection.
//! Owns the table; touches no socket.

use super::*;

const PHASES: [Phase; 3] = [Phase::Opened, Phase::Authenticating, Phase::Acknowledged];

/// What a step comes to, short enough for a table.
fn outcome(phase: Phase, text: &str) -> String {
    match receive(phase, text, 16, |id| id == "taken") {
        Step::Nothing => "nothing".into(),
        Step::Authenticate(payload) => format!("authenticate {payload}"),
        Step::Reply(text) => format!("reply {text}"),
        Step::Start { id, .. } => format!("start {id}"),
        Step::Leave { id } => format!("leave {id}"),
        Step::Close(close) => close.code.to_string(),
    }
}

#[test]
fn every_message_in_every_state() {
    let all = |outcome: &str| [outcome.to_owned(), outcome.to_owned(), outcome.to_owned()];
    let in_turn = |a: &str, b: &str, c: &str| [a.to_owned(), b.to_owned(), c.to_owned()];
    let table = [
        (r#"{"type":"connection_init"}"#, in_turn("authenticate null", "4429", "4429")),
        (
            r#"{"type":"connection_init","payload":{"a":1}}"#,
            in_turn(r#"authenticate {"a":1}"#, "4429", "4429"),
        ),
        (r#"{"type":"connection_init","payload":"x"}"#, all("4400")),
        (r#"{"type":"ping"}"#, all(r#"reply {"type":"pong"}"#)),
        (r#"{"type":"ping","payload":{"n":1}}"#, all(r#"reply {"type":"pong","payload":{"n":1}}"#)),
        (r#"{"type":"ping","payload":[]}"#, all("4400")),
        (r#"{"type":"pong"}"#, all("nothing")),
        (r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#, in_turn("4401", "4401", "start 1")),
        (r#"{"type":"subscribe","id":"taken","payload":{"query":"{a}"}}"#, in_turn("4401", "4401", "4409")),
        (r#"{"type":"subscribe","id":"1","payload":{}}"#, all("4400")),
        (r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#, all("4400")),
        (r#"{"type":"subscribe","id":"1"}"#, all("4400")),
        (r#"{"type":"subscribe","payload":{"query":"{a}"}}"#, all("4400")),
        (r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#, all("4400")),
        (r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#, all("4400")),
        (r#"{"type":"subscribe","id":"12345678901234567","payload":{"query":"{a}"}}"#, all("4400")),
        (r#"{"type":"complete","id":"1"}"#, all("leave 1")),
        (r#"{"type":"complete"}"#, all("4400")),
        (r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#, all("4400")),
        (r#"{"type":"connection_ack"}"#, all("4400")),
        (r#"{"type":"next","id":"1"}"#, all("4400")),
        (r#"{"type":7}"#, all("4400")),
        ("{}", all("4400")),
        ("[]", all("4400")),
        ("null", all("4400")),
        ("", all("4400")),
        ("{", all("4400")),
    ];
    for (text, expected) in table {
        let found = PHASES.map(|phase| outcome(phase, text));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn nesting_that_would_exhaust_the_stack_is_refused() {
    let deep =
        format!("{{\"type\":\"ping\",\"payload\":{{\"a\":{}{}}}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(outcome(Phase::Opened, &deep), "4400");
}

#[test]
fn an_id_is_escaped_in_every_frame_that_repeats_it() {
    let id = "\"\\\u{0}\u{2028}";
    let frame = [&*lead(id), br#"{"data":null}}"#].concat();
    for text in [std::str::from_utf8(&frame).unwrap(), &complete(id), &error(id, &[])] {
        let message: Value = serde_json::from_str(text).unwrap();
        assert_eq!(message["id"], id);
    }
}
