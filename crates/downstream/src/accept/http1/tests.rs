//! The heads that streams are handed over with.
//! Owns nothing; touches no socket.

use super::*;
use crate::form::Form;
use crate::shard::Work;
use engine::Identity;
use serde_json::Value;

#[test]
fn a_head_is_unbuffered_uncached_and_ends_as_its_body_does() {
    for is_chunked in [true, false] {
        let form = Form::EventStream;
        let work =
            Work::Request { request: Value::Null, identity: Identity::default(), allows_mutation: false };
        let kind = StreamKind::Body { form, is_chunked, work };
        let mut parts = form.head();
        parts.headers.insert("access-control-allow-origin", HeaderValue::from_static("http://a"));
        let head = String::from_utf8(written(parts, &kind)).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for line in [
            "x-accel-buffering: no\r\n",
            "cache-control: no-cache, no-transform\r\n",
            "connection: close\r\n",
            "access-control-allow-origin: http://a\r\n",
        ] {
            assert!(head.contains(line), "{line:?} in {head}");
        }
        assert_eq!(head.contains("transfer-encoding: chunked\r\n"), is_chunked, "{head}");
    }
}
