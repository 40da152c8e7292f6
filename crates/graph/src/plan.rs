//! Operation → Plan: fetches in order, the event root, and the Shape of the response.
//! Owns the plan types; the planner's own types never leave this room's `plan` folder.

use crate::Object;
use crate::error::GraphqlError;
use crate::events::Binding;
use serde_json::Value;
use std::sync::Arc;

/// How to fill one response: fetches in order. For a subscription, what remains to do for each event.
#[derive(Debug)]
pub struct Plan {
    pub node: Option<Node>,
    pub shape: Shape,
}

/// One step of a plan.
#[derive(Debug)]
pub enum Node {
    Sequence(Vec<Node>),
    Parallel(Vec<Node>),
}

/// What the client asked for, with types: the projection reads it. The executor's author fills it.
#[derive(Debug, Default)]
pub struct Shape {}

/// A subscription's root field.
#[derive(Debug)]
pub struct EventRoot {
    pub field: String,
    pub binding: Arc<Binding>,
}

/// What is wrong with an event, for the operator's counters and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFault {
    /// No `__typename`, and the field's type is an interface or a union.
    TypenameMissing,
    /// `__typename` names no type that the field can return.
    TypenameUnknown(String),
    /// A key field is missing or null.
    KeyMissing(String),
    /// A field holds a value of another type than the schema's.
    WrongType(String),
}

impl EventFault {
    /// The metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            EventFault::TypenameMissing => "typename_missing",
            EventFault::TypenameUnknown(_) => "typename_unknown",
            EventFault::KeyMissing(_) => "key_missing",
            EventFault::WrongType(_) => "wrong_type",
        }
    }

    /// Whether the event cannot be this field's at all, so that no subscriber of the field is sent anything.
    pub fn is_fatal(&self) -> bool {
        matches!(self, EventFault::TypenameMissing | EventFault::TypenameUnknown(_))
    }
}

impl EventRoot {
    /// The field's arguments as given, with variables and defaults filled in; templates and filters read them.
    pub fn arguments(&self, variables: &Object) -> Result<Object, Vec<GraphqlError>> {
        let _ = variables;
        todo!()
    }

    /// Everything wrong with this payload for this field; empty for a good event.
    pub fn check(&self, payload: &Object) -> Vec<EventFault> {
        let _ = payload;
        todo!()
    }

    /// The value the subscription's root fetch would have returned: aliases applied, `__typename` filled in.
    pub fn root_value(&self, payload: &Object) -> Value {
        let _ = payload;
        todo!()
    }

    /// Type name and key fields of the entity the event is about, as canonical text; `None` for a non-entity.
    /// Two events with equal text are about the same thing (conflation, revisions).
    pub fn entity_key(&self, payload: &Object) -> Option<String> {
        let _ = payload;
        todo!()
    }
}
