//! How the long-lived protocols write the same things: payloads, results, refusals, ends.
//! Owns the choice between WebSocket frames and the chunks of a response body; never a socket.

use crate::form::Form;
use crate::frame::{Close, Opcode, Reader, encode, push_head};
use crate::multipart::Spec;
use crate::websocket::{self, Dialect, Phase};
use bytes::Bytes;
use engine::Identity;
use engine::outbox::End;
use engine::request::refusal;
use graph::error::{Code, GraphqlError};
use std::io::Write;
use std::sync::Arc;

/// What a connection speaks.
pub(super) enum Protocol {
    WebSocket(Box<WebSocket>),
    Body(Body),
}

/// The state of one WebSocket.
pub(super) struct WebSocket {
    pub(super) dialect: Dialect,
    pub(super) phase: Phase,
    pub(super) reader: Reader,
    /// A message that waits for the caller to be verified.
    pub(super) held: Option<String>,
    /// Until `connection_init` was verified, the caller's headers only.
    pub(super) identity: Identity,
    /// Pings sent since the client was last heard.
    pub(super) pings_unanswered: u32,
}

/// A response body that goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) form: Form,
    /// HTTP/1.1: each write is a chunk, so that a client can tell an end from a loss.
    pub(super) is_chunked: bool,
}

impl WebSocket {
    pub(super) fn new(dialect: Dialect, identity: Identity) -> WebSocket {
        let (phase, reader) = (Phase::Opened, Reader::default());
        WebSocket { dialect, phase, reader, held: None, identity, pings_unanswered: 0 }
    }
}

impl Protocol {
    /// What its streams are counted under.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Protocol::WebSocket(web_socket) => match web_socket.dialect {
                Dialect::TransportWs => "transport-ws",
                Dialect::Legacy => "graphql-ws",
            },
            Protocol::Body(body) => body.form.label(),
        }
    }

    /// Whether the connection ends with its one operation.
    pub(super) fn is_of_one(&self) -> bool {
        match self {
            Protocol::WebSocket(_) => false,
            Protocol::Body(body) => body.form.is_of_one(),
        }
    }

    /// The bytes before each payload of an operation.
    pub(super) fn lead(&self, client_id: &str) -> Arc<[u8]> {
        match self {
            Protocol::WebSocket(web_socket) => web_socket.dialect.lead(client_id),
            Protocol::Body(body) => body.form.lead(client_id),
        }
    }

    /// Appends one payload as this protocol frames it. What was skipped before it goes into its `extensions`.
    pub(super) fn push_payload(&self, out: &mut Vec<u8>, lead: &[u8], json: &[u8], skipped: u64) {
        tracing::trace!(target: "way", step = "frame");
        let has_next = matches!(self, Protocol::Body(Body { form: Form::Multipart(Spec::Incremental), .. }));
        let mut note = [0u8; NOTE_BYTES_MAX];
        let (json, note) = if skipped == 0 && !has_next {
            (json, &note[..0])
        } else {
            noted(json, &mut note, skipped, has_next)
        };
        let bytes = lead.len() + json.len() + note.len();
        match self {
            Protocol::WebSocket(_) => {
                push_head(out, Opcode::Text, bytes + websocket::TAIL.len());
                out.extend_from_slice(lead);
                out.extend_from_slice(json);
                out.extend_from_slice(note);
                out.extend_from_slice(websocket::TAIL);
            }
            Protocol::Body(body) => {
                let (tail, mut digits) = (body.form.tail(), itoa::Buffer::new());
                let head = body.form.part_head(bytes, &mut digits);
                let head_bytes: usize = head.iter().map(|part| part.len()).sum();
                body.open_chunk(out, head_bytes + bytes + tail.len());
                head.iter().for_each(|part| out.extend_from_slice(part));
                out.extend_from_slice(lead);
                body.form.push_json(out, json);
                out.extend_from_slice(note);
                out.extend_from_slice(tail);
                body.close_chunk(out);
            }
        }
    }

    /// A query's or mutation's response and the end of the operation.
    pub(super) fn response(&self, client_id: &str, lead: &[u8], response: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(lead.len() + response.len() + 128);
        self.push_payload(&mut out, lead, response, 0);
        out.extend(self.end(client_id, &End::Complete));
        Bytes::from(out)
    }

    /// An operation does not begin. In a body that is a result like any other, and not how a stream breaks off.
    pub(super) fn refusal(&self, client_id: &str, lead: &[u8], errors: Vec<GraphqlError>) -> Bytes {
        match self {
            Protocol::WebSocket(_) => self.end(client_id, &End::Errors(errors)),
            Protocol::Body(_) => self.response(client_id, lead, &refusal(&errors)),
        }
    }

    /// The terminal frame of an operation; empty where the connection's own end is one.
    pub(super) fn end(&self, client_id: &str, end: &End) -> Bytes {
        match (self, end) {
            (Protocol::WebSocket(_), End::Complete) => text(&websocket::complete(client_id)),
            (Protocol::WebSocket(web_socket), End::Errors(errors)) => {
                text(&web_socket.dialect.error(client_id, errors))
            }
            (Protocol::WebSocket(_), End::Drain) => Bytes::new(),
            (Protocol::Body(body), End::Complete) => body.chunk(&body.form.complete(client_id)),
            (Protocol::Body(body), End::Errors(errors)) => body.errors(client_id, errors),
            (Protocol::Body(body), End::Drain) => body.errors(client_id, &[drained()]),
        }
    }

    /// The end of an operation because the router stops. Without `complete`, graphql-sse connects again by itself;
    /// with it, the stream is over for its client.
    pub(super) fn drain(&self, client_id: &str, is_completed: bool) -> Bytes {
        match self {
            Protocol::Body(body) if !is_completed => body.chunk(&body.form.errors(client_id, &[drained()])),
            _ => self.end(client_id, &End::Drain),
        }
    }

    /// The last bytes of the connection.
    pub(super) fn close(&self, close: &Close) -> Bytes {
        match self {
            Protocol::WebSocket(_) => Bytes::from(close.frame()),
            Protocol::Body(body) => body.end(),
        }
    }
}

impl Body {
    /// Bytes of the body that are no payload.
    pub(super) fn chunk(self, bytes: &[u8]) -> Bytes {
        if bytes.is_empty() {
            return Bytes::new();
        }
        let mut out = Vec::with_capacity(bytes.len() + 16);
        self.open_chunk(&mut out, bytes.len());
        out.extend_from_slice(bytes);
        self.close_chunk(&mut out);
        Bytes::from(out)
    }

    /// Its last bytes.
    pub(super) fn end(self) -> Bytes {
        let mut out = self.chunk(self.form.end()).to_vec();
        if self.is_chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Bytes::from(out)
    }

    pub(super) fn errors(self, client_id: &str, errors: &[GraphqlError]) -> Bytes {
        self.chunk(&[self.form.errors(client_id, errors), self.form.complete(client_id)].concat())
    }

    fn open_chunk(self, out: &mut Vec<u8>, len: usize) {
        if self.is_chunked {
            // By hand: `write!` would cost as much as all the rest of a delivery.
            let digits = (len.max(1).ilog2() / 4 + 1) as usize;
            let hexadecimal = |digit: usize| b"0123456789abcdef"[len >> (4 * digit) & 0xF];
            out.extend((0..digits).rev().map(hexadecimal));
            out.extend_from_slice(b"\r\n");
        }
    }

    fn close_chunk(self, out: &mut Vec<u8>) {
        if self.is_chunked {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The last words of a stream whose client does not read fast enough.
pub(super) fn lagged(unsent: u64) -> GraphqlError {
    let lost = if unsent == 0 { "the rest was".to_owned() } else { format!("{unsent} events were") };
    let text = format!("the client reads too slowly: {lost} not sent; subscribe again");
    let mut error = GraphqlError::new(Code::SubscriptionLagged, text);
    error.extensions.insert("skipped".to_owned(), unsent.into());
    error
}

/// What a stream is told that ends because the router stops.
fn drained() -> GraphqlError {
    GraphqlError::new(Code::SubscriptionServerDrain, "the router is stopping; subscribe again")
}

/// A text frame.
pub(super) fn text(text: &str) -> Bytes {
    Bytes::from(encode(Opcode::Text, text.as_bytes()))
}

/// Room for both notes with a count of 20 digits.
const NOTE_BYTES_MAX: usize = 96;

/// The response without its closing brace, and what goes in its place.
fn noted<'a>(
    json: &'a [u8],
    note: &'a mut [u8; NOTE_BYTES_MAX],
    skipped: u64,
    has_next: bool,
) -> (&'a [u8], &'a [u8]) {
    let Some(open) = json.strip_suffix(b"}") else { return (json, &note[..0]) };
    let mut rest = &mut note[..];
    let mut add = |text: std::fmt::Arguments<'_>| rest.write_fmt(text).expect("both notes fit");
    if skipped > 0 {
        add(format_args!(r#","extensions":{{"tidegate":{{"skipped":{skipped}}}}}"#));
    }
    if has_next {
        add(format_args!(r#","hasNext":true"#));
    }
    add(format_args!("}}"));
    let used = NOTE_BYTES_MAX - rest.len();
    (open, &note[..used])
}

#[cfg(test)]
mod tests;
