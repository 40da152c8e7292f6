//! Which objects a broker may give for one root field: the types it can return, and what its events subgraph declares
//! of them.
//! Owns the judgement of a payload as a whole; never changes it.

use super::declared::Declared;
use super::fault::EventFault;
use super::types::Types;
use crate::Object;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a payload or a reply is held to.
#[derive(Debug)]
pub struct Allowed {
    /// The object types that the field can return.
    possible: BTreeSet<String>,
    /// The field's type, where that is one object type, so that `__typename` may be left out.
    type_name: Option<String>,
    declared: Declared,
}

impl Allowed {
    /// `graph` is the events subgraph's value in `join__Graph`, `type_name` the field's named type.
    pub(super) fn reach(types: &Types, graph: &str, type_name: &str) -> Allowed {
        Allowed {
            possible: types.possible(type_name),
            type_name: types.is_object(type_name).then(|| type_name.to_owned()),
            declared: Declared::reach(types, graph, type_name),
        }
    }

    /// Everything wrong with this payload; empty for a good one. At most 16 or so are told.
    pub fn check(&self, payload: &Object) -> Vec<EventFault> {
        let type_name = match self.runtime_type(payload) {
            Ok(type_name) => type_name,
            Err(fault) => return vec![fault],
        };
        let mut faults = Vec::new();
        self.declared.check(type_name, payload, &mut faults);
        faults
    }

    /// Type name and key fields of the entity a payload is about, as canonical text; `None` for a non-entity.
    pub(super) fn entity_key(&self, payload: &Object) -> Option<String> {
        let type_name = self.runtime_type(payload).ok()?;
        self.declared.entity_key(type_name, payload)
    }

    fn runtime_type<'a>(&'a self, payload: &'a Object) -> Result<&'a str, EventFault> {
        match (payload.get("__typename"), &self.type_name) {
            (None | Some(Value::Null), Some(only)) => Ok(only),
            (None | Some(Value::Null), None) => Err(EventFault::TypenameMissing),
            (Some(Value::String(name)), _) if self.possible.contains(name) => Ok(name),
            (Some(Value::String(name)), _) => Err(EventFault::TypenameUnknown(name.clone())),
            (Some(other), _) => Err(EventFault::TypenameUnknown(other.to_string())),
        }
    }
}
