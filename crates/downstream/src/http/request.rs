//! The GraphQL request out of a body or a query string.
//! Owns its bounds in size and time; never looks into the operation.

use crate::negotiate;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::{Map, Value};
use std::time::Duration;

type Refused = (StatusCode, &'static str);

/// What a refusal with this status is counted under.
pub(super) fn label(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_TIMEOUT => "body_timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        _ => "bad_request",
    }
}

/// Reads a JSON body within its bounds.
pub(super) async fn from_body(
    headers: &HeaderMap,
    body: Incoming,
    bytes_max: usize,
    patience: Duration,
) -> Result<Value, Refused> {
    if !negotiate::is_json(headers) {
        let text = "send the request as `content-type: application/json`";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without `content-encoding`"));
    }
    const TOO_LARGE: Refused =
        (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than limits.request_bytes_max");
    // By its announced length already: nobody waits for bytes that will not be taken.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(TOO_LARGE);
    }
    let read = tokio::time::timeout(patience, Limited::new(body, bytes_max).collect()).await;
    let body = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(TOO_LARGE),
        Ok(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the body ended early")),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    };
    serde_json::from_slice(&body).map_err(|_| (StatusCode::BAD_REQUEST, "the body is not JSON"))
}

/// Reads `query`, `operationName`, `variables` and `extensions` of a query string.
pub(super) fn from_query(query: &str) -> Result<Value, Refused> {
    let mut request = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "query" => Value::from(&*text),
            "operationName" | "variables" | "extensions" if text.is_empty() => Value::Null,
            "operationName" => Value::from(&*text),
            "variables" | "extensions" => serde_json::from_str(&text)
                .map_err(|_| (StatusCode::BAD_REQUEST, "`variables` and `extensions` must be JSON"))?,
            _ => continue,
        };
        request.insert(name.into_owned(), value);
    }
    if !request.contains_key("query") {
        return Err((StatusCode::BAD_REQUEST, "`query` is missing in the query string"));
    }
    Ok(Value::Object(request))
}
