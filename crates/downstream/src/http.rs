//! Requests: routes, GraphQL over HTTP, and the requests that become streams.
//! Owns status codes and headers; the streams themselves belong to the shards.

mod handshake;
mod pages;
mod request;

use crate::auth::AuthFailure;
use crate::negotiate::{self, Media};
use crate::shard::{StreamKind, Takeover};
use crate::site::Site;
use crate::sse;
use bytes::Bytes;
use engine::request::refusal;
use engine::{Identity, Request};
use graph::error::{Code, GraphqlError};
use graph::operation::Kind;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

type Answer = Response<Full<Bytes>>;

/// An answer, or else the connection leaves HTTP.
type Routed = Result<Answer, Box<Takeover>>;

/// Answers one request, or asks for its connection and never returns.
pub(crate) async fn answer(
    site: Arc<Site>,
    request: http::Request<Incoming>,
    takeovers: mpsc::Sender<Takeover>,
) -> Result<Answer, Infallible> {
    tracing::trace!(target: "way", step = "serve");
    let cors = site.origins.response_headers(request.headers());
    let outcome = route(&site, request).await;
    let mut response = match outcome {
        Ok(response) => response,
        Err(takeover) => {
            if takeovers.send(*takeover).await.is_ok() {
                std::future::pending::<()>().await;
            }
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the connection is already taken over")
        }
    };
    response.headers_mut().extend(cors);
    Ok(response)
}

async fn route(site: &Site, request: http::Request<Incoming>) -> Routed {
    let (method, path) = (request.method().clone(), request.uri().path());
    if path != site.path {
        return Ok(pages::page(site, &method, path));
    }
    tracing::trace!(target: "way", step = "negotiate");
    match method {
        Method::OPTIONS => Ok(handshake::preflight(request.headers())),
        Method::GET if negotiate::is_upgrade(request.headers()) => {
            handshake::websocket(site, request.headers())
        }
        Method::GET | Method::POST => graphql(site, request).await,
        _ => Ok(not_allowed("GraphQL is served by GET and POST", "GET, POST, OPTIONS")),
    }
}

async fn graphql(site: &Site, request: http::Request<Incoming>) -> Routed {
    let Some(media) = negotiate::media(request.headers()) else {
        let text = "none of the accepted types is served; accept application/json, \
            application/graphql-response+json or, for subscriptions, text/event-stream";
        return Ok(plain(StatusCode::NOT_ACCEPTABLE, text));
    };
    let is_post = request.method() == Method::POST;
    let (parts, body) = request.into_parts();
    // Before the body: a caller who is refused costs a head.
    let identity = match authenticate(site, &parts.headers).await {
        Ok(identity) => identity,
        Err(failure) => return Ok(unauthenticated(media, failure)),
    };
    let asked = if is_post {
        request::from_body(&parts.headers, body, site.limits.request_bytes_max, site.timings.request).await
    } else {
        request::from_query(parts.uri.query().unwrap_or_default())
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err((status, text)) => {
            site.metrics.refusals.add(&[request::label(status)], 1);
            return Ok(errors(status, media, &[GraphqlError::new(Code::BadRequest, text)]));
        }
    };
    let stream = |asked: Value, identity: Identity| {
        let cors = handshake::header_lines(&site.origins.response_headers(&parts.headers));
        let stream_kind = StreamKind::EventStream { request: asked, allows_mutation: is_post };
        Err(Box::new(Takeover { head: sse::head(&cors), stream_kind, identity }))
    };
    if media == Media::EventStream {
        return stream(asked, identity);
    }
    // Clients such as urql accept every type for every operation: what a subscription is sent, it decides itself.
    let again = negotiate::accepts_stream(&parts.headers).then(|| (asked.clone(), identity.clone()));
    match (execute(site, asked, identity, media, is_post).await, again) {
        (Some(answer), _) => {
            site.metrics.connections.add(&["http"], 1);
            Ok(answer)
        }
        (None, Some((asked, identity))) => stream(asked, identity),
        (None, None) => {
            let text = "a subscription needs a stream: send `accept: text/event-stream`, or connect by \
                WebSocket with the graphql-transport-ws sub-protocol";
            Ok(errors(StatusCode::NOT_ACCEPTABLE, media, &[GraphqlError::new(Code::BadRequest, text)]))
        }
    }
}

/// The response of a query or a mutation, or a refusal; `None` = it is a subscription.
async fn execute(
    site: &Site,
    asked: Value,
    identity: Identity,
    media: Media,
    is_post: bool,
) -> Option<Answer> {
    let request = match Request::from_json(asked) {
        Ok(request) => request,
        Err(error) => return Some(errors(StatusCode::BAD_REQUEST, media, &[error])),
    };
    let call = match site.backend.prepare(request, identity).await {
        Ok(call) => call,
        Err(found) => return Some(errors(status_of(&found, media), media, &found)),
    };
    match call.kind() {
        Kind::Subscription => None,
        Kind::Mutation if !is_post => {
            let error = GraphqlError::new(Code::BadRequest, "a mutation cannot be sent by GET; use POST");
            let mut response = errors(StatusCode::METHOD_NOT_ALLOWED, media, &[error]);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            Some(response)
        }
        Kind::Query | Kind::Mutation => Some(json(StatusCode::OK, media, call.execute().await)),
    }
}

/// The caller as a request shows it.
pub(crate) fn identity_of(headers: &HeaderMap) -> Identity {
    let text = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    Identity { headers: Arc::new(text.collect()), ..Identity::default() }
}

async fn authenticate(site: &Site, headers: &HeaderMap) -> Result<Identity, AuthFailure> {
    let mut identity = identity_of(headers);
    match site.authenticator.authenticate(&identity.headers, &Value::Null).await {
        Ok(claims) => {
            identity.claims = claims.into();
            Ok(identity)
        }
        Err(failure) => {
            site.metrics.auth_failures.add(&[failure.as_str()], 1);
            Err(failure)
        }
    }
}

fn unauthenticated(media: Media, failure: AuthFailure) -> Answer {
    let error = GraphqlError::new(Code::Unauthenticated, failure.message());
    if failure == AuthFailure::KeysUnavailable {
        let mut response = errors(StatusCode::SERVICE_UNAVAILABLE, media, &[error]);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    }
    let mut response = errors(StatusCode::UNAUTHORIZED, media, &[error]);
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// GraphQL over HTTP §6.4: with its own type the status tells of request errors; with plain JSON a
/// well-formed request gets 200, since old clients read the body only then. Refusals of the caller keep their
/// status in both.
fn status_of(errors: &[GraphqlError], media: Media) -> StatusCode {
    let has = |code| errors.iter().any(|error| error.code == code);
    if has(Code::Unauthenticated) {
        StatusCode::UNAUTHORIZED
    } else if has(Code::Forbidden) {
        StatusCode::FORBIDDEN
    } else if has(Code::InternalServerError) || has(Code::PlanningFailed) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if media == Media::GraphqlResponse {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    }
}

fn errors(status: StatusCode, media: Media, errors: &[GraphqlError]) -> Answer {
    // Before a stream has begun its client reads a body, and JSON is what it can read.
    let media = if media == Media::EventStream { Media::Json } else { media };
    json(status, media, refusal(errors))
}

fn json(status: StatusCode, media: Media, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn not_allowed(text: &'static str, allow: &'static str) -> Answer {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
