//! What a directive says beside subject and provider: the kind of feed, a message's key and its headers.
//! Owns the words' optional arguments; never reads a subject.

use super::dialect::Reading;
use super::{Feed, Stream, repeated};
use crate::template::{Part, Template};
use apollo_compiler::ast::Value;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

/// Seconds without subscribers after which a durable consumer is gone: the default of
/// `edfs__NatsStreamConfiguration`.
const INACTIVE_SECONDS: u32 = 30;

/// A template with its place.
pub(super) type Placed = (Template, Option<SourceSpan>);

impl Reading<'_> {
    /// The kind of feed, from the word itself and its arguments.
    pub(super) fn feed(&mut self, subjects: &[Placed]) -> Feed {
        if self.word.is_log() {
            return Feed::Log;
        }
        if let Some(stream) = self.stream().or_else(|| self.published_stream()) {
            return Feed::Stream(stream);
        }
        if self.word.takes("patterns") && self.has_patterns(subjects) { Feed::Patterns } else { Feed::Plain }
    }

    /// Patterns are declared by the schema's author, by `patterns` or by a glob in the text: a value that is filled in
    /// can hold none (the broker's `SubjectRule`).
    fn has_patterns(&mut self, subjects: &[Placed]) -> bool {
        let Some(value) = self.directive.specified_argument_by_name("patterns").cloned() else {
            let is_glob = |part: &Part| matches!(part, Part::Text(text) if text.contains(['*', '?', '[']));
            return subjects.iter().any(|(template, _)| template.parts.iter().any(is_glob));
        };
        value.to_bool().unwrap_or_else(|| {
            self.refuse(value.location(), "`patterns` is `true` or `false`".into(), None);
            false
        })
    }

    fn stream(&mut self) -> Option<Stream> {
        let value = self.directive.specified_argument_by_name("streamConfiguration").cloned()?;
        let fields = match value.as_ref() {
            Value::Null => return None,
            Value::Object(fields) => fields.clone(),
            _ => {
                self.refuse(value.location(), "`streamConfiguration` must be an object".into(), None);
                return None;
            }
        };
        let known = ["streamName", "consumerName", "consumerInactiveThreshold"];
        self.check_fields("streamConfiguration", &fields, &known);
        let stream_name = self.stream_text(&fields, known[0]);
        if stream_name.is_none() {
            self.refuse(
                value.location(),
                "`streamConfiguration` needs a fixed text `streamName`".into(),
                None,
            );
        }
        let consumer_name = self.stream_text(&fields, known[1]);
        let consumer_inactive_threshold_seconds = self.threshold(&fields, known[2])?;
        Some(Stream { stream_name: stream_name?, consumer_name, consumer_inactive_threshold_seconds })
    }

    /// `streamName` of a publishing word: JetStream itself acknowledges.
    fn published_stream(&mut self) -> Option<Stream> {
        let value = self.directive.specified_argument_by_name("streamName").cloned()?;
        let stream_name = self.fixed_text("streamName", &value)?;
        Some(Stream { stream_name, consumer_name: None, consumer_inactive_threshold_seconds: 0 })
    }

    fn stream_text(&mut self, fields: &[(Name, Node<Value>)], name: &str) -> Option<String> {
        let (_, value) = fields.iter().find(|(field, _)| field == name)?;
        self.fixed_text(name, value)
    }

    fn fixed_text(&mut self, name: &str, value: &Node<Value>) -> Option<String> {
        let text = value.as_str().filter(|text| !text.trim().is_empty() && !text.contains("{{"));
        if text.is_none() {
            let message = format!("`{name}` must be a fixed text that is not blank");
            self.refuse(value.location(), message, None);
        }
        text.map(str::to_owned)
    }

    fn threshold(&mut self, fields: &[(Name, Node<Value>)], name: &str) -> Option<u32> {
        let Some((_, value)) = fields.iter().find(|(field, _)| field == name) else {
            return Some(INACTIVE_SECONDS);
        };
        let digits = match value.as_ref() {
            Value::Int(int) => int.as_str(),
            _ => "",
        };
        // What is out of range is read as the peer reads it, and said.
        match digits.parse::<i64>() {
            Ok(seconds) if seconds < 0 => {
                self.warn(value.location(), format!("`{name}` is below 0 and taken as {INACTIVE_SECONDS}"));
                Some(INACTIVE_SECONDS)
            }
            Ok(seconds) => Some(i32::try_from(seconds).map_or_else(
                |_| {
                    self.warn(value.location(), format!("`{name}` is out of range and taken as 0: never"));
                    0
                },
                i32::unsigned_abs,
            )),
            Err(_) => {
                let help = Some("0 keeps the consumer for ever; the default is 30".to_owned());
                self.refuse(value.location(), format!("`{name}` is a whole number of seconds from 0"), help);
                None
            }
        }
    }

    /// The key of a published record.
    pub(super) fn key(&mut self) -> Option<Placed> {
        let value = self.directive.specified_argument_by_name("key").cloned()?;
        self.filled_text("key", &value)
    }

    /// Headers of a published message, as `[{ name: "…", value: "…" }]`.
    pub(super) fn headers(&mut self) -> Vec<(String, Template, Option<SourceSpan>)> {
        let Some(value) = self.directive.specified_argument_by_name("headers").cloned() else {
            return Vec::new();
        };
        let items = value.as_list().unwrap_or(std::slice::from_ref(&value)).to_vec();
        items.iter().filter_map(|item| self.header(item)).collect()
    }

    fn header(&mut self, item: &Node<Value>) -> Option<(String, Template, Option<SourceSpan>)> {
        let fields = item.as_object().unwrap_or_default().to_vec();
        self.check_fields("headers", &fields, &["name", "value"]);
        let find = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
        let (Some(name), Some(value)) = (find("name"), find("value")) else {
            let help = "write `headers: [{ name: \"x-tenant\", value: \"{{ claims.tenant }}\" }]`";
            self.refuse(item.location(), "a header has a `name` and a `value`".into(), Some(help.into()));
            return None;
        };
        let text = name.as_str().filter(|name| is_header_name(name));
        if text.is_none() {
            let help = Some("letters, digits, `-`, `_` and `.`".to_owned());
            self.refuse(name.location(), "this is no name of a header".into(), help);
        }
        let (template, location) = self.filled_text("value", value)?;
        let breaks = |part: &Part| matches!(part, Part::Text(text) if text.contains(char::is_control));
        if template.parts.iter().any(breaks) {
            let message = format!(
                "the value of header `{}` holds a control character",
                name.as_str().unwrap_or_default()
            );
            let help = "a header is one line of text: leave line breaks and tabs out";
            self.refuse(location, message, Some(help.into()));
        }
        Some((text?.to_owned(), template, location))
    }

    fn filled_text(&mut self, name: &str, value: &Node<Value>) -> Option<Placed> {
        let Some(text) = value.as_str() else {
            let help = Some("write it in double quotes".to_owned());
            self.refuse(value.location(), format!("`{name}` must be a text"), help);
            return None;
        };
        match Template::parse(text) {
            Ok(template) => Some((template, value.location())),
            Err(error) => {
                self.refuse(value.location(), error.0, None);
                None
            }
        }
    }

    fn check_fields(&mut self, of: &str, fields: &[(Name, Node<Value>)], known: &[&str]) {
        repeated::check_fields(self.catalog, of, fields, self.found);
        for (name, field) in fields {
            if !known.contains(&name.as_str()) {
                let help = super::catalog::did_you_mean(name, known.iter().copied());
                self.refuse(field.location(), format!("`{of}` has no field `{name}`"), help);
            }
        }
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests;
