//! What comes before a stream: the WebSocket handshake and the CORS preflight.
//! Owns their rules and response heads; never a frame.

use super::{Answer, Routed, Takeover, identity_of, plain};
use crate::negotiate;
use crate::shard::StreamKind;
use crate::site::Site;
use crate::websocket::Dialect;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, VARY,
};
use http::{HeaderMap, Response, StatusCode, response};
use http_body_util::Full;
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Those of the GraphQL path.
pub(super) const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";

/// Checks a handshake; the connection is then taken over with its 101.
pub(super) fn websocket(site: &Site, headers: &HeaderMap) -> Routed {
    let is_twice = |name| headers.get_all(name).iter().nth(1).is_some();
    if is_twice(SEC_WEBSOCKET_VERSION) || is_twice(SEC_WEBSOCKET_KEY) {
        let text = "sec-websocket-version and sec-websocket-key may not come more than once";
        return Ok(plain(StatusCode::BAD_REQUEST, text));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken");
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        return Ok(response);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Ok(plain(StatusCode::BAD_REQUEST, "sec-websocket-key must be 16 bytes in base64"));
    }
    if !site.origins.admits(headers) {
        site.metrics.refusals.add(&["origin"], 1);
        let text = "this origin may not connect; add it to cors.origins";
        return Ok(plain(StatusCode::FORBIDDEN, text));
    }
    let dialect = negotiate::dialect(headers);
    Err(Box::new(Takeover {
        head: switching_protocols(key, dialect),
        stream_kind: StreamKind::WebSocket { dialect, identity: identity_of(headers) },
        shard: None,
    }))
}

fn switching_protocols(key: &[u8], dialect: Option<Dialect>) -> response::Parts {
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize());
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        head.headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(dialect) = dialect {
        head.headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(dialect.name()));
    }
    head
}

/// Answers a preflight; whether the origin is allowed says the header that is added to every answer.
pub(super) fn preflight(headers: &HeaderMap) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allow = response.headers_mut();
    allow.insert(ALLOW, HeaderValue::from_static(METHODS));
    allow.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    allow.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    allow.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let names = wanted.unwrap_or_else(|| HeaderValue::from_static("content-type, authorization"));
    allow.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    response
}
