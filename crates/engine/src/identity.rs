//! Who is asking, and which identities may share a response.
//! Owns the view: the part of an identity that something reads. Two callers may share bytes only where every
//! view that took part in making them is equal. Never verifies a token; downstream did.

use graph::Object;
use serde_json::Value;
use std::collections::BTreeSet;
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
