//! `orders.{{ args.id }}` → a subject, or the values of a filter.
//! Owns parsing, rendering and the refusal of any value that could change what a subject means;
//! never knows a broker: the rule of what is safe is handed in.

use crate::Object;
use serde_json::Value;

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

/// What one broker allows a *rendered value* to hold; the fixed text of a template is the schema author's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectRule {
    /// The broker's name for a subject in messages: `subject`, `topic`, `channel`.
    pub noun: &'static str,
    /// Characters that would change the meaning. Control characters, white space, quotes and
    /// empty values are refused always.
    pub forbidden: &'static [char],
    pub subject_bytes_max: usize,
}

/// Why a template could not be rendered; the message names the argument and is fit for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl Template {
    /// Reads a template; the error says what is wrong with the text between the braces.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let _ = text;
        todo!()
    }

    /// Renders a subject under a broker's rule.
    pub fn render(&self, scope: Scope<'_>, rule: &SubjectRule) -> Result<String, TemplateError> {
        let _ = (scope, rule);
        todo!()
    }

    /// Renders a filter value. A lone placeholder keeps its JSON type, and a list there becomes many values.
    pub fn render_values(&self, scope: Scope<'_>) -> Result<Vec<Value>, TemplateError> {
        let _ = scope;
        todo!()
    }
}
