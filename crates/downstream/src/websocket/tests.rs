//! Every client message in every state of the connection, for both protocols.
//! Owns the table; touches no socket.

use super::*;

const PHASES: [Phase; 3] = [Phase::Opened, Phase::Authenticating, Phase::Acknowledged];

/// What a step comes to, short enough for a table.
fn outcome(dialect: Dialect, phase: Phase, text: &str) -> String {
    match dialect.receive(phase, text, 16, |id| id == "taken") {
        Step::Nothing => "nothing".into(),
        Step::Authenticate(payload) => format!("authenticate {payload}"),
        Step::Reply(text) => format!("reply {text}"),
        Step::Hold => "hold".into(),
        Step::Start { id, .. } => format!("start {id}"),
        Step::Leave { id, reply: None } => format!("leave {id}"),
        Step::Leave { id, reply: Some(reply) } => format!("leave {id}, reply {reply}"),
        Step::Close(close) => close.code.to_string(),
    }
}

fn all(outcome: &str) -> [String; 3] {
    [outcome.to_owned(), outcome.to_owned(), outcome.to_owned()]
}

fn in_turn(a: &str, b: &str, c: &str) -> [String; 3] {
    [a.to_owned(), b.to_owned(), c.to_owned()]
}

#[test]
fn every_message_in_every_state_of_graphql_transport_ws() {
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
        let found = PHASES.map(|phase| outcome(Dialect::TransportWs, phase, text));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn every_message_in_every_state_of_the_legacy_protocol() {
    let connection_error =
        |text: &str| all(&format!(r#"reply {{"type":"connection_error","payload":{{"message":"{text}"}}}}"#));
    let error = |id: &str, text: &str| {
        format!(r#"reply {{"id":"{id}","type":"error","payload":{{"message":"{text}"}}}}"#)
    };
    let no_query = error("1", "Invalid message received: `payload.query` must be a string");
    let no_payload = error("1", "Invalid message received: `payload` must be an object");
    let no_id = r#"reply {"type":"connection_error","payload":{"message":"`id` is missing"}}"#;
    let bad_id = "Invalid message received: `id` must be a non-empty string";
    let not_json = "the message is not a JSON object";
    let bad_payload =
        r#"reply {"type":"connection_error","payload":{"message":"`payload` must be an object"}}"#;
    let table = [
        (r#"{"type":"connection_init"}"#, in_turn("authenticate null", "4429", "4429")),
        (
            r#"{"type":"connection_init","payload":{"a":1}}"#,
            in_turn(r#"authenticate {"a":1}"#, "4429", "4429"),
        ),
        (r#"{"type":"connection_init","payload":null}"#, in_turn("authenticate null", "4429", "4429")),
        (r#"{"type":"connection_init","payload":"x"}"#, in_turn(bad_payload, "4429", "4429")),
        (r#"{"type":"connection_terminate"}"#, all("1000")),
        (r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#, in_turn("4401", "hold", "start 1")),
        (
            r#"{"type":"start","id":"taken","payload":{"query":"{a}"}}"#,
            in_turn("4401", "hold", "start taken"),
        ),
        (r#"{"type":"start","id":"1","payload":{}}"#, in_turn("4401", "hold", &no_query)),
        (r#"{"type":"start","id":"1"}"#, in_turn("4401", "hold", &no_payload)),
        (r#"{"type":"start","payload":{"query":"{a}"}}"#, in_turn("4401", "hold", no_id)),
        (r#"{"type":"start","id":1,"payload":{"query":"{a}"}}"#, connection_error(bad_id)),
        (r#"{"type":"start","id":"","payload":{"query":"{a}"}}"#, connection_error(bad_id)),
        (
            r#"{"type":"start","id":"12345678901234567","payload":{"query":"{a}"}}"#,
            connection_error("The id is too long"),
        ),
        (r#"{"type":"stop","id":"1"}"#, all(r#"leave 1, reply {"id":"1","type":"complete"}"#)),
        (r#"{"type":"stop"}"#, all(no_id)),
        (
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#,
            all(&error("1", "Invalid message type!")),
        ),
        (r#"{"type":"data","id":"1"}"#, all(&error("1", "Invalid message type!"))),
        (r#"{"type":"ping"}"#, connection_error("Invalid message type!")),
        (r#"{"type":"ka"}"#, connection_error("Invalid message type!")),
        (r#"{"type":7}"#, connection_error("Invalid message type!")),
        ("{}", connection_error("Invalid message type!")),
        ("[]", connection_error(not_json)),
        ("null", connection_error(not_json)),
        ("", connection_error(not_json)),
        ("{", connection_error(not_json)),
    ];
    for (text, expected) in table {
        let found = PHASES.map(|phase| outcome(Dialect::Legacy, phase, text));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn several_errors_of_a_legacy_operation_are_within_its_one() {
    use graph::error::Code;
    let errors = [GraphqlError::new(Code::BadRequest, "a"), GraphqlError::new(Code::Forbidden, "b")];
    let message: Value = serde_json::from_str(&Dialect::Legacy.error("1", &errors)).unwrap();
    let payload = &message["payload"];
    assert_eq!((&payload["message"], &payload["errors"][1]["message"]), (&json!("a"), &json!("b")));
    let message: Value = serde_json::from_str(&Dialect::Legacy.error("1", &errors[..1])).unwrap();
    assert!(message["payload"]["errors"].is_null() && message["payload"]["message"] == "a");
}

#[test]
fn nesting_that_would_exhaust_the_stack_is_refused() {
    let deep =
        format!("{{\"type\":\"ping\",\"payload\":{{\"a\":{}{}}}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(outcome(Dialect::TransportWs, Phase::Opened, &deep), "4400");
    assert!(outcome(Dialect::Legacy, Phase::Opened, &deep).contains("connection_error"));
}

#[test]
fn an_id_is_escaped_in_every_frame_that_repeats_it() {
    let id = "\"\\\u{0}\u{2028}";
    for dialect in Dialect::ALL {
        let frame = [&*dialect.lead(id), br#"{"data":null}"#, TAIL].concat();
        for text in [std::str::from_utf8(&frame).unwrap(), &complete(id), &dialect.error(id, &[])] {
            let message: Value = serde_json::from_str(text).unwrap();
            assert_eq!(message["id"], id);
        }
    }
}
