//! A subscription's root field: its arguments, and how an event becomes its value.
//! Owns which type an event is of; never filters, never fetches.

use super::allowed::Allowed;
use super::arguments::Arguments;
use super::carry::Carry;
use super::fault::EventFault;
use crate::Object;
use crate::error::GraphqlError;
use crate::events::Binding;
use serde_json::Value;
use std::sync::Arc;

/// A subscription's root field.
#[derive(Debug)]
pub struct EventRoot {
    pub field: String,
    pub binding: Arc<Binding>,
    pub(super) key: String,
    pub(super) arguments: Arguments,
    pub(super) carry: Carry,
    pub(super) allowed: Allowed,
}

impl EventRoot {
    /// The field's arguments as given, with variables and defaults filled in; templates and filters read
    /// them.
    pub fn arguments(&self, variables: &Object) -> Result<Object, Vec<GraphqlError>> {
        self.arguments.fill(variables).map_err(|errors| {
            errors.into_iter().map(|error| error.at_path(vec![self.key.as_str().into()])).collect()
        })
    }

    /// Everything wrong with this payload for this field; empty for a good event. At most 16 or so are told.
    pub fn check(&self, payload: &Object) -> Vec<EventFault> {
        self.allowed.check(payload)
    }

    /// The value the subscription's root fetch would have returned: aliases applied, `__typename` filled in.
    pub fn root_value(&self, payload: &Object) -> Value {
        let mut root = Object::with_capacity(1);
        root.insert(self.key.clone(), self.carry.apply_object(payload));
        Value::Object(root)
    }

    /// Type name and key fields of the entity the event is about, as canonical text; `None` for a non-entity.
    /// Two events with equal text are about the same thing (conflation, revisions).
    pub fn entity_key(&self, payload: &Object) -> Option<String> {
        self.allowed.entity_key(payload)
    }
}
