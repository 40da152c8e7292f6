//! Whether a supergraph is valid GraphQL after events subgraphs were laid in.
//! Owns that last check; places point into the events schemas, whose nodes keep where they came from.

use crate::diagnostic::{Diagnostic, Span};
use crate::events::catalog::Catalog;
use apollo_compiler::ast::Document;
use apollo_compiler::diagnostic::ToCliReport;
use std::sync::Arc;

/// Whether the document is valid. Some composers' headers are not, and then nothing can be said of our part.
pub(super) fn is_valid(document: &Document) -> bool {
    document.to_schema_validate().is_ok()
}

/// Everything the specification has against the document, whose nodes may come from these catalogs.
pub(super) fn check<'a>(
    document: &Document,
    catalogs: impl IntoIterator<Item = &'a Catalog>,
) -> Vec<Diagnostic> {
    let mut document = document.clone();
    let sources = Arc::make_mut(&mut document.sources);
    for catalog in catalogs {
        sources.extend(catalog.sources().iter().map(|(id, source)| (*id, source.clone())));
    }
    let Err(broken) = document.to_schema_validate() else { return Vec::new() };
    let place = |location: Option<apollo_compiler::parser::SourceSpan>| {
        let location = location?;
        let source = document.sources.get(&location.file_id())?.path().display().to_string();
        let at = location.line_column(&document.sources)?;
        Some(Span { source, line: at.line, column: at.column })
    };
    let told = |error: &dyn ToCliReport| Diagnostic::error(error.to_string()).at(place(error.location()));
    broken.errors.iter().map(|broken| told(broken.error)).collect()
}
