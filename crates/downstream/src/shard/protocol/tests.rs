//! How bytes of a body are wrapped, and what is said of a loss.
//! Owns the table; touches no socket.

use super::*;

#[test]
fn a_chunk_says_its_length_in_hexadecimal() {
    for len in [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 65_535, 1 << 20, (1 << 20) + 7] {
        let bytes = vec![b'x'; len];
        let chunk = Body { form: Form::EventStream, is_chunked: true }.chunk(&bytes);
        assert!(chunk.starts_with(format!("{len:x}\r\nx").as_bytes()) && chunk.ends_with(b"x\r\n"), "{len}");
        assert_eq!(chunk.len(), len + format!("{len:x}").len() + 4);
        assert_eq!(Body { form: Form::EventStream, is_chunked: false }.chunk(&bytes), bytes);
    }
}

#[test]
fn notes_stay_json_and_fit_whatever_they_count() {
    let table = [
        (0, true, r#"{"data":1,"hasNext":true}"#),
        (3, false, r#"{"data":1,"extensions":{"tidegate":{"skipped":3}}}"#),
        (
            u64::MAX,
            true,
            r#"{"data":1,"extensions":{"tidegate":{"skipped":18446744073709551615}},"hasNext":true}"#,
        ),
    ];
    for (skipped, has_next, expected) in table {
        let mut note = [0; NOTE_BYTES_MAX];
        let (json, note) = noted(br#"{"data":1}"#, &mut note, skipped, has_next);
        assert_eq!([json, note].concat(), expected.as_bytes());
    }
}
