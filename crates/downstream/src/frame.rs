//! RFC 6455 frames as we write them, and close codes; what clients send is read by `frame::reader`.
//! Owns the bytes of the WebSocket protocol; never a socket, and nothing of what the messages mean.

mod reader;

pub(crate) use reader::{Message, Reader};

use std::borrow::Cow;

/// RFC 6455 §5.5: a control frame's payload is at most this long.
const CONTROL_BYTES_MAX: usize = 125;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// How a connection ends: what the close frame says, and the label it is counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) label: &'static str,
}

impl Close {
    pub(crate) fn new(code: u16, reason: impl Into<Cow<'static, str>>, label: &'static str) -> Close {
        Close { code, reason: reason.into(), label }
    }

    /// A rule of RFC 6455 was broken.
    fn protocol(reason: &'static str) -> Close {
        Close::new(1002, reason, "protocol_error")
    }

    fn too_large() -> Close {
        Close::new(
            1009,
            "Message too large: see limits.request_bytes_max and connection_init_bytes_max",
            "message_too_large",
        )
    }

    fn not_utf8() -> Close {
        Close::new(1007, "Text that is not UTF-8", "invalid_utf8")
    }

    /// The close frame, its reason cut to what a control frame holds.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut end = self.reason.len().min(CONTROL_BYTES_MAX - 2);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        let mut out = Vec::with_capacity(4 + end);
        push_head(&mut out, Opcode::Close, 2 + end);
        out.extend_from_slice(&self.code.to_be_bytes());
        out.extend_from_slice(&self.reason.as_bytes()[..end]);
        out
    }
}

/// Appends the head of an unmasked, unfragmented frame.
pub(crate) fn push_head(out: &mut Vec<u8>, opcode: Opcode, len: usize) {
    out.push(0x80 | opcode as u8);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// A whole unfragmented frame.
pub(crate) fn encode(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    push_head(&mut out, opcode, payload.len());
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests;
