//! What a request asks for and in which form it wants the answer.
//! Owns the reading of `Accept`, `Content-Type` and upgrade headers; never a body.

use crate::form::Form;
use crate::multipart::Spec;
use crate::websocket::Dialect;
use http::HeaderMap;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, UPGRADE};

/// The form of a response that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    GraphqlResponse,
}

impl Media {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Media::Json => "application/json; charset=utf-8",
            Media::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// What a client accepts of what we serve; at least one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The best for a response that is whole.
    pub(crate) media: Option<Media>,
    /// The best for a response that goes on. Only what is asked for by name: who takes anything may not be ready for
    /// an answer that does not end.
    pub(crate) form: Option<Form>,
    /// It likes the latter better, for whatever it asks.
    pub(crate) prefers_form: bool,
}

impl Accepted {
    /// In which form it is told of what went wrong before anything ran. Who takes multipart alone reads a status.
    pub(crate) fn media_of_errors(self) -> Media {
        let other = match self.form {
            Some(Form::Multipart(_)) => Media::GraphqlResponse,
            _ => Media::Json,
        };
        self.media.unwrap_or(other)
    }
}

/// Everything we serve; what comes first wins where a client does not care, plain JSON for clients from before
/// GraphQL's own type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Media(Media),
    Form(Form),
}

const SERVED: [Served; 5] = [
    Served::Media(Media::Json),
    Served::Media(Media::GraphqlResponse),
    Served::Form(Form::EventStream),
    Served::Form(Form::Multipart(Spec::Apollo)),
    Served::Form(Form::Multipart(Spec::Incremental)),
];

/// How well a range fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Anything,
    Type,
    Name,
}

/// The best forms by `Accept`: each has the quality of the range that names it most closely; the highest quality wins,
/// then the closest, then the first named. `None` = nothing of ours. No header accepts JSON.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range> = values.flat_map(|value| split(value, ',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return Some(Accepted { media: Some(Media::Json), form: None, prefers_form: false });
    }
    // By quality, fit, and place in the header, the first being the greatest.
    let rank = |served: Served| {
        let fits = ranges
            .iter()
            .enumerate()
            .filter_map(|(at, range)| Some((range.fit(served)?, std::cmp::Reverse(at), range.quality)));
        let (fit, at, quality) = fits.max_by_key(|(fit, at, _)| (*fit, *at))?;
        (quality > 0).then_some((quality, fit, at))
    };
    let (mut media, mut form) = (None, None);
    // From the last, so that of equals the first stays.
    for served in SERVED.into_iter().rev() {
        let Some(rank) = rank(served) else { continue };
        match served {
            Served::Media(found) if media.is_none_or(|(best, _)| rank >= best) => media = Some((rank, found)),
            Served::Form(found) if form.is_none_or(|(best, _)| rank >= best) => form = Some((rank, found)),
            Served::Media(_) | Served::Form(_) => {}
        }
    }
    if media.is_none() && form.is_none() {
        return None;
    }
    let prefers_form = form.is_some_and(|(best, _)| media.is_none_or(|(other, _)| best > other));
    Some(Accepted { media: media.map(|(_, media)| media), form: form.map(|(_, form)| form), prefers_form })
}

/// One media range.
struct Range {
    name: String,
    subscription_spec: Option<String>,
    /// In thousandths.
    quality: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let mut parts = split(text, ';');
        let name = parts.next()?.trim().to_ascii_lowercase();
        let (mut subscription_spec, mut quality) = (None, 1000);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                // One that cannot be read counts as none.
                "q" => quality = value.parse::<f32>().map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32),
                "subscriptionspec" => subscription_spec = Some(value.to_owned()),
                _ => {}
            }
        }
        (!name.is_empty()).then_some(Range { name, subscription_spec, quality })
    }

    fn fit(&self, served: Served) -> Option<Fit> {
        let (name, wildcard) = match served {
            Served::Media(Media::Json) => ("application/json", Some("application/*")),
            Served::Media(Media::GraphqlResponse) => {
                ("application/graphql-response+json", Some("application/*"))
            }
            Served::Form(Form::Multipart(spec)) => {
                let (is_meant, wildcard) = match spec {
                    Spec::Apollo => (self.subscription_spec.as_deref() == Some("1.0"), None),
                    Spec::Incremental => (self.subscription_spec.is_none(), Some("multipart/*")),
                };
                if self.name == "multipart/mixed" && !is_meant {
                    return None;
                }
                ("multipart/mixed", wildcard)
            }
            Served::Form(_) => ("text/event-stream", Some("text/*")),
        };
        if self.name == name {
            Some(Fit::Name)
        } else if wildcard == Some(&*self.name) {
            Some(Fit::Type)
        } else if self.name == "*/*" && matches!(served, Served::Media(_)) {
            Some(Fit::Anything)
        } else {
            None
        }
    }
}

/// Splits a header's value, but for what stands in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |character| {
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    })
}

/// Whether the body is JSON. Everything else is refused: a browser sends only form types and plain text
/// across origins without asking first.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = split(value, ';');
    let name = parts.next().unwrap_or_default();
    let charset = parts
        .filter_map(|part| part.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("charset"));
    let is_utf8 =
        charset.is_none_or(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    name.trim().eq_ignore_ascii_case("application/json") && is_utf8
}

/// Whether the client wants a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket")
}

/// The first sub-protocol that a client offers and we speak.
pub(crate) fn dialect(headers: &HeaderMap) -> Option<Dialect> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(|name| Dialect::named(name.trim()))
}

fn has_token(headers: &HeaderMap, name: &http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests;
