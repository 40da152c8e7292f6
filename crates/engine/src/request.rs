//! A GraphQL request as every protocol carries it, and the response bytes as every protocol sends them.
//! Owns reading the JSON form and writing error responses; never validates the document.

use bytes::Bytes;
use graph::Object;
use graph::error::{Code, GraphqlError};
use serde_json::{Value, json};

/// `{query, operationName, variables, extensions}`.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Object,
    pub extensions: Object,
}

impl Request {
    /// Reads the JSON form, as in an HTTP body or a `subscribe` payload.
    pub fn from_json(value: Value) -> Result<Request, GraphqlError> {
        let bad = |what: &str| GraphqlError::new(Code::BadRequest, what.to_owned());
        let Value::Object(mut fields) = value else {
            return Err(bad("a GraphQL request must be a JSON object"));
        };
        let query = match fields.remove("query") {
            Some(Value::String(query)) => query,
            Some(_) => return Err(bad("`query` must be a string")),
            None => return Err(bad("`query` is missing")),
        };
        let operation_name = match fields.remove("operationName") {
            Some(Value::String(name)) => Some(name),
            None | Some(Value::Null) => None,
            Some(_) => return Err(bad("`operationName` must be a string")),
        };
        let mut object = |name: &str| match fields.remove(name) {
            Some(Value::Object(object)) => Ok(object),
            None | Some(Value::Null) => Ok(Object::new()),
            Some(_) => Err(bad(&format!("`{name}` must be an object"))),
        };
        Ok(Request {
            query,
            operation_name,
            variables: object("variables")?,
            extensions: object("extensions")?,
        })
    }
}

/// A refusal with one reason.
pub(crate) fn one(code: Code, message: &str) -> Vec<GraphqlError> {
    vec![GraphqlError::new(code, message)]
}

/// `{"errors":[…]}`: a response for a request that never began to execute, so without `data`.
pub fn refusal(errors: &[GraphqlError]) -> Bytes {
    let errors: Vec<Value> = errors.iter().map(GraphqlError::to_json).collect();
    Bytes::from(json!({ "errors": errors }).to_string())
}
