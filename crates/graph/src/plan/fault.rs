//! What can be wrong with an event.
//! Owns the names of it, for counters and log; whoever looks at a payload finds it.

/// What is wrong with an event, for the operator's counters and log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    /// No `__typename`, and the field's type is an interface or a union.
    #[error("`__typename` is missing, and the field can return several types")]
    TypenameMissing,
    /// `__typename` names no type that the field can return.
    #[error("`__typename` is `{0}`, which the field cannot return")]
    TypenameUnknown(String),
    /// A key field is missing or null.
    #[error("the key field `{0}` is missing or null")]
    KeyMissing(String),
    /// A field holds a value of another type than the schema's.
    #[error("`{0}` is of another type than the schema says")]
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
