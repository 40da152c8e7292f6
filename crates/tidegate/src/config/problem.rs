//! What is wrong with a configuration: every problem with its place, its setting and a way out.
//! Owns how that is carried and shown; finds nothing itself.

use super::place::Place;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde_json::{Value, json};
use std::sync::Arc;

/// One problem, at one setting.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
    #[help]
    pub help: Option<String>,
    /// The setting, as `events.providers.nats[0].url`; empty for the file as a whole.
    pub path: String,
    pub place: Place,
    #[label("here")]
    span: Option<SourceSpan>,
    #[source_code]
    source_code: Option<NamedSource<Arc<str>>>,
}

impl Problem {
    pub fn new(path: impl Into<String>, place: &Place, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            help: None,
            path: path.into(),
            place: place.clone(),
            span: None,
            source_code: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    fn attach(&mut self, origin: &str, text: &Arc<str>) {
        if let Place::File { offset, length, .. } = self.place {
            self.span = Some((offset, length).into());
            self.source_code = Some(NamedSource::new(origin, Arc::clone(text)));
        }
        if let Place::Environment(variable) = &self.place {
            self.message = format!("{} (from the environment: {variable})", self.message);
        }
    }

    /// `file:line:column` where it has a place in the file.
    fn to_json(&self, origin: &str) -> Value {
        let mut problem = json!({ "message": self.message, "setting": self.path });
        if let Some(help) = &self.help {
            problem["help"] = json!(help);
        }
        match &self.place {
            Place::File { line, column, .. } => {
                problem["source"] = json!(origin);
                problem["line"] = json!(line);
                problem["column"] = json!(column);
            }
            Place::Environment(variable) => problem["variable"] = json!(variable),
            Place::Nowhere => {}
        }
        problem
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{origin} cannot be used")]
pub struct ConfigError {
    pub origin: String,
    #[related]
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub fn new(origin: &str, text: &str, mut problems: Vec<Problem>) -> ConfigError {
        let text: Arc<str> = text.into();
        problems.iter_mut().for_each(|problem| problem.attach(origin, &text));
        ConfigError { origin: origin.to_owned(), problems }
    }

    /// The problems for a script.
    pub fn to_json(&self) -> Value {
        let problems: Vec<Value> =
            self.problems.iter().map(|problem| problem.to_json(&self.origin)).collect();
        json!({ "ok": false, "errors": problems })
    }
}
