//! `orders.{{ args.id }}` → a subject, or the values of a filter.
//! Owns parsing, rendering and the refusal of any value that could change what a subject means;
//! never knows a broker: the rule of what is safe is handed in.

use crate::Object;
use serde_json::Value;
use std::fmt;

#[cfg(test)]
mod tests;

/// A text with places to fill: `{{ args.path.to.leaf }}` or `{{ claims.path }}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    pub parts: Vec<Part>,
}

/// A stretch of a template: fixed text, or a path to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    Text(String),
    Argument(Vec<String>),
    Claim(Vec<String>),
}

/// What a template may read when it is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub arguments: &'a Object,
    pub claims: &'a Value,
}

/// What one broker allows a *rendered value* to hold; the fixed text of a template is the schema author's
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectRule {
    /// The broker's name for a subject in messages: `subject`, `topic`, `channel`.
    pub noun: &'static str,
    /// Characters that would change the meaning. Control characters, white space, quotes and
    /// empty values are refused always.
    pub forbidden: &'static [char],
    /// Nothing but ASCII letters and digits, `-` and `_` is in a name there.
    pub words_only: bool,
    /// Beginnings that are the broker's own (system subjects, reply inboxes): no rendered value may make a subject
    /// begin so where the template's own text does not.
    pub reserved: &'static [&'static str],
    pub subject_bytes_max: usize,
}

/// Why a template could not be rendered; the message names the argument and is fit for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl Template {
    /// Reads a template; the error says what is wrong with the text between the braces.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            push_text(&mut parts, &rest[..open])?;
            let inside = &rest[open + 2..];
            let close = inside
                .find("}}")
                .ok_or_else(|| TemplateError(format!("`{{{{` without `}}}}` in `{text}`")))?;
            parts.push(placeholder(inside[..close].trim())?);
            rest = &inside[close + 2..];
        }
        push_text(&mut parts, rest)?;
        Ok(Template { parts })
    }

    /// Renders a subject under a broker's rule.
    pub fn render(&self, scope: Scope<'_>, rule: &SubjectRule) -> Result<String, TemplateError> {
        self.render_with(scope, rule, None)
    }

    /// Renders subjects to subscribe to: a list becomes one subject for each of its items.
    pub fn render_each(&self, scope: Scope<'_>, rule: &SubjectRule) -> Result<Vec<String>, TemplateError> {
        let mut spread: Option<(&Part, &[Value])> = None;
        for part in &self.parts {
            let Some(Value::Array(items)) = scope.find(part)? else { continue };
            match spread {
                Some((first, _)) if first != part => {
                    return Err(TemplateError(format!("{part} is a second list in one {}", rule.noun)));
                }
                _ => spread = Some((part, items)),
            }
        }
        match spread {
            None => Ok(vec![self.render(scope, rule)?]),
            Some((part, [])) => {
                Err(TemplateError(format!("{part} is empty: there is nothing to subscribe to")))
            }
            Some((part, items)) => {
                items.iter().map(|item| self.render_with(scope, rule, Some((part, item)))).collect()
            }
        }
    }

    /// Renders a record's key or a header: any text of one line.
    pub fn render_text(&self, scope: Scope<'_>) -> Result<String, TemplateError> {
        let text = |part: &Part| match scope.find(part)? {
            Some(value) => {
                let text = leaf(part, value)?;
                // A line break would begin another header where headers are lines.
                match text.chars().any(char::is_control) {
                    true => Err(TemplateError(format!("{part} may not contain control characters here"))),
                    false => Ok(text),
                }
            }
            None => Ok(part.text().to_owned()),
        };
        self.parts.iter().map(text).collect()
    }

    /// `item` stands in for a list that is spread.
    fn render_with(
        &self,
        scope: Scope<'_>,
        rule: &SubjectRule,
        item: Option<(&Part, &Value)>,
    ) -> Result<String, TemplateError> {
        let mut subject = String::new();
        let mut longest: Option<(usize, &Part)> = None;
        for part in &self.parts {
            let of_list = item.filter(|(spread, _)| *spread == part).map(|(_, value)| value);
            let Some(value) = of_list.or(scope.find(part)?) else {
                subject.push_str(part.text());
                continue;
            };
            let text = leaf(part, value)?;
            rule.check(part, &text)?;
            if longest.is_none_or(|(bytes, _)| bytes < text.len()) {
                longest = Some((text.len(), part));
            }
            subject.push_str(&text);
        }
        rule.check_beginning(&self.parts, &subject)?;
        if subject.len() <= rule.subject_bytes_max {
            return Ok(subject);
        }
        let (noun, max) = (rule.noun, rule.subject_bytes_max);
        Err(TemplateError(match longest {
            Some((_, part)) => format!("{part} makes the {noun} longer than {max} bytes"),
            None => format!("the {noun} is longer than {max} bytes"),
        }))
    }

    /// Renders a filter value. A lone placeholder keeps its JSON type, and a list there becomes many values.
    pub fn render_values(&self, scope: Scope<'_>) -> Result<Vec<Value>, TemplateError> {
        if let [part] = self.parts.as_slice()
            && let Some(value) = scope.find(part)?
        {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            return match items.iter().find(|item| item.is_array() || item.is_object()) {
                Some(_) => Err(TemplateError(format!("{part} must be a single value or a list of them"))),
                None => Ok(items.to_vec()),
            };
        }
        let mut texts = vec![String::new()];
        let mut spread = false;
        for part in &self.parts {
            let alternatives = match scope.find(part)? {
                None => vec![part.text().to_owned()],
                Some(Value::Array(_)) if spread => {
                    return Err(TemplateError(format!("{part} is a second list in one filter value")));
                }
                Some(Value::Array(items)) => {
                    spread = true;
                    items.iter().map(|item| leaf(part, item)).collect::<Result<_, _>>()?
                }
                Some(value) => vec![leaf(part, value)?],
            };
            texts = alternatives
                .iter()
                .flat_map(|tail| texts.iter().map(move |text| format!("{text}{tail}")))
                .collect();
        }
        Ok(texts.into_iter().map(Value::String).collect())
    }
}

impl Part {
    fn text(&self) -> &str {
        match self {
            Part::Text(text) => text,
            Part::Argument(_) | Part::Claim(_) => "",
        }
    }
}

impl<'a> Scope<'a> {
    /// The value of a placeholder; `None` for fixed text. What is absent is an error that names it.
    fn find(&self, part: &Part) -> Result<Option<&'a Value>, TemplateError> {
        let (first, path) = match part {
            Part::Text(_) => return Ok(None),
            Part::Argument(path) => (path.first().and_then(|name| self.arguments.get(name)), path),
            Part::Claim(path) => (path.first().and_then(|name| self.claims.get(name)), path),
        };
        let found = path.iter().skip(1).fold(first, |value, name| value?.as_object()?.get(name));
        // A null claim is missing authority: as a filter value it would match events whose field is null.
        let found = found.filter(|value| !(value.is_null() && matches!(part, Part::Claim(_))));
        found.map(Some).ok_or_else(|| TemplateError(format!("{part} is missing")))
    }
}

impl SubjectRule {
    fn check_beginning(&self, parts: &[Part], subject: &str) -> Result<(), TemplateError> {
        let own = parts.first().map_or("", Part::text);
        let mut reserved = self.reserved.iter();
        let reached =
            reserved.find(|reserved| subject.starts_with(**reserved) && !own.starts_with(**reserved));
        let value = parts.iter().find(|part| !matches!(part, Part::Text(_)));
        match (reached, value) {
            (Some(reserved), Some(part)) => {
                let noun = self.noun;
                Err(TemplateError(format!("{part} may not make the {noun} begin with `{reserved}`")))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, part: &Part, value: &str) -> Result<(), TemplateError> {
        if value.is_empty() {
            return Err(TemplateError(format!("{part} may not be empty: it would change the {}", self.noun)));
        }
        let forbidden = |c: &char| {
            c.is_control() || c.is_whitespace() || ['\'', '"', '`'].contains(c) || self.forbidden.contains(c)
        };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let what = match value.chars().find(forbidden) {
            None if self.words_only && !value.chars().all(is_word) => {
                let message = format!("{part} may hold only ASCII letters, digits, `-` and `_` here");
                return Err(TemplateError(message));
            }
            None => return Ok(()),
            Some(c) if c.is_control() => "control characters".to_owned(),
            Some(c) if c.is_whitespace() => "white space".to_owned(),
            Some('\'' | '"' | '`') => "quotes".to_owned(),
            Some(c) => format!("`{c}`"),
        };
        let noun = self.noun;
        Err(TemplateError(format!("{part} may not contain {what} here: it would change the {noun}")))
    }
}

/// The template as it is written; `Template::parse` reads it back.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Argument(path) => write!(f, "{{{{ args.{} }}}}", path.join(".")),
            Part::Claim(path) => write!(f, "{{{{ claims.{} }}}}", path.join(".")),
        })
    }
}

/// How messages name a part.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Text(text) => write!(f, "text `{text}`"),
            Part::Argument(path) => write!(f, "argument `{}`", path.join(".")),
            Part::Claim(path) => write!(f, "claim `{}`", path.join(".")),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), TemplateError> {
    if text.contains("}}") {
        return Err(TemplateError(format!("`}}}}` without `{{{{` in `{text}`")));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

fn placeholder(inside: &str) -> Result<Part, TemplateError> {
    let (scope, path) = inside.split_once('.').unwrap_or((inside, ""));
    // Claims come from tokens, whose names may hold `-` and `:` (`cognito:groups`); arguments are GraphQL
    // names.
    let extra: &[char] = if scope == "claims" { &['-', ':'] } else { &[] };
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(&c))
    };
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    match scope {
        "args" if names.iter().all(|name| is_name(name)) => Ok(Part::Argument(names)),
        "claims" if names.iter().all(|name| is_name(name)) => Ok(Part::Claim(names)),
        _ => Err(TemplateError(format!(
            "`{inside}` is no place to fill: write `{{{{ args.name }}}}` or `{{{{ claims.name }}}}`"
        ))),
    }
}

fn leaf(part: &Part, value: &Value) -> Result<String, TemplateError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(bool) => Ok(bool.to_string()),
        Value::Null => Err(TemplateError(format!("{part} is null and must have a value here"))),
        Value::Array(_) => Err(TemplateError(format!("{part} is a list and must be a single value here"))),
        Value::Object(_) => {
            Err(TemplateError(format!("{part} is an object and must be a single value here")))
        }
    }
}
