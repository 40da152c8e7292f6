//! The exact bytes of the event stream.
//! Owns nothing; touches no socket.

use super::*;
use graph::error::Code;

#[test]
fn events_are_these_bytes() {
    let refused = errors(&[GraphqlError::new(Code::Forbidden, "no")]);
    let expected = r#"{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}"#;
    assert_eq!(refused, format!("event: next\ndata: {expected}\n\n"));
    assert_eq!(COMPLETE, b"event: complete\ndata: \n\n");
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

#[test]
fn the_head_is_flushed_unbuffered_and_uncached() {
    let head = String::from_utf8(head("access-control-allow-origin: http://a\r\n")).unwrap();
    for line in
        ["HTTP/1.1 200 OK\r\n", "x-accel-buffering: no\r\n", "cache-control: no-cache\r\n", "\r\n\r\n"]
    {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    assert!(head.contains("access-control-allow-origin: http://a\r\n"));
}
