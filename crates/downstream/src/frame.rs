//! RFC 6455 frames: heads, masks, fragments, control frames, close codes.
//! Owns the bytes of the WebSocket protocol; never a socket, and nothing of what the messages mean.

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

/// One frame of a client, unmasked in place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) is_final: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
}

struct Head {
    is_final: bool,
    opcode: Opcode,
    len: usize,
    mask: [u8; 4],
    bytes: usize,
}

/// Reads one client frame from the front of `input`: the frame and how many bytes it took, or `None` while it
/// is not all there. `payload_max` is checked on the head already, before anything is kept.
pub(crate) fn parse(input: &mut [u8], payload_max: usize) -> Result<Option<(Frame<'_>, usize)>, Close> {
    let Some(head) = parse_head(input)? else { return Ok(None) };
    if head.len > payload_max {
        return Err(Close::too_large());
    }
    let end = head.bytes + head.len;
    let Some(payload) = input.get_mut(head.bytes..end) else { return Ok(None) };
    unmask(payload, head.mask);
    Ok(Some((Frame { is_final: head.is_final, opcode: head.opcode, payload }, end)))
}

fn parse_head(input: &[u8]) -> Result<Option<Head>, Close> {
    let &[first, second, ref rest @ ..] = input else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Close::protocol("A reserved bit is set, and no extension was negotiated"));
    }
    let opcode = match first & 0x0F {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x2 => Opcode::Binary,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xA => Opcode::Pong,
        _ => return Err(Close::protocol("A reserved opcode")),
    };
    let is_final = first & 0x80 != 0;
    if second & 0x80 == 0 {
        return Err(Close::protocol("A client must mask its frames"));
    }
    let short = usize::from(second & 0x7F);
    if first & 0x08 != 0 && (!is_final || short > CONTROL_BYTES_MAX) {
        return Err(Close::protocol("A control frame is fragmented or longer than 125 bytes"));
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some((size, rest)) = rest.split_at_checked(extended) else { return Ok(None) };
    let len = match extended {
        0 => short,
        _ => size.iter().fold(0u64, |len, byte| len << 8 | u64::from(*byte)).try_into().unwrap_or(usize::MAX),
    };
    let Some(mask) = rest.first_chunk::<4>() else { return Ok(None) };
    Ok(Some(Head { is_final, opcode, len, mask: *mask, bytes: 2 + extended + 4 }))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    // Eight bytes a step; the compiler vectorises this form.
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// A whole message, or a control frame between fragments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary,
    Ping(Vec<u8>),
    Pong,
    /// The client's close code; `None` = it gave none.
    Close(Option<u16>),
}

/// Puts fragments together.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    opened: Option<Opcode>,
    buffer: Vec<u8>,
}

impl Assembler {
    /// Takes the next frame; `None` while a message is not complete. The whole is bounded by `payload_max`.
    pub(crate) fn take(&mut self, frame: &Frame<'_>, payload_max: usize) -> Result<Option<Message>, Close> {
        match frame.opcode {
            Opcode::Ping => return Ok(Some(Message::Ping(frame.payload.to_vec()))),
            Opcode::Pong => return Ok(Some(Message::Pong)),
            Opcode::Close => return read_close(frame.payload).map(|code| Some(Message::Close(code))),
            Opcode::Continuation if self.opened.is_none() => {
                return Err(Close::protocol("A continuation of nothing"));
            }
            Opcode::Text | Opcode::Binary if self.opened.is_some() => {
                return Err(Close::protocol("A new message inside a fragmented one"));
            }
            _ => {}
        }
        let opcode = *self.opened.get_or_insert(frame.opcode);
        if self.buffer.len() + frame.payload.len() > payload_max {
            return Err(Close::too_large());
        }
        self.buffer.extend_from_slice(frame.payload);
        if !frame.is_final {
            return Ok(None);
        }
        self.opened = None;
        // Taking the buffer leaves an idle connection without one.
        let whole = std::mem::take(&mut self.buffer);
        match opcode {
            Opcode::Text => {
                String::from_utf8(whole).map(|text| Some(Message::Text(text))).map_err(|_| Close::not_utf8())
            }
            _ => Ok(Some(Message::Binary)),
        }
    }
}

fn read_close(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(Close::protocol("Half a close code")) };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 §7.4: 1004–1006 and 1015 are never sent, 1016–2999 are not defined.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Close::protocol("A close code that must not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Close::not_utf8());
    }
    Ok(Some(code))
}

#[cfg(test)]
mod tests;
