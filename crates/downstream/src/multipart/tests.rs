//! The exact bytes of both bodies.
//! Owns a reader that splits at delimiters as clients do; touches no socket.

use super::*;
use graph::error::Code;
use serde_json::json;

/// What a client has got once it has read these bytes: whole parts, and whether the body is over.
fn parts(boundary: &str, body: &[u8]) -> (Vec<Value>, bool) {
    let text = std::str::from_utf8(body).unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = text.strip_prefix(&*delimiter).expect("it begins with a delimiter");
    let mut parts = Vec::new();
    assert!(rest.contains("\r\n"), "the delimiter's line is whole");
    while let Some((part, behind)) = rest.split_once(&*delimiter) {
        let (head, json) = part.split_once("\r\n\r\n").expect("a part has a head");
        let mut lines = head.split("\r\n");
        assert_eq!((lines.next(), lines.next()), (Some(""), Some("content-type: application/json")));
        let length = lines.next().map(|line| line.strip_prefix("content-length: ").expect("a length"));
        assert!(length.is_none_or(|length| length == json.len().to_string()), "{length:?} of {json}");
        assert_eq!(length.is_some(), boundary == "graphql");
        parts.push(serde_json::from_str(json).unwrap());
        rest = behind;
    }
    (parts, rest == "--\r\n")
}

const RESULT: &[u8] = br#"{"data":{"text":"\r\n--graphql \r\n---"}}"#;

#[test]
fn a_part_is_whole_with_its_own_bytes_and_the_body_with_its_last() {
    let error = [GraphqlError::new(Code::Forbidden, "no")];
    let result: Value = serde_json::from_slice(RESULT).unwrap();
    for (spec, boundary, wrapped) in
        [(Spec::Apollo, "graphql", json!({ "payload": result })), (Spec::Incremental, "-", result.clone())]
    {
        let mut body = spec.opening().to_vec();
        body.extend_from_slice(spec.heartbeat());
        body.extend_from_slice(spec.heartbeat());
        let mut digits = itoa::Buffer::new();
        body.extend(spec.part_head(spec.lead().len() + RESULT.len(), &mut digits).concat());
        body.extend_from_slice(&[spec.lead(), RESULT, spec.tail()].concat());
        let (seen, is_over) = parts(boundary, &body);
        let seen: Vec<_> = seen.into_iter().filter(|part| *part != json!({})).collect();
        assert_eq!((seen, is_over), (vec![wrapped.clone()], false), "{spec:?}");
        body.extend(spec.errors(&error));
        body.extend_from_slice(spec.end());
        let (seen, is_over) = parts(boundary, &body);
        assert!(is_over, "{spec:?}");
        let told = seen.iter().find(|part| part.get("errors").is_some()).expect("the errors");
        assert_eq!(told["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }
}
