//! What a GraphQL client is told: message, path, locations and one code of a closed set.
//! Built only from text the client sent or the public schema holds; never from subgraph addresses or secrets.

use serde_json::{Value, json};

/// One entry of a response's `errors`.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphqlError {
    pub message: String,
    pub code: Code,
    /// Response path: strings for fields, numbers for list positions.
    pub path: Vec<Value>,
    /// 1-based (line, column) pairs in the client's document.
    pub locations: Vec<(usize, usize)>,
    /// Further `extensions` beside the code.
    pub extensions: Box<crate::Object>,
}

/// The closed set of `extensions.code` values; those of Apollo, Hive and Cosmo where one exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    BadRequest,
    GraphqlParseFailed,
    GraphqlValidationFailed,
    BadUserInput,
    Unauthenticated,
    Forbidden,
    DownstreamServiceError,
    /// A subgraph's own code was kept in `extensions`; this is the place holder for "none of ours".
    Subgraph,
    InvalidValue,
    PublishRefused,
    PublishFailed,
    SubscriptionRefused,
    SubscriptionLagged,
    SubscriptionServerDrain,
    TooManySubscriptions,
    PlanningFailed,
    InternalServerError,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::BadRequest => "BAD_REQUEST",
            Code::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Code::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Code::BadUserInput => "BAD_USER_INPUT",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::Forbidden => "FORBIDDEN",
            Code::DownstreamServiceError => "DOWNSTREAM_SERVICE_ERROR",
            Code::Subgraph => "SUBGRAPH_ERROR",
            Code::InvalidValue => "INVALID_VALUE",
            Code::PublishRefused => "PUBLISH_REFUSED",
            Code::PublishFailed => "PUBLISH_FAILED",
            Code::SubscriptionRefused => "SUBSCRIPTION_REFUSED",
            Code::SubscriptionLagged => "SUBSCRIPTION_LAGGED",
            Code::SubscriptionServerDrain => "SUBSCRIPTION_SERVER_DRAIN",
            Code::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            Code::PlanningFailed => "PLANNING_FAILED",
            Code::InternalServerError => "INTERNAL_SERVER_ERROR",
        }
    }
}

impl GraphqlError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code,
            path: Vec::new(),
            locations: Vec::new(),
            extensions: Box::default(),
        }
    }

    #[must_use]
    pub fn at_path(mut self, path: Vec<Value>) -> Self {
        self.path = path;
        self
    }

    /// The error as the GraphQL specification writes it; `extensions.code` is always there.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "message": self.message });
        if !self.locations.is_empty() {
            let places = self.locations.iter();
            error["locations"] =
                places.map(|(line, column)| json!({ "line": line, "column": column })).collect();
        }
        if !self.path.is_empty() {
            error["path"] = Value::Array(self.path.clone());
        }
        let mut extensions = self.extensions.clone();
        extensions.entry("code").or_insert_with(|| self.code.as_str().into());
        error["extensions"] = Value::Object(*extensions);
        error
    }
}
