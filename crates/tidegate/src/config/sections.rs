//! The smaller sections of `tidegate.yaml`, near Hive Router's and Apollo's names.
//! Owns their shape and defaults; never acts on them.

use super::value::{Period, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The listener for GraphQL clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Loopback by default; a container sets `0.0.0.0`.
    pub host: String,
    /// 0 picks a free one.
    pub port: u16,
    /// One path for HTTP, SSE and WebSocket.
    pub path: String,
}

impl Default for Http {
    fn default() -> Self {
        Http { host: "127.0.0.1".into(), port: 4000, path: "/graphql".into() }
    }
}

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
    /// Events that may wait for one client; the same bound as `limits.outbox_frames_max`, under Hive Router's
    /// name.
    #[schemars(range(min = 1))]
    pub broadcast_capacity: Option<usize>,
    /// How long a broker subscription outlives its last client, so that a reconnect finds it.
    pub linger: Period,
    pub overflow: OverflowPolicies,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Subscriptions {
            enabled: true,
            broadcast_capacity: None,
            linger: Period(engine::Limits::default().linger),
            overflow: OverflowPolicies::default(),
        }
    }
}

/// What happens to a client that reads slower than events come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverflowPolicies {
    /// For fields that are not named below.
    pub default: OverflowPolicy,
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

/// `graphql-transport-ws`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Websocket {
    /// Must be true in this build.
    pub enabled: bool,
    /// Must be `http.path` in this build: one path serves every protocol.
    pub path: Option<String>,
    /// A client that has not sent `connection_init` by then is closed with 4408.
    pub connection_init_timeout: Period,
    /// A client that leaves two pings unanswered is closed.
    pub ping_interval: Period,
}

impl Default for Websocket {
    fn default() -> Self {
        Websocket {
            enabled: true,
            path: None,
            connection_init_timeout: Period(downstream::Timings::default().connection_init),
            ping_interval: Period(downstream::Timings::default().ping),
        }
    }
}

/// Server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sse {
    /// A comment line this often keeps proxies from closing a quiet stream.
    pub heartbeat: Period,
}

impl Default for Sse {
    fn default() -> Self {
        Sse { heartbeat: Period(downstream::Timings::default().heartbeat) }
    }
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

/// What SIGTERM starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Clients that have not left by then are cut off.
    pub timeout: Period,
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { timeout: Period::seconds(30) }
    }
}
