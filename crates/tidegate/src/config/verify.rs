//! What no schema can say about a configuration: settings that need or exclude each other, and secrets from
//! files. Owns these rules; each problem names its settings and the way out.

mod providers;

use super::place::{Place, name as name_of};
use super::problem::Problem;
use super::tree::Node;
use super::value::{Period, Secret};
use super::{Config, HookSteps, Jwt, LEVEL_HELP};

/// Everything wrong with settings that are fine one by one.
pub(super) fn verify(config: &Config, tree: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    verify_paths(config, tree, &mut problems);
    verify_addresses(config, tree, &mut problems);
    verify_periods(config, tree, &mut problems);
    if let Some(fault) = config.log.level_fault() {
        let path = ["log", "level"];
        problems.push(Problem::new(path.join("."), tree.place_of(&path), fault).help(LEVEL_HELP));
    }
    if let Some(jwt) = &config.jwt {
        verify_jwt(jwt, tree, &mut problems);
    }
    verify_tls(config, tree, &mut problems);
    providers::verify(config, tree, &mut problems);
    problems
}

/// Ports and addresses of others, as far as they can be judged without asking anybody.
fn verify_addresses(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: String, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    let (http, admin) = (&config.http, &config.admin);
    if admin.enabled && http.port == admin.port && http.host == admin.host && http.port != 0 {
        let message = format!("`admin.port` and `http.port` are both {}", http.port);
        report(&["admin", "port"], message, "give one of them another port");
    }
    for (name, url) in config.override_subgraph_urls.iter().filter(|(_, url)| !is_http(url)) {
        let message = format!("`override_subgraph_urls.{name}`: `{url}` {NO_HTTP}");
        report(&["override_subgraph_urls", name], message, "write it as `http://host:4001/graphql`");
    }
    for (index, origin) in config.cors.origins.iter().enumerate() {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !is_http(origin) || host.is_empty() || host.contains('/') {
            let message = format!("`cors.origins`: `{origin}` is no origin, so no page would match it");
            let help = "write scheme, host and port only, as `https://app.example`";
            report(&["cors", "origins", &index.to_string()], message, help);
        }
    }
    let jwks = config.jwt.as_ref().and_then(|jwt| jwt.jwks.as_ref()).and_then(|jwks| jwks.url.as_ref());
    if let Some(url) = jwks.filter(|url| !is_http(url)) {
        let message = format!("`jwt.jwks.url`: `{url}` {NO_HTTP}");
        report(&["jwt", "jwks", "url"], message, "write it as `https://issuer.example/jwks.json`");
    }
}

const NO_HTTP: &str = "does not begin with `http://` or `https://`";

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

const OVER: &str = "is over at once";
const SOME_TIME: &str = "give it some time, as `5s`";

const RELOAD_INTERVAL: &[&str] = &["http", "tls", "reload_interval"];

/// Times that mean nothing when they are over at once, and one that the verifier caps.
fn verify_periods(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: String, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    let limits = &config.limits;
    let HookSteps { on_receive_events, before_events_dispatch } = &config.events.handlers;
    let handlers = [
        ("on_receive_events", on_receive_events.handler_timeout),
        ("before_events_dispatch", before_events_dispatch.handler_timeout),
    ];
    for (step, timeout) in handlers {
        if timeout.is_some_and(|timeout| timeout.0.is_zero()) {
            let path = ["events", "handlers", step, "handler_timeout"];
            report(&path, format!("`{}` {OVER}", path.join(".")), SOME_TIME);
        }
    }
    let mut waits: Vec<(&[&str], Period)> = vec![
        (&["limits", "planning_timeout"], limits.planning_timeout),
        (&["limits", "hook_timeout"], limits.hook_timeout),
        (&["limits", "broker_timeout"], limits.broker_timeout),
        (&["websocket", "connection_init_timeout"], config.websocket.connection_init_timeout),
        (&["websocket", "ping_interval"], config.websocket.ping_interval),
        (&["sse", "heartbeat"], config.sse.heartbeat),
        (&["sse", "reservation_timeout"], config.sse.reservation_timeout),
        (&["multipart", "heartbeat"], config.multipart.heartbeat),
        (&["traffic_shaping", "all", "request_timeout"], config.traffic_shaping.all.request_timeout),
    ];
    waits.extend(config.http.tls.iter().map(|tls| (RELOAD_INTERVAL, tls.reload_interval)));
    for (path, _) in waits.into_iter().filter(|(_, period)| period.0.is_zero()) {
        report(path, format!("`{}` {OVER}", path.join(".")), SOME_TIME);
    }
    let skew = config.jwt.as_ref().and_then(|jwt| jwt.clock_skew);
    if skew.is_some_and(|skew| skew > Period::seconds(60)) {
        let message = "`jwt.clock_skew` is over a minute".to_owned();
        report(&["jwt", "clock_skew"], message, "mend the clocks; `60s` is the most");
    }
}

/// Reads the files of the listener's certificate.
fn verify_tls(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let Some(tls) = &config.http.tls else { return };
    let options = tls.options();
    if let Err(error) = downstream::Tls::load(options.clone(), config.http.http2.enabled) {
        let setting = if error.file == options.key_file { "key_file" } else { "cert_file" };
        let path = ["http", "tls", setting];
        let message = format!("`http.tls.{setting}`: {error}");
        let help = "name a certificate chain and its key, both PEM";
        problems.push(Problem::new(path.join("."), tree.place_of(&path), message).help(help));
    }
}

fn verify_paths(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: &str, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    if !config.http.path.starts_with('/') {
        report(&["http", "path"], "`http.path` must begin with `/`", "write it as `/graphql`");
    }
    if config.graphiql.enabled && config.http.path == "/" {
        let message = "`http.path` is `/`, where `graphiql.enabled` puts its page";
        report(&["http", "path"], message, "move one: write `/graphql`, or leave GraphiQL out");
    }
    if config.websocket.path.as_ref().is_some_and(|path| *path != config.http.path) {
        let message = "`websocket.path` cannot differ from `http.path` in this build";
        report(&["websocket", "path"], message, "leave it out: one path serves every protocol");
    }
    if !config.websocket.enabled {
        let message = "`websocket.enabled: false` is not in this build yet";
        report(&["websocket", "enabled"], message, "leave it out");
    }
    if config.cors.allow_any_origin && !config.cors.origins.is_empty() {
        let message = "`cors` has both `allow_any_origin` and `origins`";
        report(&["cors"], message, "keep one of them");
    }
}

fn verify_jwt(jwt: &Jwt, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: &str, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    // A `secret_file` has become the secret by now.
    match (&jwt.jwks, &jwt.secret) {
        (None, None) => report(
            &["jwt"],
            "`jwt` has nothing to verify tokens with",
            "set one of `jwks.file`, `jwks.url`, `secret` and `secret_file`",
        ),
        (Some(_), Some(_)) => report(&["jwt"], "`jwt` has both a key set and a secret", "keep one of them"),
        (Some(jwks), None) if jwks.file.is_some() == jwks.url.is_some() => {
            report(&["jwt", "jwks"], "`jwt.jwks` needs one of `file` and `url`", "keep or add one of them");
        }
        (None, Some(secret)) if secret.expose().is_empty() => {
            report(&["jwt", "secret"], "`jwt.secret` is empty: anybody could sign with it", "set a secret");
        }
        _ => {}
    }
    let symmetric = |algorithm: &super::Algorithm| algorithm.as_str().starts_with("HS");
    let wrong = jwt.algorithms.iter().find(|algorithm| symmetric(algorithm) != jwt.secret.is_some());
    if let Some(algorithm) = wrong {
        let (have, help) = match jwt.secret {
            Some(_) => ("a shared secret", "use HS256, HS384 or HS512, or a key set under `jwt.jwks`"),
            None => ("a key set", "leave the HS algorithms out, or use `jwt.secret`"),
        };
        let message = format!("`jwt.algorithms`: {} cannot be used with {have}", algorithm.as_str());
        report(&["jwt", "algorithms"], &message, help);
    }
}

/// Puts the content of every `…_file` in the place of its secret.
pub(super) fn read_secret_files(config: &mut Config, tree: &Node) -> Vec<Problem> {
    let mut secrets = Secrets { tree, problems: Vec::new() };
    secrets.settle(&["admin", "token_file"], &mut config.admin.token, &mut config.admin.token_file);
    if let Some(jwt) = &mut config.jwt {
        secrets.settle(&["jwt", "secret_file"], &mut jwt.secret, &mut jwt.secret_file);
    }
    providers::read_secret_files(&mut config.events.providers, &mut secrets);
    secrets.problems
}

/// Reads files of secrets, and keeps what was wrong with them.
struct Secrets<'a> {
    tree: &'a Node,
    problems: Vec<Problem>,
}

impl Secrets<'_> {
    fn settle(&mut self, path: &[&str], secret: &mut Option<Secret>, file: &mut Option<String>) {
        let Some(name) = file.take() else { return };
        let node = self.tree.nearest(path);
        let place: &Place = &node.place;
        let shown = name_of(path);
        if secret.is_some() {
            let twice = format!("`{shown}` and its plain form are both set");
            self.problems.push(Problem::new(&shown, place, twice).help("keep one of them"));
            return;
        }
        match std::fs::read_to_string(&name) {
            // Editors and `echo` end files with a line break; no secret does.
            Ok(text) => *secret = Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
            Err(error) => {
                let message = format!("`{shown}`: {} cannot be read: {error}", node.shown(&name));
                let problem = Problem::new(&shown, place, message).help("name a file this user may read");
                self.problems.push(problem);
            }
        }
    }
}
