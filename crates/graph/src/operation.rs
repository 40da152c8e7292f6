//! One operation, ready to run: its kind, what it requires of the caller, its plan and its response shape.
//! Owns validation, normalisation and variable coercion; never executes.

use crate::Object;
use crate::error::GraphqlError;
use crate::plan::{EventRoot, Plan};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A validated and planned operation; shared by every request with the same text and name.
#[derive(Debug)]
pub struct Operation {
    pub kind: Kind,
    pub name: Option<String>,
    pub plan: Arc<Plan>,
    /// For a subscription: the root field and how an event becomes its value.
    pub event: Option<EventRoot>,
    /// What `@authenticated`, `@requiresScopes` and `@policy` ask of the caller, one entry per guarded coordinate.
    pub requirements: Vec<Requirement>,
    /// Variables the plan's fetches, `@skip`/`@include` and projection read. A variable that only the event root's
    /// own arguments read (subjects, filters) is not among them, so subscribers that differ only there can share.
    pub variables_read: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// What one guarded field or type asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// `Type.field` or `Type`, for the message.
    pub coordinate: String,
    pub rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Authenticated,
    /// Any of these sets is enough; within a set all are needed.
    Scopes(Vec<Vec<String>>),
    /// `@policy`: nothing here can grant it, so it refuses.
    Policy(Vec<Vec<String>>),
}

impl Operation {
    /// Coerces the given variables by the GraphQL rules: defaults filled in, unknown ones dropped.
    pub fn coerce(&self, variables: &Object) -> Result<Object, Vec<GraphqlError>> {
        let _ = variables;
        todo!()
    }
}
