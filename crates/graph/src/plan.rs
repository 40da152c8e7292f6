//! Operation → Plan: fetches in order, the event root, and the Shape of the response.
//! Owns the plan types; the planner's own types never leave this room's `plan` folder.

mod allowed;
mod arguments;
mod carry;
mod compile;
mod declared;
mod event;
mod fault;
mod planner;
mod shape;
mod types;

pub use allowed::Allowed;
pub use arguments::Arguments;
pub use carry::Carry;
pub use event::EventRoot;
pub use fault::EventFault;
pub use shape::{Completion, Field, Guard, Selection, Shape, When, Wrap};

pub(crate) use compile::{Compiled, Compiler};
pub(crate) use planner::Planner;
pub(crate) use shape::{Implementations, ShapeCompiler};
pub(crate) use types::Types;

use crate::events::Binding;
use std::collections::BTreeSet;
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
    /// The step runs only where the guard is met.
    Condition(Guard, Box<Node>),
    Fetch(Fetch),
    Entities(Entities),
    /// Root fields that are bound to a broker, in order.
    Publish(Vec<PublishField>),
    /// `__schema` and `__type`.
    Introspect,
}

/// One subgraph's part of a step: whom to ask, and what.
#[derive(Debug)]
pub struct Question {
    pub subgraph: Arc<str>,
    pub document: Arc<str>,
    /// Variables of the client's operation that the document reads, sorted.
    pub variables: Vec<String>,
}

/// A fetch of root fields.
#[derive(Debug)]
pub struct Fetch {
    pub question: Question,
    /// Where in the response the answer goes; empty = at its root.
    pub path: Vec<Segment>,
    /// The response keys it fills, for errors that name none.
    pub keys: Vec<String>,
    pub output_rewrites: Vec<Rewrite>,
}

/// A fetch of entities that are already in the response by their keys.
#[derive(Debug)]
pub struct Entities {
    pub question: Question,
    pub targets: Vec<Target>,
}

/// One `_entities` field of a document.
#[derive(Debug)]
pub struct Target {
    /// Its response key: `_entities`, or an alias where a document has several.
    pub alias: String,
    /// The variable that holds its representations.
    pub representations: String,
    pub paths: Vec<Vec<Segment>>,
    pub requires: Vec<Require>,
    pub input_rewrites: Vec<Rewrite>,
    pub output_rewrites: Vec<Rewrite>,
}

/// Names that `__typename` may have.
pub type TypeNames = BTreeSet<String>;

/// One step of a path into the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Field(String),
    /// Every item of a list.
    List,
    On(TypeNames),
}

/// What a representation holds of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Require {
    Typename,
    /// `key` is the name in the representation, `name` the one in the response so far.
    Field {
        name: String,
        key: String,
        below: Vec<Require>,
    },
    On {
        names: TypeNames,
        below: Vec<Require>,
    },
}

/// A change to an answer before it is merged, or to an object before it becomes a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    Set { path: Vec<RewriteSegment>, value: String },
    Rename { path: Vec<RewriteSegment>, to: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RewriteSegment {
    Key(String),
    On(TypeNames),
}

/// A root field whose value a broker gives: `@edfs__…Publish` or `…Request`.
#[derive(Debug)]
pub struct PublishField {
    /// Its response key.
    pub key: String,
    pub when: When,
    pub binding: Arc<Binding>,
    pub arguments: Arguments,
    /// How the broker's answer becomes the field's value.
    pub carry: Carry,
    /// What that answer may be.
    pub allowed: Allowed,
}
