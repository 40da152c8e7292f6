//! The forms of a response that goes on: event streams and multipart bodies, for one operation or for many.
//! Owns the choice between them and their response head; the bytes are `sse`'s and `multipart`'s.

use crate::multipart::Spec;
use crate::sse;
use graph::error::GraphqlError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, response};
use std::sync::Arc;

/// How results are written into a response body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// graphql-sse, distinct connections: one operation.
    EventStream,
    /// graphql-sse, single connection: every operation of a client, each by its id.
    SharedEventStream,
    Multipart(Spec),
}

impl Form {
    /// What its streams are counted under.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Form::EventStream => "sse",
            Form::SharedEventStream => "sse-single",
            Form::Multipart(Spec::Apollo) => "multipart",
            Form::Multipart(Spec::Incremental) => "incremental",
        }
    }

    /// The response head. Proxies must neither keep, change nor collect what follows it.
    pub(crate) fn head(self) -> response::Parts {
        let content_type = match self {
            Form::EventStream | Form::SharedEventStream => "text/event-stream; charset=utf-8",
            Form::Multipart(spec) => spec.content_type(),
        };
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        head.headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        head
    }

    /// Right behind the head.
    pub(crate) fn opening(self) -> &'static [u8] {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::HEARTBEAT,
            Form::Multipart(spec) => spec.opening(),
        }
    }

    /// Before the lead of a payload, where it and the payload have so many bytes.
    pub(crate) fn part_head(self, bytes: usize, digits: &mut itoa::Buffer) -> [&[u8]; 3] {
        match self {
            Form::EventStream | Form::SharedEventStream => [b""; 3],
            Form::Multipart(spec) => spec.part_head(bytes, digits),
        }
    }

    /// Before each payload of an operation.
    pub(crate) fn lead(self, id: &str) -> Arc<[u8]> {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::lead(self.shown(id)),
            Form::Multipart(spec) => Arc::from(spec.lead()),
        }
    }

    /// Behind each payload.
    pub(crate) fn tail(self) -> &'static [u8] {
        match self {
            Form::EventStream => sse::tail(false),
            Form::SharedEventStream => sse::tail(true),
            Form::Multipart(spec) => spec.tail(),
        }
    }

    /// Appends the JSON of a payload so that it stays in its frame.
    pub(crate) fn push_json(self, out: &mut Vec<u8>, json: &[u8]) {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::push_json(out, json),
            Form::Multipart(_) => out.extend_from_slice(json),
        }
    }

    /// Sent where nothing else was for a while.
    pub(crate) fn heartbeat(self) -> &'static [u8] {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::HEARTBEAT,
            Form::Multipart(spec) => spec.heartbeat(),
        }
    }

    /// An operation is over; nothing where the end of the body says it.
    pub(crate) fn complete(self, id: &str) -> Vec<u8> {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::complete(self.shown(id)),
            Form::Multipart(_) => Vec::new(),
        }
    }

    /// An operation ends with these; `complete` is up to the caller.
    pub(crate) fn errors(self, id: &str, errors: &[GraphqlError]) -> Vec<u8> {
        match self {
            Form::EventStream | Form::SharedEventStream => sse::errors(self.shown(id), errors),
            Form::Multipart(spec) => spec.errors(errors),
        }
    }

    /// The last bytes of the body.
    pub(crate) fn end(self) -> &'static [u8] {
        match self {
            Form::EventStream | Form::SharedEventStream => b"",
            Form::Multipart(spec) => spec.end(),
        }
    }

    /// Whether the body ends with its one operation.
    pub(crate) fn is_of_one(self) -> bool {
        self != Form::SharedEventStream
    }

    fn shown(self, id: &str) -> Option<&str> {
        (!self.is_of_one()).then_some(id)
    }
}
