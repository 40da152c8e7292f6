//! Requests: routes, GraphQL over HTTP, and the requests that become streams.
//! Owns the way of a request through this room; the streams themselves belong to the shards.

mod answers;
mod handshake;
mod head;
mod pages;
mod request;
mod shared;

use crate::auth::AuthFailure;
use crate::backend::Call;
use crate::form::Form;
use crate::negotiate::{self, Accepted, Media};
use crate::pipe::{Outlet, pipe};
use crate::seat::Seat;
use crate::shard::{Adoption, StreamKind, Wire, Work};
use crate::site::Site;
use answers::{Answer, errors, event_stream, json, not_allowed, plain, status_of, unauthenticated};
use bytes::Bytes;
use engine::{Identity, Request};
use graph::error::{Code, GraphqlError};
use graph::operation::Kind;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode, Version, request::Parts, response};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
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
    head::name_host(&mut request);
    let is_head = request.method() == Method::HEAD;
    let cors = site.origins.response_headers(request.headers());
    let mut response = match route(&site, request).await {
        Ok(response) => response.map(Either::Left),
        Err(mut takeover) => {
            takeover.head.headers.extend(cors);
            return Ok(give_away(&site, *takeover, door).await);
        }
    };
    response.headers_mut().extend(cors);
    Ok(if is_head { without_body(response) } else { response })
}

/// The answer to HEAD. The library leaves the body out in HTTP/1.1 only.
fn without_body(mut response: Reply) -> Reply {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response.map(|_| Either::Left(Full::default()))
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
            let Takeover { head, stream_kind, shard } = takeover;
            let (wire, leftover) = (Wire::Pipe(inlet), Bytes::new());
            let adoption = Adoption { wire, head: Vec::new(), leftover, stream_kind, seat };
            site.hand_over(shard, adoption).await;
            Response::from_parts(head, Either::Right(outlet))
        }
    }
}

async fn route(site: &Site, request: http::Request<Incoming>) -> Routed {
    if let Some(refused) = head::refused(site, &request) {
        return Ok(refused);
    }
    let (method, path) = (request.method().clone(), request.uri().path());
    if path != site.path {
        return Ok(pages::page(site, &method, path));
    }
    tracing::trace!(target: "way", step = "negotiate");
    match method {
        Method::OPTIONS => Ok(handshake::preflight(request.headers())),
        // HTTP/1.0 knows no upgrade.
        Method::GET if request.version() == Version::HTTP_11 && negotiate::is_upgrade(request.headers()) => {
            handshake::websocket(site, request.headers())
        }
        Method::GET | Method::POST => graphql(site, request).await,
        Method::PUT => Ok(shared::reserve(site, request.headers()).await),
        Method::DELETE => Ok(shared::leave(site, &request.into_parts().0).await),
        _ => Ok(not_allowed("GraphQL is served by GET and POST", handshake::METHODS)),
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
    // By POST comes an operation, whatever it accepts.
    if let Some(token) = &token
        && prefers_events(accepted)
        && parts.method == Method::GET
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
            let in_stream = prefers_events(accepted) && token.is_none();
            return Ok(no_request(&parts, accepted, in_stream, status, text));
        }
    };
    match token {
        Some(token) => Ok(shared::start(site, &parts, accepted, &token, asked, identity).await),
        None => run(site, &parts, accepted, asked, identity).await,
    }
}

/// The answer where no request could be read.
fn no_request(
    parts: &Parts,
    accepted: Accepted,
    in_stream: bool,
    status: StatusCode,
    text: &'static str,
) -> Answer {
    let error = GraphqlError::new(Code::BadRequest, text);
    if in_stream && status == StatusCode::BAD_REQUEST {
        return event_stream(&[error]);
    }
    let mut answer = errors(status, accepted.media_of_errors(), &[error]);
    let leaves_bytes = matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
    if leaves_bytes && parts.version < Version::HTTP_2 {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Runs an operation to its response, or makes a stream of it: a subscription always, and anything for a client that
/// likes a stream best.
async fn run(site: &Site, parts: &Parts, accepted: Accepted, asked: Value, identity: Identity) -> Routed {
    let stream = |form: Form, work: Work| {
        let stream_kind = StreamKind::Body { form, is_chunked: is_chunked(parts), work };
        Err(Box::new(Takeover { head: form.head(), stream_kind, shard: None }))
    };
    // A browser's `EventSource` reads no status, so even a refusal is in its stream; all others get theirs before one
    // begins.
    if prefers_events(accepted) {
        let allows_mutation = parts.method == Method::POST;
        return stream(Form::EventStream, Work::Request { request: asked, identity, allows_mutation });
    }
    let media = accepted.media_of_errors();
    let call = match prepare(site, parts, media, asked, identity).await {
        Ok(call) => call,
        Err(refusal) => return Ok(*refusal),
    };
    // Clients such as urql accept every type for every operation: what a subscription is sent, it decides itself.
    let is_stream = accepted.prefers_form || call.kind() == Kind::Subscription;
    match accepted.form {
        Some(form) if is_stream => stream(form, Work::Call(call)),
        None if is_stream => {
            let text = "a subscription needs a stream: send `accept: text/event-stream` or \
                `multipart/mixed;subscriptionSpec=1.0`, or connect by WebSocket";
            Ok(errors(StatusCode::NOT_ACCEPTABLE, media, &[GraphqlError::new(Code::BadRequest, text)]))
        }
        _ => {
            site.metrics.connections.add(&["http"], 1);
            Ok(json(StatusCode::OK, media, call.execute().await))
        }
    }
}

fn prefers_events(accepted: Accepted) -> bool {
    accepted.prefers_form && accepted.form == Some(Form::EventStream)
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
