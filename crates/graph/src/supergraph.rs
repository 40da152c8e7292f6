//! A loaded supergraph: API schema, planner, event bindings, subgraph addresses.
//! Owns what all operations share; immutable once loaded.

#[cfg(test)]
mod tests;

use crate::diagnostic::{Diagnostic, Span};
use crate::error::GraphqlError;
use crate::events::{self, Binding};
use crate::operation::{self, Api, Bounds, Ground, Guarded, Operation};
use crate::plan::{Planner, Types};
use apollo_compiler::ast;
use apollo_compiler::validation::DiagnosticList;
use std::sync::Arc;

/// Everything a schema means.
#[derive(Debug)]
pub struct Supergraph {
    /// Subgraphs with an address; events subgraphs are not among them.
    pub subgraphs: Vec<Subgraph>,
    pub bindings: Vec<Arc<Binding>>,
    ground: Ground,
}

/// A subgraph that is asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subgraph {
    pub name: String,
    pub url: String,
}

impl Supergraph {
    /// Loads join-spec SDL as `compose::compose` or `compose::splice` wrote it. Never panics: the planner is
    /// fenced.
    pub fn load(sdl: &str) -> Result<Supergraph, Vec<Diagnostic>> {
        let document = ast::Document::parse(sdl, "supergraph.graphql");
        let document = document.map_err(|with| diagnostics(&with.errors, "supergraph.graphql"))?;
        let types = Types::read(&document);
        if types.subgraphs().next().is_none() {
            let missing = Diagnostic::error("the schema has no `join__Graph` enum, so it is no supergraph");
            return Err(vec![missing.help("compose it first: `tidegate compose --config supergraph.yaml`")]);
        }
        let bindings: Vec<_> = events::bindings(sdl)?.into_iter().map(Arc::new).collect();
        let planner = Planner::load(sdl).map_err(|message| vec![planner_diagnostic(&message)])?;
        let api = Api::load(&planner.api_sdl()).map_err(|errors| diagnostics(&errors, "api schema"))?;
        let is_events = |name: &str| bindings.iter().any(|binding| binding.subgraph == name);
        let addressed = types.subgraphs().filter(|(name, _)| !is_events(name));
        let subgraphs =
            addressed.map(|(name, url)| Subgraph { name: name.into(), url: url.into() }).collect();
        let guarded = Guarded::read(&document);
        let ground = Ground { api: Arc::new(api), types, guarded, planner, bindings: bindings.clone() };
        Ok(Supergraph { subgraphs, bindings, ground })
    }

    /// The API schema a client sees, as SDL.
    pub fn api_sdl(&self) -> String {
        self.ground.api.schema.to_string()
    }

    /// Parses, validates, normalises and plans one operation. Pure and sub-millisecond as a rule,
    /// but a hostile document can cost more, up to `bounds`: callers run it off the event loop.
    pub fn prepare(
        &self,
        document: &str,
        operation_name: Option<&str>,
        bounds: &Bounds,
    ) -> Result<Operation, Vec<GraphqlError>> {
        operation::prepare(&self.ground, document, operation_name, bounds)
    }
}

fn planner_diagnostic(message: &str) -> Diagnostic {
    Diagnostic::error(format!("the supergraph cannot be planned on: {message}")).help(
        "compose it again with `tidegate compose`, or check the supergraph with the composer that made it",
    )
}

fn diagnostics(errors: &DiagnosticList, source: &str) -> Vec<Diagnostic> {
    let diagnostics = errors.iter().map(|error| {
        let span = error.line_column_range().map(|range| Span {
            source: source.to_owned(),
            line: range.start.line,
            column: range.start.column,
        });
        Diagnostic::error(error.error.to_string()).at(span)
    });
    diagnostics.collect()
}
