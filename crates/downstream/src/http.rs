//! Requests: routes, GraphQL over HTTP, and the requests that become streams.
//! Owns the way of a request through this room; the streams themselves belong to the shards.

mod answers;
mod handshake;
mod pages;
mod request;
mod shared;

use crate::auth::AuthFailure;
use crate::backend::Call;
use crate::form::Form;
use crate::negotiate::{self, Accepted, Media};
use crate::pipe::{Outlet, pipe};
use crate::seat::Seat;
use crate::shard::{Adoption, StreamKind, Wire};
use crate::site::Site;
use answers::{Answer, errors, json, not_allowed, plain, status_of, unauthenticated};
use bytes::Bytes;
use engine::{Identity, Request};
use graph::error::{Code, GraphqlError};
use graph::operation::Kind;
use http::header::{ALLOW, HOST, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode, Version, request::Parts, response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Reads all that a request's head says of a stream that operations share.
#[cfg(feature = "fuzzing")]
pub(crate) fn shared_stream(parts: &Parts) {
    shared::token(parts);
    drop(request::from_query(parts.uri.query().unwrap_or_default()));
}

/// A request that becomes a stream: what a shard needs beside its wire.
pub(crate) struct Takeover {
    pub(crate) head: response::Parts,
    pub(crate) stream_kind: StreamKind,
    pub(crate) identity: Identity,
    /// Where the stream is known already.
    pub(crate) shard: Option<usize>,
}

/// How a request's connection is given to a shard.
pub(crate) enum Door {
    /// HTTP/1.1: the whole connection leaves the HTTP library.
    Takeover(mpsc::Sender<Takeover>),
    /// HTTP/2: the response's body is fed by the shard. It has its part in the connection's seat.
    Body(Arc<Seat>),
}

/// An answer, or else a stream.
type Routed = Result<Answer, Box<Takeover>>;

/// What the HTTP library sends.
type Reply = Response<Either<Full<Bytes>, Outlet>>;

/// Answers one request, or gives its connection away; in HTTP/1.1 it never returns then.
pub(crate) async fn answer(
    site: Arc<Site>,
    mut request: http::Request<Incoming>,
    door: Door,
) -> Result<Reply, Infallible> {
    tracing::trace!(target: "way", step = "serve");
    name_host(&mut request);
    let cors = site.origins.response_headers(request.headers());
    let mut response = match route(&site, request).await {
        Ok(response) => response.map(Either::Left),
        Err(mut takeover) => {
            takeover.head.headers.extend(cors);
            return Ok(give_away(&site, *takeover, door).await);
        }
    };
    response.headers_mut().extend(cors);
    Ok(response)
}

async fn give_away(site: &Site, takeover: Takeover, door: Door) -> Reply {
    match door {
        Door::Takeover(takeovers) => {
            if takeovers.send(takeover).await.is_ok() {
                std::future::pending::<()>().await;
            }
            let text = "the connection is already taken over";
            plain(StatusCode::INTERNAL_SERVER_ERROR, text).map(Either::Left)
        }
        Door::Body(seat) => {
            let (inlet, outlet) = pipe();
            let Takeover { head, stream_kind, identity, shard } = takeover;
            let (wire, leftover) = (Wire::Pipe(inlet), Bytes::new());
            let adoption = Adoption { wire, head: Vec::new(), leftover, stream_kind, identity, seat };
            site.hand_over(shard, adoption).await;
            Response::from_parts(head, Either::Right(outlet))
        }
    }
}

/// HTTP/2 says in the address what HTTP/1.1 says in a header.
fn name_host(request: &mut http::Request<Incoming>) {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(host) = authority.and_then(|authority| HeaderValue::try_from(authority).ok()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// The bytes of a request's line and headers, but for the few between them.
fn head_bytes(request: &http::Request<Incoming>) -> usize {
    let uri = request.uri();
    let line = uri.path().len() + uri.query().map_or(0, str::len);
    line + request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
}

async fn route(site: &Site, request: http::Request<Incoming>) -> Routed {
    // The library bounds what it reads at once; a head just over the bound may still come through whole.
    if head_bytes(&request) > site.limits.request_head_bytes_max {
        site.metrics.refusals.add(&["head_too_large"], 1);
        let text = "the request's head is larger than limits.request_head_bytes_max";
        return Ok(plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text));
    }
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
        Method::PUT => Ok(shared::reserve(site, request.headers()).await),
        Method::DELETE => Ok(shared::leave(site, &request.into_parts().0).await),
        _ => Ok(not_allowed("GraphQL is served by GET and POST", "GET, POST, PUT, DELETE, OPTIONS")),
    }
}

async fn graphql(site: &Site, request: http::Request<Incoming>) -> Routed {
    let Some(accepted) = negotiate::accepted(request.headers()) else {
        let text = "none of the accepted types is served; accept application/json, \
            application/graphql-response+json or, for subscriptions, text/event-stream or multipart/mixed";
        return Ok(plain(StatusCode::NOT_ACCEPTABLE, text));
    };
    let (parts, body) = request.into_parts();
    let token = shared::token(&parts);
    if let Some(token) = &token
        && accepted.prefers_form
        && accepted.form == Some(Form::EventStream)
    {
        return shared::open(site, &parts, token).await;
    }
    // Before the body: a caller who is refused costs a head.
    let identity = match authenticate(site, &parts.headers).await {
        Ok(identity) => identity,
        Err(failure) => return Ok(unauthenticated(accepted.media_of_errors(), failure)),
    };
    let asked = if parts.method == Method::POST {
        request::from_body(&parts.headers, body, site.limits.request_bytes_max, site.timings.request).await
    } else {
        request::from_query(parts.uri.query().unwrap_or_default())
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err((status, text)) => {
            site.metrics.refusals.add(&[request::label(status)], 1);
            let error = GraphqlError::new(Code::BadRequest, text);
            return Ok(errors(status, accepted.media_of_errors(), &[error]));
        }
    };
    match token {
        Some(token) => Ok(shared::start(site, &parts, accepted, &token, asked, identity).await),
        None => run(site, &parts, accepted, asked, identity).await,
    }
}

/// Runs an operation to its response, or makes a stream of it: a subscription always, and anything for a client that
/// likes a stream best.
async fn run(site: &Site, parts: &Parts, accepted: Accepted, asked: Value, identity: Identity) -> Routed {
    let stream = |form: Form, request: Value, identity: Identity| {
        let is_chunked = is_chunked(parts);
        let allows_mutation = parts.method == Method::POST;
        let stream_kind = StreamKind::Body { form, is_chunked, request, allows_mutation };
        Err(Box::new(Takeover { head: form.head(), stream_kind, identity, shard: None }))
    };
    let media = match accepted {
        Accepted { form: Some(form), prefers_form: true, .. } => return stream(form, asked, identity),
        _ => accepted.media_of_errors(),
    };
    // Clients such as urql accept every type for every operation: what a subscription is sent, it decides itself.
    let again = accepted.form.map(|form| (form, asked.clone(), identity.clone()));
    let call = match prepare(site, parts, media, asked, identity).await {
        Ok(call) => call,
        Err(refusal) => return Ok(*refusal),
    };
    if call.kind() != Kind::Subscription {
        site.metrics.connections.add(&["http"], 1);
        return Ok(json(StatusCode::OK, media, call.execute().await));
    }
    match again {
        Some((form, asked, identity)) => stream(form, asked, identity),
        None => {
            let text = "a subscription needs a stream: send `accept: text/event-stream` or \
                `multipart/mixed;subscriptionSpec=1.0`, or connect by WebSocket";
            Ok(errors(StatusCode::NOT_ACCEPTABLE, media, &[GraphqlError::new(Code::BadRequest, text)]))
        }
    }
}

/// Whether a body that goes on is written in chunks: HTTP/1.0 knows none, and HTTP/2 has frames of its own.
fn is_chunked(parts: &Parts) -> bool {
    parts.version == Version::HTTP_11
}

/// An operation that may run, or the answer that says why it may not.
async fn prepare(
    site: &Site,
    parts: &Parts,
    media: Media,
    asked: Value,
    identity: Identity,
) -> Result<Box<dyn Call>, Box<Answer>> {
    let refuse = |status, found: &[GraphqlError]| Box::new(errors(status, media, found));
    let request = Request::from_json(asked).map_err(|error| refuse(StatusCode::BAD_REQUEST, &[error]))?;
    let prepared = site.backend.prepare(request, identity).await;
    let call = prepared.map_err(|found| refuse(status_of(&found, media), &found))?;
    if call.kind() == Kind::Mutation && parts.method != Method::POST {
        let error = GraphqlError::new(Code::BadRequest, "a mutation cannot be sent by GET; use POST");
        let mut response = errors(StatusCode::METHOD_NOT_ALLOWED, media, &[error]);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Err(Box::new(response));
    }
    Ok(call)
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
