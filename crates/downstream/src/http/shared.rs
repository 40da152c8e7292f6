//! graphql-sse's single connection mode: a stream is reserved by PUT, opened by GET, given operations by POST and
//! relieved of them by DELETE.
//! Owns its tokens and status codes; the stream is the shard's. A token is the right to use a stream: whoever shows it
//! is not asked who they are again, but for the operations they start.

use super::answers::{Answer, errors, json, plain, retry_later, unauthenticated};
use super::{Routed, Takeover, authenticate, is_chunked, prepare};
use crate::form::Form;
use crate::negotiate::{Accepted, Media};
use crate::shard::shared::{Answer as Reply, Order, Refused};
use crate::shard::{StreamKind, Turn};
use crate::site::Site;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use engine::Identity;
use graph::error::{Code, GraphqlError};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

const TOKEN_HEADER: &str = "x-graphql-event-stream-token";

/// Nobody guesses this many random bytes.
const TOKEN_BYTES: usize = 16;

/// The token a request shows, in its header or its address.
pub(super) fn token(parts: &Parts) -> Option<String> {
    let shown = parts.headers.get(TOKEN_HEADER).and_then(|token| token.to_str().ok());
    shown.map(str::to_owned).or_else(|| parameter(parts, "token")).filter(|token| !token.is_empty())
}

fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Keeps a stream for this caller.
pub(super) async fn reserve(site: &Site, headers: &HeaderMap) -> Answer {
    if let Err(failure) = authenticate(site, headers).await {
        return unauthenticated(Media::Json, failure);
    }
    let mut random = [0; TOKEN_BYTES];
    if getrandom::fill(&mut random).is_err() {
        tracing::error!("the system gives no random bytes, so no stream can be reserved");
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "no stream can be reserved");
    }
    let Some(seat) = site.seats.take() else {
        let text = "no place is left: limits.connections_max";
        return retry_later(plain(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let shard = site.next_shard();
    let token = format!("{shard:02x}{}", URL_SAFE_NO_PAD.encode(random));
    let order = |answer| Order::Reserve { token: token.as_str().into(), seat: Arc::new(seat), answer };
    match ask(site, &token, order).await {
        Ok(()) => plain(StatusCode::CREATED, token),
        Err(refused) => refusal(refused, Media::Json),
    }
}

/// Opens the stream.
pub(super) async fn open(site: &Site, parts: &Parts, token: &str) -> Routed {
    let order = |answer| Order::Open { token: token.into(), answer };
    match ask(site, token, order).await {
        Ok(reserved) => Err(Box::new(Takeover {
            head: Form::SharedEventStream.head(),
            stream_kind: StreamKind::Shared { reserved, is_chunked: is_chunked(parts) },
            shard: shard_of(site, token),
        })),
        Err(refused) => Ok(refusal(refused, Media::Json)),
    }
}

/// Starts an operation in the stream; only its errors before that are answered here.
pub(super) async fn start(
    site: &Site,
    parts: &Parts,
    accepted: Accepted,
    token: &str,
    asked: Value,
    identity: Identity,
) -> Answer {
    let media = accepted.media_of_errors();
    let Some(client_id) = asked["extensions"]["operationId"].as_str().filter(|id| !id.is_empty()) else {
        let text = "`extensions.operationId` is missing: the stream has the results of several operations";
        return bad_request(media, text);
    };
    if client_id.len() > site.limits.operation_id_bytes_max {
        return bad_request(media, "`extensions.operationId` is too long");
    }
    let client_id = client_id.to_owned();
    let call = match prepare(site, parts, media, asked, identity).await {
        Ok(call) => call,
        Err(refusal) => return *refusal,
    };
    let order = |answer| Order::Start { token: token.into(), client_id, call, answer };
    match ask(site, token, order).await {
        Ok(()) => json(StatusCode::ACCEPTED, media, Bytes::from_static(b"null")),
        Err(refused) => refusal(refused, media),
    }
}

/// Ends an operation of the stream.
pub(super) async fn leave(site: &Site, parts: &Parts) -> Answer {
    let Some(token) = token(parts) else {
        return refusal(Refused::Unknown, Media::Json);
    };
    let Some(client_id) = parameter(parts, "operationId").filter(|id| !id.is_empty()) else {
        return bad_request(Media::Json, "`operationId` is missing in the query string");
    };
    let order = |answer| Order::Leave { token: token.as_str().into(), client_id, answer };
    match ask(site, &token, order).await {
        Ok(()) => json(StatusCode::OK, Media::Json, Bytes::from_static(b"null")),
        Err(refused) => refusal(refused, Media::Json),
    }
}

/// Which shard keeps the stream stands in front of the token.
fn shard_of(site: &Site, token: &str) -> Option<usize> {
    let shard = usize::from_str_radix(token.get(..2)?, 16).ok()?;
    (shard < site.shards.len()).then_some(shard)
}

async fn ask<T>(site: &Site, token: &str, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Refused> {
    let shard = shard_of(site, token).ok_or(Refused::Unknown)?;
    let (answer, answered) = oneshot::channel();
    site.shards[shard].send(Turn::Shared(order(answer))).await;
    // A shard that is gone answers nothing.
    answered.await.unwrap_or(Err(Refused::Draining))
}

fn bad_request(media: Media, text: &str) -> Answer {
    errors(StatusCode::BAD_REQUEST, media, &[GraphqlError::new(Code::BadRequest, text)])
}

fn refusal(refused: Refused, media: Media) -> Answer {
    let (status, code, text) = match refused {
        Refused::Unknown => {
            (StatusCode::NOT_FOUND, Code::BadRequest, "no stream has this token; reserve one by PUT")
        }
        Refused::Taken => (StatusCode::CONFLICT, Code::BadRequest, "a stream is open with this token"),
        Refused::Duplicate => {
            (StatusCode::CONFLICT, Code::BadRequest, "an operation runs under this `operationId`")
        }
        Refused::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            Code::TooManySubscriptions,
            "the stream has as many operations as it may (subscriptions_per_connection_max)",
        ),
        Refused::TooManyReserved => (
            StatusCode::SERVICE_UNAVAILABLE,
            Code::TooManySubscriptions,
            "too many streams are reserved and not opened (limits.reserved_streams_max)",
        ),
        Refused::Draining => {
            (StatusCode::SERVICE_UNAVAILABLE, Code::SubscriptionServerDrain, "the router is stopping")
        }
    };
    let answer = errors(status, media, &[GraphqlError::new(code, text)]);
    if status == StatusCode::SERVICE_UNAVAILABLE { retry_later(answer) } else { answer }
}
