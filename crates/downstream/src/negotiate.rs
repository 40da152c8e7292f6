//! What a request asks for and in which form it wants the answer.
//! Owns the reading of `Accept`, `Content-Type` and upgrade headers; never a body.

use http::HeaderMap;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, UPGRADE};

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    GraphqlResponse,
    EventStream,
}

impl Media {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Media::Json => "application/json; charset=utf-8",
            Media::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Media::EventStream => "text/event-stream; charset=utf-8",
        }
    }
}

/// The best form by `Accept`: the highest quality, then the most specific, then the first named; `None` =
/// none of ours. JSON where the client does not care, as GraphQL over HTTP has it for clients from before its
/// own type.
pub(crate) fn media(headers: &HeaderMap) -> Option<Media> {
    let mut best: Option<(u32, u8, Media)> = None;
    let mut is_absent = true;
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')).map(str::trim).filter(|range| !range.is_empty()) {
        is_absent = false;
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let (media, specificity) = match name.trim().to_ascii_lowercase().as_str() {
            "application/json" => (Media::Json, 2),
            "application/graphql-response+json" => (Media::GraphqlResponse, 2),
            "text/event-stream" => (Media::EventStream, 2),
            "application/*" => (Media::Json, 1),
            "text/*" => (Media::EventStream, 1),
            "*/*" => (Media::Json, 0),
            _ => continue,
        };
        let quality = quality(parameters);
        if quality > 0 && best.is_none_or(|(most, special, _)| (quality, specificity) > (most, special)) {
            best = Some((quality, specificity, media));
        }
    }
    if is_absent { Some(Media::Json) } else { best.map(|(_, _, media)| media) }
}

/// Whether an event stream is among what the client accepts by name.
pub(crate) fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        name.trim().eq_ignore_ascii_case("text/event-stream") && quality(parameters) > 0
    })
}

/// A `q` parameter in thousandths; 1000 where there is none or it cannot be read.
fn quality(parameters: &str) -> u32 {
    let mut pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let Some((_, value)) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) else { return 1000 };
    value.trim().parse::<f32>().map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// Whether the body is JSON. Everything else is refused: a browser sends only form types and plain text
/// across origins without asking first.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters
        .split(';')
        .filter_map(|it| it.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("charset"));
    let is_utf8 =
        charset.is_none_or(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    name.trim().eq_ignore_ascii_case("application/json") && is_utf8
}

/// Whether the client wants a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket")
}

/// Whether the client offers this sub-protocol.
pub(crate) fn offers(headers: &HeaderMap, subprotocol: &str) -> bool {
    has_token(headers, &SEC_WEBSOCKET_PROTOCOL, subprotocol)
}

fn has_token(headers: &HeaderMap, name: &http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests;
