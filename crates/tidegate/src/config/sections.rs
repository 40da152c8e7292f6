//! The smaller sections of `tidegate.yaml`, near Hive Router's and Apollo's names.
//! Owns their shape and defaults; never acts on them.

use super::value::{Period, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The listener for operators: health, metrics, census, publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    pub enabled: bool,
    /// Loopback by default: it can publish.
    pub host: String,
    pub port: u16,
    /// Asked of `POST /publish` and `/census` as `Authorization: Bearer …`. Without it only loopback callers
    /// may.
    pub token: Option<Secret>,
    /// A file that holds the token.
    pub token_file: Option<String>,
}

impl Default for Admin {
    fn default() -> Self {
        Admin { enabled: true, host: "127.0.0.1".into(), port: 8088, token: None, token_file: None }
    }
}

/// Where the supergraph comes from; `-s` wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SupergraphSource {
    /// A file, relative to this configuration's folder.
    pub path: Option<String>,
}

/// Live fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriptions {
    pub enabled: bool,
    /// Events of one subscription that may wait for its client, under Hive Router's name. Beyond it the client skips to
    /// the newest, as there, where `overflow` does not say otherwise.
    #[schemars(range(min = 1))]
    pub broadcast_capacity: Option<usize>,
    /// How long a broker subscription outlives its last client, so that a reconnect finds it.
    pub linger: Period,
    /// How long events may wait for others of the same connection, to share one write. 0 sends each at once.
    pub flush_interval: Period,
    pub overflow: OverflowPolicies,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Subscriptions {
            enabled: true,
            broadcast_capacity: None,
            linger: Period(engine::Limits::default().linger),
            flush_interval: Period(downstream::Timings::default().flush),
            overflow: OverflowPolicies::default(),
        }
    }
}

impl Subscriptions {
    /// The policy of a subscription root field.
    pub fn overflow_of(&self, field: &str) -> OverflowPolicy {
        let usual = match self.broadcast_capacity {
            Some(_) => OverflowPolicy::Latest,
            None => OverflowPolicy::default(),
        };
        self.overflow.fields.get(field).copied().or(self.overflow.default).unwrap_or(usual)
    }
}

/// What happens to a client that reads slower than events come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverflowPolicies {
    /// For fields that are not named below: `disconnect` unless it is set, and `latest` where
    /// `subscriptions.broadcast_capacity` is.
    pub default: Option<OverflowPolicy>,
    /// By subscription root field.
    pub fields: BTreeMap<String, OverflowPolicy>,
}

/// The client always learns of a loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OverflowPolicy {
    /// Close the connection with a code that clients retry on (1013).
    #[default]
    Disconnect,
    /// Skip to the newest event.
    Latest,
    /// Keep the newest event of each entity.
    Conflate,
}

/// Which web pages of other origins may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    pub allow_any_origin: bool,
    /// Exact origins, as `https://app.example`.
    pub origins: Vec<String>,
}

/// Requests to subgraphs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficShaping {
    pub all: SubgraphTraffic,
}

/// Requests to one subgraph or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubgraphTraffic {
    pub request_timeout: Period,
}

impl Default for SubgraphTraffic {
    fn default() -> Self {
        SubgraphTraffic { request_timeout: Period(engine::Limits::default().subgraph_timeout) }
    }
}

/// The page at `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Graphiql {
    pub enabled: bool,
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `off`, `error`, `warn`, `info` or `debug`, or per room as `info,engine=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::default() }
    }
}

/// How a level is written.
pub(crate) const LEVEL_HELP: &str = "write `info`, or `info,engine=debug`";

impl Log {
    /// What is wrong with the level. A filter takes any other word for a room, and then logs nothing at all.
    pub fn level_fault(&self) -> Option<String> {
        let is_level = |word: &str| {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            levels.iter().any(|level| level.eq_ignore_ascii_case(word.trim()))
        };
        let named = self.level.split(',').map(|part| part.rsplit_once('=').map_or(part, |(_, level)| level));
        let wrong = named.into_iter().find(|word| !is_level(word))?;
        Some(format!("`log.level`: `{}` is no level", wrong.trim()))
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For eyes.
    #[default]
    Pretty,
}
