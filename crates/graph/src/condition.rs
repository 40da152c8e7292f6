//! Subscription filters: the tree, what they look into, and the plain evaluator that is their definition.
//! Owns what a filter means; never indexes (that is the engine's `FilterIndex`, which must agree with this).

use crate::scalar::{Scalar, ScalarKind};
use crate::template::{Scope, Template, TemplateError};
use serde_json::{Number, Value};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// Where the path of what comes with an event begins, and not in its payload: a name that GraphQL keeps from schemas.
pub const BESIDE: &str = "__event";

/// What a filter can look into.
pub trait Facts {
    /// The value at a path; `None` where there is none.
    fn find(&self, path: &[String]) -> Option<Cow<'_, Value>>;
}

/// A payload by itself.
impl Facts for Value {
    fn find(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        path.iter().try_fold(self, |value, name| value.as_object()?.get(name)).map(Cow::Borrowed)
    }
}

/// A filter with its values filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    In { path: Vec<String>, kind: ScalarKind, values: Vec<Scalar> },
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

/// A filter as the schema holds it: values are templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    In { path: Vec<String>, kind: ScalarKind, values: Vec<FilterValue> },
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
}

/// One entry of `values`: a literal, or a text with places to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterValue {
    Literal(Value),
    Template(Template),
}

impl Condition {
    /// Whether the event passes. `None` = a field it asks for is missing or of another type:
    /// that never matches, not even under NOT (Kleene logic; only `Some(true)` is a match).
    pub fn evaluate(&self, event: &impl Facts) -> Option<bool> {
        match self {
            Condition::In { path, kind, values } => {
                let leaf = event.find(path)?;
                Scalar::of(&leaf, *kind).map(|scalar| values.contains(&scalar))
            }
            Condition::And(conditions) => all(conditions.iter().map(|condition| condition.evaluate(event))),
            Condition::Or(conditions) => {
                let none = all(conditions.iter().map(|condition| condition.evaluate(event).map(|b| !b)));
                none.map(|none| !none)
            }
            Condition::Not(condition) => condition.evaluate(event).map(|matched| !matched),
        }
    }

    pub fn matches(&self, event: &impl Facts) -> bool {
        self.evaluate(event) == Some(true)
    }
}

/// Kleene AND: one `false` decides, else one unknown makes the whole unknown.
fn all(results: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut whole = Some(true);
    for result in results {
        match result {
            Some(false) => return Some(false),
            Some(true) => {}
            None => whole = None,
        }
    }
    whole
}

impl Filter {
    /// Fills in the arguments and claims of one subscriber.
    pub fn render(&self, scope: Scope<'_>) -> Result<Condition, TemplateError> {
        let render_all = |filters: &[Filter]| {
            filters.iter().map(|filter| filter.render(scope)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Filter::In { path, kind, values } => {
                let mut scalars = Vec::with_capacity(values.len());
                for value in values {
                    render_value(value, *kind, path, scope, &mut scalars)?;
                }
                scalars.sort();
                scalars.dedup();
                Condition::In { path: path.clone(), kind: *kind, values: scalars }
            }
            Filter::And(filters) => Condition::And(render_all(filters)?),
            Filter::Or(filters) => Condition::Or(render_all(filters)?),
            Filter::Not(filter) => Condition::Not(Box::new(filter.render(scope)?)),
        })
    }
}

fn render_value(
    value: &FilterValue,
    kind: ScalarKind,
    path: &[String],
    scope: Scope<'_>,
    scalars: &mut Vec<Scalar>,
) -> Result<(), TemplateError> {
    let (rendered, text) = match value {
        FilterValue::Literal(literal) => (vec![literal.clone()], literal.to_string()),
        FilterValue::Template(template) => (template.render_values(scope)?, template.to_string()),
    };
    for value in &rendered {
        // A value that can never be equal is refused: dropped, it would turn NOT into "everything".
        scalars.push(expected(value, kind).ok_or_else(|| {
            let (field, kind) = (path.join("."), kind.as_str());
            TemplateError(format!("`{text}` does not fit the filter's field `{field}`, which holds {kind}"))
        })?);
    }
    Ok(())
}

/// The comparable form of a filter's value. Text is read as the field's type (`"1"` for an `Int`), since
/// arguments of type `ID` and templates with text around them are strings whatever the field is.
pub(crate) fn expected(value: &Value, kind: ScalarKind) -> Option<Scalar> {
    let converted = match (kind, value) {
        (ScalarKind::Number, Value::String(text)) => {
            serde_json::from_str::<Number>(text).ok().map(Value::Number)
        }
        (ScalarKind::Boolean, Value::String(text)) => text.parse().ok().map(Value::Bool),
        (ScalarKind::Text, Value::Number(number)) => Some(Value::String(number.to_string())),
        (ScalarKind::Text, Value::Bool(bool)) => Some(Value::String(bool.to_string())),
        _ => None,
    };
    Scalar::of(converted.as_ref().unwrap_or(value), kind)
}
