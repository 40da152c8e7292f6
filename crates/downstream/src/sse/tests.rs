//! The exact bytes of the event stream.
//! Owns nothing; touches no socket.

use super::*;
use graph::error::Code;

#[test]
fn events_are_these_bytes() {
    let expected = r#"{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}"#;
    let refused = |id| String::from_utf8(errors(id, &[GraphqlError::new(Code::Forbidden, "no")])).unwrap();
    assert_eq!(refused(None), format!("event: next\ndata: {expected}\n\n"));
    assert_eq!(refused(Some("1")), format!("event: next\ndata: {{\"id\":\"1\",\"payload\":{expected}}}\n\n"));
    assert_eq!(complete(None), b"event: complete\ndata:\n\n");
    assert_eq!(complete(Some("a\n")), b"event: complete\ndata: {\"id\":\"a\\n\"}\n\n");
}

#[test]
fn a_payload_with_line_breaks_stays_one_event() {
    let payload = "{\n\"data\":\r\n{\"text\":\"data: \\n \u{2028} \u{feff}\"}}";
    let mut line = Vec::new();
    push_json(&mut line, payload.as_bytes());
    assert!(!line.iter().any(|byte| matches!(byte, b'\n' | b'\r')));
    let parsed: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(parsed["data"]["text"], "data: \n \u{2028} \u{feff}");
}
