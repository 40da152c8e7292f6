//! Who is asking, and which identities may share a response.
//! Owns the view: the part of an identity that something reads. Two callers may share bytes only where every
//! view that took part in making them is equal. Never verifies a token; downstream did.

use graph::Object;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// One caller, as downstream authenticated it. Never logged.
#[derive(Clone, Default)]
pub struct Identity {
    /// Verified token claims; `Null` for an anonymous caller.
    pub claims: Arc<Value>,
    /// Request headers of the upgrade or the request, names in lower case.
    pub headers: Arc<Vec<(String, String)>>,
    /// `connection_init` payload; `Null` where the protocol has none.
    pub init_payload: Arc<Value>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("authenticated", &self.is_authenticated()).finish()
    }
}

impl Identity {
    pub fn is_authenticated(&self) -> bool {
        self.claims.is_object()
    }

    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Which part of an identity, and of the request, something reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    pub claims: Part,
    pub headers: Part,
    pub init_payload: Part,
    pub variables: Part,
}

/// None of an object, some of its top-level members, or all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    #[default]
    Nothing,
    Only(BTreeSet<String>),
    Everything,
}

/// What a hook sees of one subscriber: exactly the view it declared, and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    pub claims: Value,
    pub headers: Vec<(String, String)>,
    pub init_payload: Value,
    pub variables: Object,
}

impl View {
    /// Reads nothing: all subscribers look alike.
    pub fn nothing() -> View {
        View::default()
    }

    /// Reads all there is, so the hook runs once per distinct caller.
    pub fn everything() -> View {
        View {
            claims: Part::Everything,
            headers: Part::Everything,
            init_payload: Part::Everything,
            variables: Part::Everything,
        }
    }

    /// Reads these top-level token claims.
    pub fn claims<const N: usize>(names: [&str; N]) -> View {
        View { claims: Part::Only(names.map(String::from).into()), ..View::default() }
    }

    /// Also reads these request headers (lower-case names).
    #[must_use]
    pub fn with_headers<const N: usize>(mut self, names: [&str; N]) -> View {
        self.headers = Part::Only(names.map(String::from).into());
        self
    }

    /// Also reads these variables.
    #[must_use]
    pub fn with_variables<const N: usize>(mut self, names: [&str; N]) -> View {
        self.variables = Part::Only(names.map(String::from).into());
        self
    }
}

impl Part {
    fn joined(&self, other: &Part) -> Part {
        match (self, other) {
            (Part::Everything, _) | (_, Part::Everything) => Part::Everything,
            (Part::Nothing, part) | (part, Part::Nothing) => part.clone(),
            (Part::Only(a), Part::Only(b)) => Part::Only(a | b),
        }
    }

    fn reads(&self, name: &str) -> bool {
        match self {
            Part::Nothing => false,
            Part::Only(names) => names.contains(name),
            Part::Everything => true,
        }
    }

    fn cut(&self, value: &Value) -> Value {
        match (self, value) {
            (Part::Everything, value) => value.clone(),
            (Part::Only(_), Value::Object(members)) => Value::Object(self.cut_object(members)),
            _ => Value::Null,
        }
    }

    fn cut_object(&self, members: &Object) -> Object {
        let read = members.iter().filter(|(name, _)| self.reads(name));
        read.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl View {
    /// What two readers together read.
    #[must_use]
    pub fn joined(&self, other: &View) -> View {
        View {
            claims: self.claims.joined(&other.claims),
            headers: self.headers.joined(&other.headers),
            init_payload: self.init_payload.joined(&other.init_payload),
            variables: self.variables.joined(&other.variables),
        }
    }

    /// Cuts a caller down to this view.
    pub fn of(&self, identity: &Identity, variables: &Object) -> Viewer {
        let headers = identity.headers.iter().filter(|(name, _)| self.headers.reads(name));
        Viewer {
            claims: self.claims.cut(&identity.claims),
            headers: headers.cloned().collect(),
            init_payload: self.init_payload.cut(&identity.init_payload),
            variables: self.variables.cut_object(variables),
        }
    }
}

/// A viewer in canonical text: equal exactly where two viewers are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShareKey(Arc<str>);

impl Viewer {
    pub fn share_key(&self) -> ShareKey {
        let mut text = String::new();
        write_canonical(&self.claims, &mut text);
        // Two numbers side by side would read as one.
        text.push('|');
        write_canonical(&self.init_payload, &mut text);
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the values of one header keep their order
        _ = write!(text, "{headers:?}");
        write_object(&self.variables, &mut text);
        ShareKey(text.into())
    }
}

/// Whether bytes made for one viewer may go to the other (invariant 8): only where nothing that was read differs.
pub fn may_share(a: &ShareKey, b: &ShareKey) -> bool {
    a == b
}

/// JSON text with members in name order, so that equal values give equal text.
pub fn canonical(object: &Object) -> String {
    let mut text = String::new();
    write_object(object, &mut text);
    text
}

fn write_object(object: &Object, text: &mut String) {
    let sorted: BTreeMap<_, _> = object.iter().collect();
    text.push('{');
    for (name, value) in sorted {
        _ = write!(text, "{name:?}:");
        write_canonical(value, text);
        text.push(',');
    }
    text.push('}');
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => write_object(object, text),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        leaf => {
            _ = write!(text, "{leaf}");
        }
    }
}

#[cfg(test)]
mod tests;
