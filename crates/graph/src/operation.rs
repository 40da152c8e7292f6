//! One operation, ready to run: its kind, what it requires of the caller, its plan and its response shape.
//! Owns validation, normalisation and variable coercion; never executes.

mod alias;
mod api;
mod prepare;
mod requirements;
mod size;

pub(crate) use api::Api;
pub(crate) use prepare::{Ground, prepare};
pub(crate) use requirements::Guarded;

use crate::Object;
use crate::error::{Code, GraphqlError};
use crate::plan::{EventRoot, Plan};
use apollo_compiler::ExecutableDocument;
use apollo_compiler::validation::Valid;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A validated and planned operation; shared by every request with the same text and name.
#[derive(Debug)]
pub struct Operation {
    pub kind: Kind,
    pub name: Option<String>,
    pub plan: Arc<Plan>,
    /// For a subscription: the root field and how an event becomes its value.
    pub event: Option<EventRoot>,
    /// What `@authenticated`, `@requiresScopes` and `@policy` ask of the caller, one entry per guarded
    /// coordinate.
    pub requirements: Vec<Requirement>,
    /// Variables the plan's fetches, `@skip`/`@include` and projection read. A variable that only the event
    /// root's own arguments read (subjects, filters) is not among them, so subscribers that differ only
    /// there can share.
    pub variables_read: BTreeSet<String>,
    /// About how much memory it takes.
    pub bytes: usize,
    api: Arc<Api>,
    document: Valid<ExecutableDocument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// How large a document may be; the engine's limits fill it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Lexical tokens; parsing stops there.
    pub tokens_max: usize,
    /// Depth of nested selections, fragments followed.
    pub depth_max: usize,
    /// Selections with all fragments written out, and fields counted once per concrete type.
    pub selections_max: usize,
    pub planning_timeout: Duration,
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
        self.api.coerce(&self.document, self.name.as_deref(), variables)
    }

    /// The root meta-fields (`__schema`, `__type`) under their response keys.
    pub fn introspect(&self, variables: &Object) -> Result<Object, Vec<GraphqlError>> {
        self.api.introspect(&self.document, self.name.as_deref(), variables).map_err(|message| {
            let message = format!("introspection failed: {message}");
            vec![GraphqlError::new(Code::InternalServerError, message)]
        })
    }
}
