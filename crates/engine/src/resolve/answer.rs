//! What a subgraph answered, or why it did not: judged once, then shared by everyone who asked.
//! Owns turning a subgraph's errors into ours; never places them in a response.

use crate::port::SubgraphError;
use bytes::Bytes;
use graph::Object;
use graph::error::{Code, GraphqlError};
use serde_json::Value;

/// A subgraph's answer. `data` is `Null` where there was none; then `errors` holds at least one.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) data: Value,
    pub(super) errors: Vec<AnswerError>,
}

/// One error of a subgraph, with the path in its own answer.
#[derive(Debug, Clone)]
pub(super) struct AnswerError {
    pub(super) path: Vec<Value>,
    message: String,
    extensions: Box<Object>,
}

impl Answer {
    pub(super) fn judge(subgraph: &str, result: Result<Bytes, SubgraphError>) -> Answer {
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(error) => return Answer::failed(subgraph, &reason(&error)),
        };
        let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(&bytes) else {
            return Answer::failed(subgraph, "answered with something that is no GraphQL response");
        };
        let errors = match body.remove("errors") {
            Some(Value::Array(errors)) => {
                errors.into_iter().map(|error| AnswerError::read(subgraph, error)).collect()
            }
            _ => Vec::new(),
        };
        match body.remove("data") {
            Some(data @ Value::Object(_)) => Answer { data, errors },
            None | Some(Value::Null) if !errors.is_empty() => Answer { data: Value::Null, errors },
            None | Some(Value::Null) => Answer::failed(subgraph, "answered without data"),
            Some(_) => Answer::failed(subgraph, "answered with data that is no object"),
        }
    }

    /// An answer that holds one error of ours about the subgraph. Its address is never told.
    pub(super) fn failed(subgraph: &str, what: &str) -> Answer {
        Answer { data: Value::Null, errors: vec![AnswerError::own(subgraph, what)] }
    }
}

impl AnswerError {
    pub(super) fn own(subgraph: &str, what: &str) -> AnswerError {
        let mut error = AnswerError {
            path: Vec::new(),
            message: format!("subgraph `{subgraph}` {what}"),
            extensions: Box::default(),
        };
        error.extensions.insert("serviceName".into(), subgraph.into());
        error
    }

    fn read(subgraph: &str, error: Value) -> AnswerError {
        let Value::Object(mut error) = error else {
            return AnswerError::own(subgraph, "answered with an error that is no object");
        };
        let mut read = AnswerError::own(subgraph, "answered with an error that has no message");
        if let Some(Value::String(message)) = error.remove("message") {
            read.message = message;
        }
        if let Some(Value::Object(extensions)) = error.remove("extensions") {
            read.extensions = Box::new(extensions);
            read.extensions.insert("serviceName".into(), subgraph.into());
        }
        if let Some(Value::Array(path)) = error.remove("path") {
            read.path = path.into_iter().filter(|step| step.is_string() || step.is_u64()).collect();
        }
        read
    }

    /// The error as the client sees it, at a place in the client's response.
    pub(super) fn at(&self, path: Vec<Value>) -> GraphqlError {
        let own_code = self.extensions.get("code").is_some_and(Value::is_string);
        let code = if own_code { Code::Subgraph } else { Code::DownstreamServiceError };
        let mut error = GraphqlError::new(code, self.message.clone()).at_path(path);
        error.extensions = self.extensions.clone();
        if !own_code {
            error.extensions.insert("code".into(), code.as_str().into());
        }
        error
    }
}

/// Without the text of a connection error: it may hold an address.
fn reason(error: &SubgraphError) -> String {
    match error {
        SubgraphError::Unreachable(_) => "could not be reached".into(),
        other => other.to_string(),
    }
}
