//! Whole answers: their status, type and headers.
//! Owns what GraphQL over HTTP says about them; never a request.

use crate::auth::AuthFailure;
use crate::form::Form;
use crate::negotiate::Media;
use bytes::Bytes;
use engine::request::refusal;
use graph::error::{Code, GraphqlError};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) fn unauthenticated(media: Media, failure: AuthFailure) -> Answer {
    let error = GraphqlError::new(Code::Unauthenticated, failure.message());
    if failure == AuthFailure::KeysUnavailable {
        return retry_later(errors(StatusCode::SERVICE_UNAVAILABLE, media, &[error]));
    }
    errors(StatusCode::UNAUTHORIZED, media, &[error])
}

pub(super) fn retry_later(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// GraphQL over HTTP §6.4: with its own type the status tells of request errors; with plain JSON a
/// well-formed request gets 200, since old clients read the body only then. Refusals of the caller keep their
/// status in both.
pub(super) fn status_of(errors: &[GraphqlError], media: Media) -> StatusCode {
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

pub(super) fn errors(status: StatusCode, media: Media, errors: &[GraphqlError]) -> Answer {
    let mut response = json(status, media, refusal(errors));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// An event stream that only says why there is nothing in it.
pub(super) fn event_stream(errors: &[GraphqlError]) -> Answer {
    let form = Form::EventStream;
    let body = [form.opening(), &form.errors("", errors), &form.complete("")].concat();
    Response::from_parts(form.head(), Full::from(body))
}

pub(super) fn json(status: StatusCode, media: Media, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn not_allowed(text: &'static str, allow: &'static str) -> Answer {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

#[cfg(test)]
mod tests;
