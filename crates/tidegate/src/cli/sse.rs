//! Server-sent events, read: bytes in any pieces → events.
//! Owns the line rules of the WHATWG event stream; knows no GraphQL.

/// One event of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// `message` where the stream gives none.
    pub(super) name: String,
    pub(super) data: String,
}

/// Keeps what is not a whole line yet.
#[derive(Debug, Default)]
pub(super) struct SseReader {
    rest: Vec<u8>,
    name: Option<String>,
    data: Vec<String>,
}

impl SseReader {
    /// Takes the next bytes; gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut start = 0;
        while let Some(length) = self.rest[start..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[start..start + length]).into_owned();
            start += length + 1;
            events.extend(self.take_line(line.strip_suffix('\r').unwrap_or(&line)));
        }
        self.rest.drain(..start);
        events
    }

    fn take_line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let name = self.name.take();
            let data = std::mem::take(&mut self.data);
            // A heartbeat comment followed by an empty line is no event.
            let any = name.is_some() || !data.is_empty();
            return any
                .then(|| SseEvent { name: name.unwrap_or_else(|| "message".into()), data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = Some(value.to_owned()),
            "data" => self.data.push(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let stream = ": hello\n\nevent: next\ndata: {\"a\":\ndata: 1}\n\n:\n\nevent: next\r\ndata:é\r\n\r\n\
                      event: complete\n\ndata: cut";
        let event = |name: &str, data: &str| SseEvent { name: name.into(), data: data.into() };
        let expected = [event("next", "{\"a\":\n1}"), event("next", "é"), event("complete", "")];
        for piece in 1..stream.len() {
            let mut reader = SseReader::default();
            let events: Vec<SseEvent> =
                stream.as_bytes().chunks(piece).flat_map(|bytes| reader.push(bytes)).collect();
            assert_eq!(events, expected, "pieces of {piece}");
        }
    }
}
