//! Findings about schemas, shown with the lines they are about or as JSON for a script.
//! Owns the showing; the findings are `graph`'s.

use graph::compose::SchemaSource;
use graph::diagnostic::{Diagnostic, Severity, Span};
use miette::{NamedSource, SourceSpan};
use serde_json::{Value, json};

/// A parser that has lost its way finds hundreds, and the first say why.
const FINDINGS_SHOWN: usize = 10;

/// One finding with the text it points into.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Finding {
    message: String,
    help: Option<String>,
    severity: Severity,
    label: Option<miette::LabeledSpan>,
    text: Option<NamedSource<String>>,
}

impl miette::Diagnostic for Finding {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.text.as_ref().map(|text| text as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.label.clone().map(|label| Box::new(std::iter::once(label)) as _)
    }
}

/// Several findings under one sentence.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{summary}")]
pub(super) struct Findings {
    summary: String,
    #[related]
    findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(summary: &str, diagnostics: &[Diagnostic], sources: &[SchemaSource]) -> Findings {
        let findings = diagnostics.iter().take(FINDINGS_SHOWN).map(|diagnostic| finding(diagnostic, sources));
        let summary = match diagnostics.len() {
            many if many > FINDINGS_SHOWN => {
                format!("{summary}; the first {FINDINGS_SHOWN} of {many} findings:")
            }
            _ => summary.to_owned(),
        };
        Findings { summary, findings: findings.collect() }
    }
}

pub(super) fn finding(diagnostic: &Diagnostic, sources: &[SchemaSource]) -> Finding {
    let mut finding = Finding {
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
        severity: diagnostic.severity,
        label: None,
        text: None,
    };
    let Some(span) = &diagnostic.span else { return finding };
    match sources.iter().find(|source| source.origin == span.source) {
        Some(source) => {
            // At the very end there is no character to point at; the one before is on a line that is shown.
            let last = source.sdl.char_indices().next_back().map_or(0, |(byte, _)| byte);
            let at = SourceSpan::from((offset(&source.sdl, span).min(last), 0));
            finding.label = Some(miette::LabeledSpan::new_with_span(Some("here".into()), at));
            finding.text = Some(NamedSource::new(&span.source, source.sdl.clone()));
        }
        // The place is said in words where the text is not at hand.
        None => {
            finding.message = format!("{} ({}:{}:{})", finding.message, span.source, span.line, span.column)
        }
    }
    finding
}

/// The byte at which a 1-based line and column (in characters) begins; the end where the text is shorter.
fn offset(text: &str, span: &Span) -> usize {
    let mut start = 0;
    for line in text.split_inclusive('\n').take(span.line.saturating_sub(1)) {
        start += line.len();
    }
    let column = span.column.saturating_sub(1);
    start + text[start..].char_indices().nth(column).map_or(text.len() - start, |(byte, _)| byte)
}

/// One finding for a script.
pub(super) fn to_json(diagnostic: &Diagnostic) -> Value {
    let mut finding = json!({ "message": diagnostic.message });
    if let Some(help) = &diagnostic.help {
        finding["help"] = json!(help);
    }
    if let Some(Span { source, line, column }) = &diagnostic.span {
        finding["source"] = json!(source);
        finding["line"] = json!(line);
        finding["column"] = json!(column);
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_findings_is_cut_and_the_end_of_a_text_has_a_line() {
        let span = Span { source: "a.graphql".into(), line: 2, column: 1 };
        let diagnostic = Diagnostic { span: Some(span), ..Diagnostic::error("unexpected end") };
        let sdl = "type Query {\n".to_owned();
        let source = SchemaSource { name: "a".into(), routing_url: None, sdl, origin: "a.graphql".into() };
        let sources = [source];
        let findings = Findings::new("bad", &vec![diagnostic.clone(); 12], &sources);
        assert_eq!(findings.summary, "bad; the first 10 of 12 findings:");
        assert_eq!(findings.findings.len(), 10);
        assert_eq!(findings.findings[0].label.as_ref().map(|label| label.offset()), Some(12));
        assert_eq!(Findings::new("bad", &[diagnostic], &sources).summary, "bad");
    }

    #[test]
    fn an_offset_is_where_the_line_and_column_say() {
        let text = "type A\n  é: B\nend";
        let table = [(1, 1, "type"), (1, 6, "A"), (2, 3, "é"), (2, 4, ":"), (3, 1, "end"), (9, 9, "")];
        for (line, column, rest) in table {
            let span = Span { source: String::new(), line, column };
            assert!(text[offset(text, &span)..].starts_with(rest), "{line}:{column}");
        }
    }
}
