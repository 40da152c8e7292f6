//! The codec against tables: heads of every size, every rule of RFC 6455 that a client can break, every
//! split.
//! Owns a client-side encoder; touches no socket.

use super::*;

fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = encode(Opcode::Text, payload);
    let head = out.len() - payload.len();
    out[0] = first;
    out[1] |= 0x80;
    for (at, byte) in out[head..].iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    out.splice(head..head, mask);
    out
}

/// Feeds bytes as one buffer and reads all messages out of it.
fn messages(input: Vec<u8>, max: usize) -> Result<Vec<Message>, u16> {
    let whole = input.len();
    messages_in(input, whole, max)
}

/// The same in pieces of so many bytes.
fn messages_in(mut input: Vec<u8>, piece: usize, max: usize) -> Result<Vec<Message>, u16> {
    let (mut reader, mut found) = (Reader::default(), Vec::new());
    for piece in input.chunks_mut(piece.max(1)) {
        let mut at = 0;
        while at < piece.len() {
            let (taken, message) = reader.take(&mut piece[at..], max).map_err(|close| close.code)?;
            assert!(taken > 0, "it always goes on");
            found.extend(message);
            at += taken;
        }
    }
    Ok(found)
}

#[test]
fn heads_of_every_size_carry_their_length() {
    for len in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
        let payload = "x".repeat(len);
        for piece in [1, 2, 3, 7, 1 << 20] {
            let frame = client_frame(0x81, payload.as_bytes());
            let read = messages_in(frame, piece, 1 << 20);
            assert_eq!(read, Ok(vec![Message::Text(payload.clone())]), "{len} bytes in pieces of {piece}");
        }
    }
}

#[test]
fn the_example_of_the_rfc_reads() {
    let masked = vec![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(messages(masked, 100), Ok(vec![Message::Text("Hello".into())]));
    assert_eq!(encode(Opcode::Text, b"Hello"), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
}

#[test]
fn every_cut_of_a_frame_waits_for_the_rest() {
    let whole = client_frame(0x81, &[b'y'; 300]);
    for cut in 0..whole.len() {
        let mut reader = Reader::default();
        let (mut front, mut back) = (whole[..cut].to_vec(), whole[cut..].to_vec());
        assert_eq!(reader.take(&mut front, 1000), Ok((cut, None)), "cut at {cut}");
        let message = Message::Text("y".repeat(300));
        assert_eq!(reader.take(&mut back, 1000), Ok((whole.len() - cut, Some(message))), "cut at {cut}");
    }
}

#[test]
fn text_that_cannot_become_utf8_is_refused_at_the_byte_that_says_so() {
    let start = "κόσμε".as_bytes();
    for (wrong, at) in [(&[0xF4, 0x90, 0x80, 0x80][..], 1), (&[0xED, 0xA0, 0x80][..], 1), (&[0xFF][..], 0)] {
        let text = [start, wrong, b"edited"].concat();
        let frame = client_frame(0x81, &text);
        let head = frame.len() - text.len();
        let mut reader = Reader::default();
        for (byte, read) in frame.iter().enumerate() {
            let taken = reader.take(&mut [*read], 1000);
            if byte < head + start.len() + at {
                assert_eq!(taken, Ok((1, None)), "{wrong:?}: byte {byte}");
            } else {
                assert_eq!(taken.map_err(|close| close.code), Err(1007), "{wrong:?}: byte {byte}");
                break;
            }
        }
    }
}

#[test]
fn a_character_that_is_cut_off_for_good_is_not_utf8() {
    let halves = [client_frame(0x01, "é".as_bytes()), client_frame(0x80, &[0xC3])].concat();
    assert_eq!(messages(halves, 100), Err(1007));
}

#[test]
fn what_clients_may_send_is_read() {
    let close = |code: u16| code.to_be_bytes().to_vec();
    let table = [
        (
            vec![client_frame(0x01, b"a"), client_frame(0x00, b"b"), client_frame(0x80, b"c")],
            Message::Text("abc".into()),
        ),
        (vec![client_frame(0x01, &[0xE2, 0x82]), client_frame(0x80, &[0xAC])], Message::Text("€".into())),
        (vec![client_frame(0x82, b"bin")], Message::Binary),
        (vec![client_frame(0x89, b"hi")], Message::Ping(b"hi".to_vec())),
        (vec![client_frame(0x8A, b"")], Message::Pong),
        (vec![client_frame(0x88, b"")], Message::Close(None)),
        (vec![client_frame(0x88, &close(1000))], Message::Close(Some(1000))),
        (vec![client_frame(0x88, &close(4403))], Message::Close(Some(4403))),
    ];
    for (frames, expected) in table {
        for piece in [1, 3, 1000] {
            let read = messages_in(frames.concat(), piece, 100);
            assert_eq!(read.as_deref(), Ok(std::slice::from_ref(&expected)), "pieces of {piece}");
        }
    }
    let between = [client_frame(0x01, b"a"), client_frame(0x89, b"p"), client_frame(0x80, b"b")].concat();
    assert_eq!(messages(between, 100), Ok(vec![Message::Ping(b"p".to_vec()), Message::Text("ab".into())]));
}

#[test]
fn what_clients_must_not_send_has_its_code() {
    let unmasked = encode(Opcode::Text, b"x");
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", unmasked, 1002),
        ("reserved bit", client_frame(0xC1, b"x"), 1002),
        ("reserved opcode", client_frame(0x83, b"x"), 1002),
        ("reserved control opcode", client_frame(0x8B, b"x"), 1002),
        ("fragmented ping", client_frame(0x09, b"x"), 1002),
        ("long ping", client_frame(0x89, &[0; 126]), 1002),
        ("continuation of nothing", client_frame(0x80, b"x"), 1002),
        ("text inside text", [client_frame(0x01, b"a"), client_frame(0x81, b"b")].concat(), 1002),
        ("half a close code", client_frame(0x88, &[3]), 1002),
        ("close 1005", client_frame(0x88, &1005u16.to_be_bytes()), 1002),
        ("close 1006", client_frame(0x88, &1006u16.to_be_bytes()), 1002),
        ("close 1015", client_frame(0x88, &1015u16.to_be_bytes()), 1002),
        ("close 999", client_frame(0x88, &999u16.to_be_bytes()), 1002),
        ("close reason not UTF-8", client_frame(0x88, &[0x03, 0xE8, 0xFF]), 1007),
        ("text not UTF-8", client_frame(0x81, &[0xFF]), 1007),
        ("surrogate half", client_frame(0x81, &[0xED, 0xA0, 0x80]), 1007),
        ("one byte over", client_frame(0x81, &[b'x'; 101]), 1009),
        (
            "one byte over in fragments",
            [client_frame(0x01, &[b'x'; 100]), client_frame(0x80, b"x")].concat(),
            1009,
        ),
        ("2^63 bytes announced", vec![0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009),
    ];
    for (name, bytes, code) in table {
        assert_eq!(messages(bytes.clone(), 100), Err(code), "{name}");
        assert_eq!(messages_in(bytes, 1, 100), Err(code), "{name}, byte by byte");
    }
    assert!(messages(client_frame(0x81, &[b'x'; 100]), 100).is_ok(), "exactly the bound");
}

#[test]
fn a_close_reason_is_cut_at_a_character_within_the_control_bound() {
    let frame = Close::new(4409, "é".repeat(100), "x").frame();
    assert_eq!(frame.len(), 2 + 2 + 122);
    assert!(std::str::from_utf8(&frame[4..]).is_ok());
}
