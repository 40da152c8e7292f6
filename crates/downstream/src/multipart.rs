//! Results as parts of a `multipart/mixed` body: Apollo's protocol for subscriptions, and the form of incremental
//! delivery.
//! Owns the bytes between and around payloads; never a socket. Every part is closed by its delimiter at once, that
//! line's end included, since clients read a part up to it; so the body ends with a part that says nothing. Apollo's
//! parts say their length: Python's aiohttp would read past the end of one that does not, so into the next event.

use engine::request::refusal;
use graph::error::GraphqlError;
use serde_json::Value;

const PART_HEAD: &[u8] = b"content-type: application/json\r\ncontent-length: ";

/// Of what closes the object around a payload.
const CLOSING_BYTES: usize = b"}".len();

/// How payloads are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spec {
    /// `subscriptionSpec=1.0`: `{"payload": …}`, heartbeats are empty objects.
    Apollo,
    /// Plain results with `hasNext`. A part is always open, so that a heartbeat can be white space before its JSON:
    /// the form knows no other, and no client sees this one.
    Incremental,
}

impl Spec {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            // Without quotes: Python's gql looks for just this.
            Spec::Apollo => "multipart/mixed;boundary=graphql;subscriptionSpec=1.0",
            Spec::Incremental => "multipart/mixed;boundary=\"-\"",
        }
    }

    /// Right behind the head.
    pub(crate) fn opening(self) -> &'static [u8] {
        match self {
            Spec::Apollo => b"\r\n--graphql\r\n",
            Spec::Incremental => b"\r\n---\r\ncontent-type: application/json\r\n\r\n",
        }
    }

    /// Before the lead of a payload, where it and the payload have so many bytes.
    pub(crate) fn part_head(self, bytes: usize, digits: &mut itoa::Buffer) -> [&[u8]; 3] {
        match self {
            Spec::Apollo => [PART_HEAD, digits.format(bytes + CLOSING_BYTES).as_bytes(), b"\r\n\r\n"],
            Spec::Incremental => [b""; 3],
        }
    }

    /// Before a payload.
    pub(crate) fn lead(self) -> &'static [u8] {
        match self {
            Spec::Apollo => b"{\"payload\":",
            Spec::Incremental => b"",
        }
    }

    /// Behind one.
    pub(crate) fn tail(self) -> &'static [u8] {
        match self {
            Spec::Apollo => b"}\r\n--graphql\r\n",
            Spec::Incremental => b"\r\n---\r\ncontent-type: application/json\r\n\r\n",
        }
    }

    pub(crate) fn heartbeat(self) -> &'static [u8] {
        match self {
            Spec::Apollo => b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}\r\n--graphql\r\n",
            Spec::Incremental => b" ",
        }
    }

    /// The stream breaks off with these: in Apollo's protocol beside a payload that is null, which its client takes for
    /// final, and without what only errors of a result have.
    pub(crate) fn errors(self, errors: &[GraphqlError]) -> Vec<u8> {
        match self {
            Spec::Apollo => {
                let told = |error: &GraphqlError| {
                    let mut error = error.to_json();
                    if let Some(error) = error.as_object_mut() {
                        error.retain(|key, _| !matches!(key.as_str(), "locations" | "path"));
                    }
                    error
                };
                let list: Vec<Value> = errors.iter().map(told).collect();
                let payload = format!(r#"null,"errors":{}"#, Value::from(list));
                let mut digits = itoa::Buffer::new();
                let head = self.part_head(self.lead().len() + payload.len(), &mut digits).concat();
                [&head, self.lead(), payload.as_bytes(), self.tail()].concat()
            }
            Spec::Incremental => {
                let mut body: Value = serde_json::from_slice(&refusal(errors)).unwrap_or_default();
                body["hasNext"] = true.into();
                [body.to_string().as_bytes(), self.tail()].concat()
            }
        }
    }

    /// The last bytes of the body.
    pub(crate) fn end(self) -> &'static [u8] {
        match self {
            Spec::Apollo => {
                b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}\r\n--graphql--\r\n"
            }
            Spec::Incremental => b"{\"hasNext\":false}\r\n-----\r\n",
        }
    }
}

#[cfg(test)]
mod tests;
