//! What becomes of an entry's fields, by table.

use super::*;
use crate::start::entry_id;

fn convert(fields: &[(&'static [u8], &'static [u8])]) -> Message {
    let fields = fields.iter().map(|(name, value)| (Bytes::from_static(name), Bytes::from_static(value)));
    message("orders".into(), Position::default(), fields.collect())
}

#[test]
fn fields_become_a_payload_and_headers() {
    type Row =
        (&'static [(&'static [u8], &'static [u8])], &'static str, &'static [(&'static str, &'static str)]);
    let table: [Row; 7] = [
        (&[(b"data", b"{}")], "{}", &[]),
        (&[(b"trace", b"1"), (b"data", b"{}"), (b"lang", b"de")], "{}", &[("trace", "1"), ("lang", "de")]),
        (
            &[(b"event", b"e"), (b"message", b"m"), (b"payload", b"p")],
            "p",
            &[("event", "e"), ("message", "m")],
        ),
        (&[(b"data", b"1"), (b"data", b"2")], "1", &[("data", "2")]),
        (&[(b"data", b"{}"), (b"x", b"\xff")], "{}", &[("x", "\u{fffd}")]),
        (&[(b"id", b"7"), (b"name", b"\"a\"\n")], r#"{"id":"7","name":"\"a\"\n"}"#, &[]),
        (&[(b"id", b"1"), (b"id", b"2")], r#"{"id":"2"}"#, &[]),
    ];
    for (fields, payload, headers) in table {
        let message = convert(fields);
        assert_eq!(message.payload, payload, "{fields:?}");
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(message.headers, owned.collect::<Vec<_>>(), "{fields:?}");
    }
}

#[test]
fn ids_are_written_as_they_are_read() {
    for text in ["0-0", "0-7", "1526919030474-55", "18446744073709551615-18446744073709551615"] {
        assert_eq!(id(entry_id(text).expect("an id")), text);
    }
}
