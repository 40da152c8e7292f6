//! How the two long-lived protocols write the same things: payloads, results, refusals, ends.
//! Owns the choice between them; never a socket.

use crate::frame::{Assembler, Opcode, encode, push_head};
use crate::websocket::Phase;
use crate::{sse, websocket};
use bytes::Bytes;
use engine::Identity;
use engine::outbox::End;
use graph::error::{Code, GraphqlError};
use std::io::Write;
use std::sync::Arc;

/// What a connection speaks.
pub(super) enum Protocol {
    WebSocket(WebSocket),
    EventStream,
}

/// The state of one WebSocket.
pub(super) struct WebSocket {
    pub(super) phase: Phase,
    pub(super) assembler: Assembler,
    /// Until `connection_init` was verified, the caller's headers only.
    pub(super) identity: Identity,
    /// Pings sent since the client was last heard.
    pub(super) pings_unanswered: u32,
}

impl Protocol {
    /// The bytes before each payload of an operation.
    pub(super) fn lead(&self, client_id: &str) -> Arc<[u8]> {
        match self {
            Protocol::WebSocket(_) => websocket::lead(client_id),
            Protocol::EventStream => Arc::from(sse::NEXT),
        }
    }

    /// Appends one payload as this protocol frames it. What was skipped before it goes into its `extensions`.
    pub(super) fn push_payload(&self, out: &mut Vec<u8>, lead: &[u8], json: &[u8], skipped: u64) {
        tracing::trace!(target: "way", step = "frame");
        let mut note = [0u8; 64];
        let (json, note) = if skipped == 0 { (json, &note[..0]) } else { spliced(json, &mut note, skipped) };
        match self {
            Protocol::WebSocket(_) => {
                push_head(out, Opcode::Text, lead.len() + json.len() + note.len() + 1);
                out.extend_from_slice(lead);
                out.extend_from_slice(json);
                out.extend_from_slice(note);
                out.push(b'}');
            }
            Protocol::EventStream => {
                out.extend_from_slice(lead);
                sse::push_json(out, json);
                out.extend_from_slice(note);
                out.extend_from_slice(sse::END_OF_EVENT);
            }
        }
    }

    /// A query's or mutation's response and the end of the operation.
    pub(super) fn response(&self, client_id: &str, lead: &[u8], response: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(lead.len() + response.len() + 128);
        self.push_payload(&mut out, lead, response, 0);
        match self {
            Protocol::WebSocket(_) => out.extend_from_slice(&text(&websocket::complete(client_id))),
            Protocol::EventStream => out.extend_from_slice(sse::COMPLETE),
        }
        Bytes::from(out)
    }

    /// The terminal frame of an operation; none where the connection's own end is one.
    pub(super) fn end(&self, client_id: &str, end: &End) -> Option<Bytes> {
        match (self, end) {
            (Protocol::WebSocket(_), End::Complete) => Some(text(&websocket::complete(client_id))),
            (Protocol::WebSocket(_), End::Errors(errors)) => Some(text(&websocket::error(client_id, errors))),
            (Protocol::WebSocket(_), End::Drain) => None,
            (Protocol::EventStream, End::Complete) => Some(Bytes::from_static(sse::COMPLETE)),
            (Protocol::EventStream, End::Errors(errors)) => Some(with_complete(errors)),
            // Without `complete`: graphql-sse connects again after a stream that merely stopped.
            (Protocol::EventStream, End::Drain) => Some(sse::errors(&[drained()])),
        }
    }
}

fn with_complete(errors: &[GraphqlError]) -> Bytes {
    Bytes::from([&sse::errors(errors), sse::COMPLETE].concat())
}

/// The last words of an event stream whose client does not read fast enough.
pub(super) fn lagged() -> Bytes {
    let text = "the client reads too slowly; subscribe again";
    with_complete(&[GraphqlError::new(Code::SubscriptionLagged, text)])
}

fn drained() -> GraphqlError {
    GraphqlError::new(Code::SubscriptionServerDrain, "the router is stopping; subscribe again")
}

/// A text frame.
pub(super) fn text(text: &str) -> Bytes {
    Bytes::from(encode(Opcode::Text, text.as_bytes()))
}

/// The response without its closing brace, and what goes in its place.
fn spliced<'a>(json: &'a [u8], note: &'a mut [u8; 64], skipped: u64) -> (&'a [u8], &'a [u8]) {
    let Some(open) = json.strip_suffix(b"}") else { return (json, &note[..0]) };
    let capacity = note.len();
    let mut rest = &mut note[..];
    write!(rest, r#","extensions":{{"tidegate":{{"skipped":{skipped}}}}}}}"#).expect("20 digits fit");
    let used = capacity - rest.len();
    (open, &note[..used])
}
