//! `tidegate.yaml`: its shape, and the way from a file and the environment to a `Config` or to all that is
//! wrong. Owns reading and checking; never acts on a setting. Only this room reads configuration (invariant
//! 3).

mod check;
mod clients;
mod environment;
mod events;
mod expand;
mod headers;
mod jwt;
mod limits;
mod place;
mod problem;
mod sections;
mod text;
mod tree;
mod value;
mod verify;

pub(crate) use check::closest;
pub use clients::{EventStreamEnd, Http, Http2, HttpTls, Multipart, Shutdown, Sse, Websocket};
pub use events::{
    Decode, Events, HookSteps, Kafka, KafkaAuthentication, KafkaTls, Memory, Nats, NatsAuthentication,
    NatsTls, Providers, Redis, RedisTls, Scram, ScramMechanism, StepBounds, TlsFiles, User,
};
pub use headers::{HeaderRule, HeaderRules, Headers, Propagate};
pub use jwt::{Algorithm, Jwks, Jwt, TokenHeader};
pub use limits::Limits;
pub use place::Place;
pub use problem::{ConfigError, Problem};
pub(crate) use sections::LEVEL_HELP;
pub use sections::{
    Admin, Cors, Graphiql, Log, LogFormat, OverflowPolicies, OverflowPolicy, SubgraphTraffic, Subscriptions,
    SupergraphSource, TrafficShaping,
};
pub use value::{Period, Secret, Size, StartPosition, Texts};

use environment::Overrides;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tree::Node;

/// Everything an operator can set. Every key has an override `TIDEGATE_<PATH>` with `__` between levels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "tidegate.yaml")]
pub struct Config {
    pub http: Http,
    pub admin: Admin,
    pub supergraph: SupergraphSource,
    pub events: Events,
    pub subscriptions: Subscriptions,
    pub websocket: Websocket,
    pub sse: Sse,
    pub multipart: Multipart,
    pub headers: Headers,
    pub jwt: Option<Jwt>,
    pub cors: Cors,
    pub limits: Limits,
    pub traffic_shaping: TrafficShaping,
    /// Other addresses for subgraphs than the supergraph has, by subgraph name.
    pub override_subgraph_urls: BTreeMap<String, String>,
    pub graphiql: Graphiql,
    pub log: Log,
    pub shutdown: Shutdown,
}

/// A configuration that can be used, and what to tell the operator all the same.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads a file (none = defaults), puts `variables` over it, checks all, and reads the files of secrets.
    pub fn load(file: Option<&Path>, variables: &[(String, String)]) -> Result<Loaded, ConfigError> {
        let Some(path) = file else { return Config::read("", "the environment", Path::new(""), variables) };
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let problem = Problem::new("", &Place::Nowhere, format!("{origin} cannot be read: {error}"));
            ConfigError::new(&origin, "", vec![problem.help("name another file with `-c`")])
        })?;
        Config::read(&text, &origin, path.parent().unwrap_or(Path::new("")), variables)
    }

    /// The same from a text; `folder` is where relative paths start.
    pub fn read(
        text: &str,
        origin: &str,
        folder: &Path,
        variables: &[(String, String)],
    ) -> Result<Loaded, ConfigError> {
        let fail = |problems| ConfigError::new(origin, text, problems);
        let schema = checked_schema::<Config>();
        let mut tree = Node::parse(text).map_err(|problem| fail(vec![expand::advise(*problem, text)]))?;
        let Overrides { mut problems, unknown: mut warnings } =
            environment::apply(&mut tree, &schema, variables);
        let expansion = expand::expand(&mut tree, "events", &schema, variables);
        problems.extend(expansion.problems);
        warnings.extend(expansion.warnings);
        // What could not be filled in is not called missing as well.
        let found = check::check(&tree, &schema);
        let is_news = |problem: &Problem| problems.iter().all(|known| known.path != problem.path);
        let news: Vec<Problem> = found.into_iter().filter(is_news).collect();
        problems.extend(news);
        if !problems.is_empty() {
            return Err(fail(problems));
        }
        let mut config: Config = serde_json::from_value(tree.to_json()).map_err(|error| {
            // The error may quote a value, which may be a variable's.
            let is_shown = !text.contains("${");
            let said = if is_shown { error.to_string() } else { "a value does not fit its setting".into() };
            fail(vec![Problem::new("", &Place::Nowhere, said)])
        })?;
        config.start_paths_at(folder);
        problems.extend(verify::read_secret_files(&mut config, &tree));
        // A secret that could not be read would be reported again, as none.
        if problems.is_empty() {
            problems.extend(verify::verify(&config, &tree));
        }
        if !problems.is_empty() {
            return Err(fail(problems));
        }
        Ok(Loaded { config, warnings })
    }

    /// The JSON Schema that editors use.
    pub fn schema() -> Value {
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>().to_value()
    }

    /// The engine's bounds.
    pub fn engine_limits(&self) -> engine::Limits {
        let mut limits =
            self.limits.to_engine(self.subscriptions.linger, self.traffic_shaping.all.request_timeout);
        if let Some(capacity) = self.subscriptions.broadcast_capacity {
            limits.subscription_frames_max = capacity;
            limits.outbox_frames_max = limits.outbox_frames_max.max(capacity);
        }
        let HookSteps { on_receive_events, before_events_dispatch } = &self.events.handlers;
        if let Some(timeout) = before_events_dispatch.handler_timeout {
            limits.receive_hook_timeout = timeout.0;
        }
        if let Some(timeout) = on_receive_events.handler_timeout {
            limits.select_hook_timeout = timeout.0;
        }
        limits
    }

    /// Paths in a file are relative to the file, wherever the router is started.
    fn start_paths_at(&mut self, folder: &Path) {
        let jwks = self.jwt.iter_mut().flat_map(|jwt| {
            [jwt.secret_file.as_mut(), jwt.jwks.as_mut().and_then(|jwks| jwks.file.as_mut())]
        });
        let own = [self.supergraph.path.as_mut(), self.admin.token_file.as_mut()];
        let tls = self.http.tls.iter_mut().flat_map(|tls| [&mut tls.cert_file, &mut tls.key_file]);
        let own = own.into_iter().chain(jwks).flatten().chain(tls);
        for path in own.chain(self.events.providers.files()) {
            let absolute: PathBuf = folder.join(&*path);
            *path = absolute.display().to_string();
        }
    }
}

/// Reads another YAML document of the command line with the same care: `supergraph.yaml` and its like.
pub(crate) fn read_document<T: DeserializeOwned + JsonSchema>(
    text: &str,
    origin: &str,
) -> Result<T, ConfigError> {
    let fail = |problems| ConfigError::new(origin, text, problems);
    let tree = Node::parse(text).map_err(|problem| fail(vec![*problem]))?;
    let problems = check::check(&tree, &checked_schema::<T>());
    if !problems.is_empty() {
        return Err(fail(problems));
    }
    serde_json::from_value(tree.to_json())
        .map_err(|error| fail(vec![Problem::new("", &Place::Nowhere, error.to_string())]))
}

/// The schema with its parts in place, as `check` walks it.
fn checked_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests;
