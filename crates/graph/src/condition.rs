//! Subscription filters: the tree, and the plain evaluator that is their definition.
//! Owns what a filter means; never indexes (that is the engine's `FilterIndex`, which must agree with this).

use crate::scalar::{Scalar, ScalarKind};
use crate::template::{Scope, Template, TemplateError};
use serde_json::Value;

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
    pub fn evaluate(&self, event: &Value) -> Option<bool> {
        let _ = event;
        todo!()
    }

    pub fn matches(&self, event: &Value) -> bool {
        self.evaluate(event) == Some(true)
    }
}

impl Filter {
    /// Fills in the arguments and claims of one subscriber.
    pub fn render(&self, scope: Scope<'_>) -> Result<Condition, TemplateError> {
        let _ = scope;
        todo!()
    }
}
