//! What no schema can say about a configuration: settings that need or exclude each other, and secrets from
//! files. Owns these rules; each problem names its settings and the way out.

use super::place::Place;
use super::problem::Problem;
use super::tree::Node;
use super::value::{Period, Secret};
use super::{Config, Jwt, LEVEL_HELP, NatsAuthentication};
use std::collections::HashSet;

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
    verify_providers(config, tree, &mut problems);
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

/// Times that mean nothing when they are over at once, and one that the verifier caps.
fn verify_periods(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: String, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    let limits = &config.limits;
    let waits: [(&[&str], Period); 7] = [
        (&["limits", "planning_timeout"], limits.planning_timeout),
        (&["limits", "hook_timeout"], limits.hook_timeout),
        (&["limits", "broker_timeout"], limits.broker_timeout),
        (&["websocket", "connection_init_timeout"], config.websocket.connection_init_timeout),
        (&["websocket", "ping_interval"], config.websocket.ping_interval),
        (&["sse", "heartbeat"], config.sse.heartbeat),
        (&["traffic_shaping", "all", "request_timeout"], config.traffic_shaping.all.request_timeout),
    ];
    for (path, _) in waits.into_iter().filter(|(_, period)| period.0.is_zero()) {
        let message = format!("`{}` is over at once", path.join("."));
        report(path, message, "give it some time, as `5s`");
    }
    let skew = config.jwt.as_ref().and_then(|jwt| jwt.clock_skew);
    if skew.is_some_and(|skew| skew > Period::seconds(60)) {
        let message = "`jwt.clock_skew` is over a minute".to_owned();
        report(&["jwt", "clock_skew"], message, "mend the clocks; `60s` is the most");
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

fn verify_providers(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let providers = &config.events.providers;
    let families = [("kafka", providers.kafka.len()), ("redis", providers.redis.len())];
    for (family, _) in families.iter().filter(|(_, count)| *count > 0) {
        let path = ["events", "providers", family];
        let message = format!("`events.providers.{family}` is not in this build yet");
        let help = "remove it; until then a `memory` provider of the same id can take its place";
        problems.push(Problem::new(path.join("."), tree.place_of(&path), message).help(help));
    }
    let mut seen = HashSet::new();
    let nats = providers.nats.iter().enumerate().map(|(index, nats)| ("nats", index, &nats.id));
    let memory = providers.memory.iter().enumerate().map(|(index, memory)| ("memory", index, &memory.id));
    for (family, index, id) in nats.chain(memory) {
        let index = index.to_string();
        let path = ["events", "providers", family, &index, "id"];
        if !seen.insert((family, id)) {
            let message = format!("`events.providers.{family}` has two providers with the id `{id}`");
            problems.push(Problem::new(path.join("."), tree.place_of(&path), message).help("rename one"));
        }
    }
    for (index, nats) in providers.nats.iter().enumerate() {
        let index = index.to_string();
        if nats.tls.as_ref().is_some_and(|tls| tls.insecure_skip_ca_verification) {
            let path = ["events", "providers", "nats", &index, "tls", "insecure_skip_ca_verification"];
            let message = "certificates are always verified in this build";
            let help = "trust the server's own authority with `ca_file` instead";
            problems.push(Problem::new(path.join("."), tree.place_of(&path), message).help(help));
        }
        let ways = nats.authentication.as_ref().map_or(0, NatsAuthentication::ways);
        if ways > 1 {
            let path = ["events", "providers", "nats", &index, "authentication"];
            let message =
                format!("`authentication` of the NATS provider `{}` has {ways} ways to sign in", nats.id);
            problems.push(Problem::new(path.join("."), tree.place_of(&path), message).help("keep one"));
        }
    }
}

/// Puts the content of every `…_file` in the place of its secret.
pub(super) fn read_secret_files(config: &mut Config, tree: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut settle = |path: &[&str], secret: &mut Option<Secret>, file: &mut Option<String>| {
        let Some(name) = file.take() else { return };
        let place: &Place = tree.place_of(path);
        let shown = path.join(".");
        if secret.is_some() {
            let twice = format!("`{shown}` and its plain form are both set");
            problems.push(Problem::new(&shown, place, twice).help("keep one of them"));
            return;
        }
        match std::fs::read_to_string(&name) {
            // Editors and `echo` end files with a line break; no secret does.
            Ok(text) => *secret = Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
            Err(error) => {
                let message = format!("`{shown}`: {name} cannot be read: {error}");
                problems.push(Problem::new(&shown, place, message).help("name a file this user may read"));
            }
        }
    };
    settle(&["admin", "token_file"], &mut config.admin.token, &mut config.admin.token_file);
    if let Some(jwt) = &mut config.jwt {
        settle(&["jwt", "secret_file"], &mut jwt.secret, &mut jwt.secret_file);
    }
    for (index, nats) in config.events.providers.nats.iter_mut().enumerate() {
        let index = index.to_string();
        let path = |last: &'static str| ["events", "providers", "nats", &index, "authentication", last];
        let Some(authentication) = &mut nats.authentication else { continue };
        settle(&path("token_file"), &mut authentication.token, &mut authentication.token_file);
        settle(
            &path("credentials_file"),
            &mut authentication.credentials,
            &mut authentication.credentials_file,
        );
        settle(&path("nkey_file"), &mut authentication.nkey, &mut authentication.nkey_file);
        if let Some(user) = &mut authentication.user {
            let path = [&path("user_info")[..], &["password_file"]].concat();
            settle(&path, &mut user.password, &mut user.password_file);
        }
    }
    problems
}
