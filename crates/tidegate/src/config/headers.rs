//! `headers:` of `tidegate.yaml`, in Hive Router's form: which client headers a subgraph is sent.
//! Owns the rules' shape and what they add up to per subgraph.

use super::value::Texts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Header rules for all subgraphs and for single ones; both apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    pub all: HeaderRules,
    /// By subgraph name.
    pub subgraphs: BTreeMap<String, HeaderRules>,
}

/// Rules for the requests to a subgraph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderRules {
    pub request: Vec<HeaderRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    pub propagate: Propagate,
}

/// Sends client headers on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Propagate {
    /// Header names, in any case.
    pub named: Texts,
}

impl Headers {
    /// The lower-case names of the client headers that this subgraph is sent, sorted.
    pub fn forwarded(&self, subgraph: &str) -> Vec<String> {
        let own = self.subgraphs.get(subgraph).into_iter().flat_map(|rules| &rules.request);
        let rules = self.all.request.iter().chain(own);
        let mut names: Vec<String> =
            rules.flat_map(|rule| &rule.propagate.named.0).map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        names
    }
}
