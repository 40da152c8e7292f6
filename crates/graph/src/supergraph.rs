//! A loaded supergraph: API schema, planner, event bindings, subgraph addresses.
//! Owns what all operations share; immutable once loaded.

use crate::diagnostic::Diagnostic;
use crate::error::GraphqlError;
use crate::events::Binding;
use crate::operation::Operation;
use std::sync::Arc;

/// Everything a schema means.
#[derive(Debug)]
pub struct Supergraph {
    /// Subgraphs with an address; events subgraphs are not among them.
    pub subgraphs: Vec<Subgraph>,
    pub bindings: Vec<Arc<Binding>>,
}

/// A subgraph that is asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subgraph {
    pub name: String,
    pub url: String,
}

impl Supergraph {
    /// Loads join-spec SDL as `compose::compose` or `compose::splice` wrote it. Never panics: the planner is fenced.
    pub fn load(sdl: &str) -> Result<Supergraph, Vec<Diagnostic>> {
        let _ = sdl;
        todo!()
    }

    /// The API schema a client sees, as SDL.
    pub fn api_sdl(&self) -> String {
        todo!()
    }

    /// Parses, validates, normalises and plans one operation. Pure and sub-millisecond as a rule,
    /// but a hostile document can cost more: callers bound its size and run it off the event loop.
    pub fn prepare(
        &self,
        document: &str,
        operation_name: Option<&str>,
    ) -> Result<Operation, Vec<GraphqlError>> {
        let _ = (document, operation_name);
        todo!()
    }
}
