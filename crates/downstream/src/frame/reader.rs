//! Client messages out of bytes, in whatever pieces they arrive: heads, masks, fragments, UTF-8.
//! Owns what has come of the present message, and refuses at the first byte that is wrong; never answers.

use super::{CONTROL_BYTES_MAX, Close, Opcode};

/// The longest head of a client's frame.
const HEAD_BYTES_MAX: usize = 14;

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

/// Reads one connection's frames. Between messages it owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// A head of which not all has come.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The data message whose fragments arrive.
    opened: Option<Opcode>,
    message: Vec<u8>,
    /// How much of `message` is known to be UTF-8.
    checked: usize,
    control: Vec<u8>,
}

/// A frame whose payload arrives.
#[derive(Debug)]
struct Frame {
    is_final: bool,
    opcode: Opcode,
    missing: usize,
    /// Turned so that it fits the next byte.
    mask: [u8; 4],
}

impl Reader {
    /// Takes bytes off the front of `input`, at most up to the end of a message: how many, and that message. A message
    /// of more than `payload_max` bytes is refused by its head.
    pub(crate) fn take(
        &mut self,
        input: &mut [u8],
        payload_max: usize,
    ) -> Result<(usize, Option<Message>), Close> {
        let mut taken = 0;
        while self.frame.is_some() || taken < input.len() {
            let Some(mut frame) = self.frame.take() else {
                taken += self.take_head(&input[taken..], payload_max)?;
                continue;
            };
            let present = frame.missing.min(input.len() - taken);
            let payload = &mut input[taken..taken + present];
            unmask(payload, frame.mask);
            taken += present;
            frame.missing -= present;
            frame.mask.rotate_left(present % 4);
            self.keep(&frame, payload)?;
            if frame.missing > 0 {
                self.frame = Some(frame);
                break;
            }
            if let Some(message) = self.finish(&frame)? {
                return Ok((taken, Some(message)));
            }
        }
        Ok((taken, None))
    }

    fn take_head(&mut self, input: &[u8], payload_max: usize) -> Result<usize, Close> {
        let before = self.head.len();
        let whole = if before == 0 { parse_head(input)? } else { None };
        let (frame, bytes) = match whole {
            Some(head) => head,
            None => {
                let fresh = input.len().min(HEAD_BYTES_MAX - before);
                self.head.extend_from_slice(&input[..fresh]);
                let Some(head) = parse_head(&self.head)? else { return Ok(fresh) };
                self.head = Vec::new();
                head
            }
        };
        self.admit(&frame, payload_max)?;
        self.frame = Some(frame);
        Ok(bytes - before)
    }

    /// Whether a frame may come here, and fits.
    fn admit(&mut self, frame: &Frame, payload_max: usize) -> Result<(), Close> {
        match frame.opcode {
            Opcode::Ping | Opcode::Pong | Opcode::Close => return Ok(()),
            Opcode::Continuation if self.opened.is_none() => {
                return Err(Close::protocol("A continuation of nothing"));
            }
            Opcode::Text | Opcode::Binary if self.opened.is_some() => {
                return Err(Close::protocol("A new message inside a fragmented one"));
            }
            Opcode::Continuation => {}
            Opcode::Text | Opcode::Binary => self.opened = Some(frame.opcode),
        }
        if frame.missing > payload_max.saturating_sub(self.message.len()) {
            return Err(Close::too_large());
        }
        Ok(())
    }

    fn keep(&mut self, frame: &Frame, payload: &[u8]) -> Result<(), Close> {
        if frame.opcode.is_control() {
            self.control.extend_from_slice(payload);
            return Ok(());
        }
        self.message.extend_from_slice(payload);
        // What has come whole is checked once, as it becomes a `String`.
        let is_whole = frame.is_final && frame.missing == 0;
        if self.opened == Some(Opcode::Text) && !is_whole {
            match std::str::from_utf8(&self.message[self.checked..]) {
                Ok(text) => self.checked += text.len(),
                // The rest of a character may be on its way.
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(Close::not_utf8()),
            }
        }
        Ok(())
    }

    fn finish(&mut self, frame: &Frame) -> Result<Option<Message>, Close> {
        let message = match frame.opcode {
            Opcode::Ping => Message::Ping(std::mem::take(&mut self.control)),
            Opcode::Pong => {
                self.control = Vec::new();
                Message::Pong
            }
            Opcode::Close => Message::Close(read_close(&std::mem::take(&mut self.control))?),
            _ if !frame.is_final => return Ok(None),
            _ => {
                self.checked = 0;
                let whole = std::mem::take(&mut self.message);
                match self.opened.take() {
                    Some(Opcode::Text) => {
                        Message::Text(String::from_utf8(whole).map_err(|_| Close::not_utf8())?)
                    }
                    _ => Message::Binary,
                }
            }
        };
        Ok(Some(message))
    }
}

/// The frame and the length of its head; `None` while the head is not all there.
fn parse_head(input: &[u8]) -> Result<Option<(Frame, usize)>, Close> {
    let Some(&first) = input.first() else { return Ok(None) };
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
    let Some((&second, rest)) = input[1..].split_first() else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(Close::protocol("A client must mask its frames"));
    }
    let short = usize::from(second & 0x7F);
    if opcode.is_control() && (!is_final || short > CONTROL_BYTES_MAX) {
        return Err(Close::protocol("A control frame is fragmented or longer than 125 bytes"));
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some((size, rest)) = rest.split_at_checked(extended) else { return Ok(None) };
    let missing = match extended {
        0 => short,
        _ => size.iter().fold(0u64, |len, byte| len << 8 | u64::from(*byte)).try_into().unwrap_or(usize::MAX),
    };
    let Some(mask) = rest.first_chunk::<4>() else { return Ok(None) };
    Ok(Some((Frame { is_final, opcode, missing, mask: *mask }, 2 + extended + 4)))
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
