//! Server-Sent Events as graphql-sse's distinct connections mode writes them.
//! Owns the bytes of heads and events; never a socket.

use bytes::Bytes;
use engine::request::refusal;
use graph::error::GraphqlError;

/// What stands before a payload.
pub(crate) const NEXT: &[u8] = b"event: next\ndata: ";

/// What stands after one.
pub(crate) const END_OF_EVENT: &[u8] = b"\n\n";

/// Sent where nothing else was for a while: proxies and Bun end idle streams (after 10 s in the latter).
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";

/// The stream is over for good; graphql-sse does not retry after it.
pub(crate) const COMPLETE: &[u8] = b"event: complete\ndata: \n\n";

/// The response head; the stream ends with its connection, so it needs no length and no chunks.
/// `cors` holds whole header lines, each with its line end.
pub(crate) fn head(cors: &str) -> Vec<u8> {
    let fixed = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
        cache-control: no-cache\r\nx-accel-buffering: no\r\nconnection: close\r\n";
    format!("{fixed}{cors}\r\n").into_bytes()
}

/// A `next` event with errors only: graphql-sse wants refusals inside the stream, where a browser can read
/// them.
pub(crate) fn errors(errors: &[GraphqlError]) -> Bytes {
    let mut out = NEXT.to_vec();
    push_json(&mut out, &refusal(errors));
    out.extend_from_slice(END_OF_EVENT);
    Bytes::from(out)
}

/// Appends JSON as one `data` line: a line break would end it, and between JSON tokens a space means the
/// same.
pub(crate) fn push_json(out: &mut Vec<u8>, json: &[u8]) {
    let start = out.len();
    out.extend_from_slice(json);
    for byte in &mut out[start..] {
        // Stored in either case, so that the compiler vectorises it: with a branch it costs more than the send.
        *byte = if matches!(*byte, b'\n' | b'\r') { b' ' } else { *byte };
    }
}

#[cfg(test)]
mod tests;
