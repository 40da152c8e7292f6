//! What must hold of every byte that a client can send, for the fuzz targets; not part of the room's surface.
//! Owns the properties and readers to check our own output by; none of the parsers.

use crate::form::Form;
use crate::frame::{Message, Reader};
use crate::http::shared_stream;
use crate::multipart::Spec;
use crate::negotiate;
use crate::sse;
use crate::websocket::{Dialect, Phase, Step};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Request};
use serde_json::Value;

const PAYLOAD_MAX: usize = 1 << 12;
const ID_BYTES_MAX: usize = 64;

/// Frames read in pieces are what they are read whole, to the message and to the close code.
pub fn frames(data: &[u8]) {
    let Some((&piece, bytes)) = data.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    let pieces = read(bytes, usize::from(piece).max(1));
    assert_eq!(whole, pieces, "in pieces of {piece}");
    for message in &whole.0 {
        match message {
            Message::Text(text) => assert!(text.len() <= PAYLOAD_MAX),
            Message::Ping(payload) => assert!(payload.len() <= 125),
            Message::Close(code) => assert!(code.is_none_or(|code| (1000..5000).contains(&code))),
            Message::Binary | Message::Pong => {}
        }
    }
}

/// The messages up to an error, and its code.
fn read(bytes: &[u8], piece: usize) -> (Vec<Message>, Option<u16>) {
    let (mut reader, mut messages) = (Reader::default(), Vec::new());
    let mut bytes = bytes.to_vec();
    for piece in bytes.chunks_mut(piece) {
        let mut at = 0;
        while at < piece.len() {
            match reader.take(&mut piece[at..], PAYLOAD_MAX) {
                Ok((taken, message)) => {
                    assert!(taken > 0, "it goes on");
                    at += taken;
                    messages.extend(message);
                }
                Err(close) => return (messages, Some(close.code)),
            }
        }
    }
    (messages, None)
}

/// No message starts anything before the caller is known; what is answered is JSON.
pub fn messages(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for dialect in [Dialect::TransportWs, Dialect::Legacy] {
        for phase in [Phase::Opened, Phase::Authenticating, Phase::Acknowledged] {
            match dialect.receive(phase, text, ID_BYTES_MAX, |id| id == "taken") {
                Step::Start { id, request } => {
                    assert_eq!(phase, Phase::Acknowledged, "{dialect:?}");
                    assert!(!id.is_empty() && id.len() <= ID_BYTES_MAX && request["query"].is_string());
                    let frame = [&*dialect.lead(&id), b"null", crate::websocket::TAIL].concat();
                    assert_eq!(json(&frame)["id"], id);
                }
                Step::Authenticate(payload) => {
                    assert_eq!(phase, Phase::Opened, "{dialect:?}");
                    assert!(payload.is_object() || payload.is_null());
                }
                Step::Reply(reply) | Step::Leave { reply: Some(reply), .. } => {
                    assert!(json(reply.as_bytes())["type"].is_string());
                }
                Step::Close(close) => assert!(matches!(close.code, 1000 | 4400 | 4401 | 4409 | 4429)),
                Step::Hold => assert_eq!((dialect, phase), (Dialect::Legacy, Phase::Authenticating)),
                Step::Nothing | Step::Leave { reply: None, .. } => {}
            }
        }
    }
}

/// Any `Accept` is read, and any result comes out of a multipart body as it went in.
pub fn multipart(data: &[u8]) {
    negotiate_all(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let result = serde_json::json!({ "data": { "text": text } });
    for (spec, delimiter) in [(Spec::Apollo, "\r\n--graphql"), (Spec::Incremental, "\r\n---")] {
        let result = result.to_string();
        let mut digits = itoa::Buffer::new();
        let head = spec.part_head(spec.lead().len() + result.len(), &mut digits).concat();
        let parts: [&[u8]; 7] = [
            spec.opening(),
            spec.heartbeat(),
            &head,
            spec.lead(),
            result.as_bytes(),
            spec.tail(),
            spec.end(),
        ];
        let body = parts.concat();
        let body = std::str::from_utf8(&body).expect("it is text");
        let parts = body.split(delimiter).filter_map(|part| part.split_once("\r\n\r\n"));
        let found = parts.map(|(_, part)| json(part.as_bytes())).find(|part| {
            let payload = if spec == Spec::Apollo { &part["payload"] } else { part };
            payload["data"]["text"] == text
        });
        assert!(found.is_some(), "{body:?}");
    }
}

/// Any parameters are read, and any id and result come out of an event as they went in.
pub fn sse(data: &[u8]) {
    negotiate_all(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let uri = format!("/graphql?{}", text.trim_start_matches('?'));
    if let Ok(request) = Request::builder().uri(uri).body(()) {
        shared_stream(&request.into_parts().0);
    }
    let result = serde_json::json!({ "data": { "text": text } }).to_string();
    for (form, id) in [(Form::EventStream, None), (Form::SharedEventStream, Some(text))] {
        let mut event = form.lead(text).to_vec();
        sse::push_json(&mut event, result.as_bytes());
        event.extend_from_slice(form.tail());
        let event = std::str::from_utf8(&event).expect("it is text");
        let lines: Vec<&str> = event.split(['\n', '\r']).collect();
        let ["event: next", data, "", ""] = lines[..] else { panic!("{event:?}") };
        let payload = json(data.strip_prefix("data: ").expect("a data line").as_bytes());
        let (found, shown) = match id {
            Some(_) => (&payload["payload"], payload["id"].as_str()),
            None => (&payload, None),
        };
        assert!(found["data"]["text"] == text && shown == id, "{event:?}");
    }
}

fn negotiate_all(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    for name in [ACCEPT, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL] {
        headers.insert(name, value.clone());
    }
    if let Some(accepted) = negotiate::accepted(&headers) {
        assert!(accepted.media.is_some() || accepted.form.is_some());
        assert!(!accepted.prefers_form || accepted.form.is_some());
    }
    negotiate::is_json(&headers);
    negotiate::dialect(&headers);
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()))
}
