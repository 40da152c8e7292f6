//! Server-Sent Events as graphql-sse writes them: a connection for each operation, or one for all of a client's.
//! Owns the bytes of events; never a socket.

use engine::request::refusal;
use graph::error::GraphqlError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Before a payload of a distinct connection.
const NEXT: &[u8] = b"event: next\ndata: ";

/// Sent behind the head, since some browsers call a stream open only then, and where nothing else was for a while:
/// proxies and Bun end idle streams (after 10 s in the latter).
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";

/// Before each payload.
pub(crate) fn lead(id: Option<&str>) -> Arc<[u8]> {
    match id {
        None => Arc::from(NEXT),
        Some(id) => {
            format!("event: next\ndata: {{\"id\":{},\"payload\":", Value::from(id)).into_bytes().into()
        }
    }
}

/// Behind each payload.
pub(crate) fn tail(is_shared: bool) -> &'static [u8] {
    if is_shared { b"}\n\n" } else { b"\n\n" }
}

/// The operation is over for good; graphql-sse does not retry after it. Without the empty `data` a browser's
/// `EventSource` would not tell of it.
pub(crate) fn complete(id: Option<&str>) -> Vec<u8> {
    match id {
        None => b"event: complete\ndata:\n\n".to_vec(),
        Some(id) => format!("event: complete\ndata: {}\n\n", json!({ "id": id })).into_bytes(),
    }
}

/// A `next` event with errors only: graphql-sse wants refusals inside the stream, where a browser can read
/// them.
pub(crate) fn errors(id: Option<&str>, errors: &[GraphqlError]) -> Vec<u8> {
    let mut out = lead(id).to_vec();
    push_json(&mut out, &refusal(errors));
    out.extend_from_slice(tail(id.is_some()));
    out
}

/// Appends JSON as part of one `data` line: a line break would end it, and between JSON tokens a space means the
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
