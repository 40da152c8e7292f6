//! How two leaf values compare when a filter asks "is it one of these": by the field's GraphQL type.
//! Owns the comparison key; never looks at a schema or an event itself.

use serde_json::Value;

/// What a leaf field holds, as far as comparing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// `ID`: `1` and `"1"` are the same.
    Id,
    /// `Int` and `Float`: `1` and `1.0` are the same.
    Number,
    Boolean,
    /// `String` and enums.
    Text,
    /// A custom scalar: equal JSON is equal.
    Any,
}

impl ScalarKind {
    /// How messages call such a value.
    pub fn as_str(self) -> &'static str {
        match self {
            ScalarKind::Id => "an ID",
            ScalarKind::Number => "a number",
            ScalarKind::Boolean => "a boolean",
            ScalarKind::Text => "a text",
            ScalarKind::Any => "a custom scalar",
        }
    }
}

/// A leaf value in the form in which equality is equality of the type: hashable, ordered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    Null,
    Boolean(bool),
    Integer(i128),
    /// The bits of a float that is no whole number.
    Float(u64),
    Text(String),
}

impl Scalar {
    /// The comparable form of `value` in a field of this kind; `None` where the type does not fit.
    pub fn of(value: &Value, kind: ScalarKind) -> Option<Scalar> {
        match (kind, value) {
            (_, Value::Null) => Some(Scalar::Null),
            (ScalarKind::Id, Value::String(text)) => Some(Scalar::Text(text.clone())),
            (ScalarKind::Id, Value::Number(number)) => whole(number).map(|n| Scalar::Text(n.to_string())),
            (ScalarKind::Number | ScalarKind::Any, Value::Number(number)) => Some(numeric(number)),
            (ScalarKind::Boolean | ScalarKind::Any, Value::Bool(bool)) => Some(Scalar::Boolean(*bool)),
            (ScalarKind::Text | ScalarKind::Any, Value::String(text)) => Some(Scalar::Text(text.clone())),
            _ => None,
        }
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    // Floats of up to 2^53 hold whole numbers exactly; above that a float is not an identifier.
    exact.or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i128))
}

fn numeric(number: &serde_json::Number) -> Scalar {
    // A float of 2^53 and more is a whole number too: as a number (not as an identifier) it equals the
    // integer.
    let large = || number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 1e38).map(|f| f as i128);
    match whole(number).or_else(large) {
        Some(whole) => Scalar::Integer(whole),
        None => Scalar::Float(number.as_f64().unwrap_or(f64::NAN).to_bits()),
    }
}
