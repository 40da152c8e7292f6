//! What no schema can say about a configuration: settings that need or exclude each other, and secrets from
//! files. Owns these rules; each problem names its settings and the way out.

use super::place::Place;
use super::problem::Problem;
use super::tree::Node;
use super::value::Secret;
use super::{Config, Jwt, NatsAuthentication};
use std::collections::HashSet;

/// Everything wrong with settings that are fine one by one.
pub(super) fn verify(config: &Config, tree: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    verify_paths(config, tree, &mut problems);
    if let Some(jwt) = &config.jwt {
        verify_jwt(jwt, tree, &mut problems);
    }
    verify_providers(config, tree, &mut problems);
    problems
}

fn verify_paths(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let mut report = |path: &[&str], message: &str, help: &str| {
        problems.push(Problem::new(path.join("."), tree.place_of(path), message).help(help));
    };
    if !config.http.path.starts_with('/') {
        report(&["http", "path"], "`http.path` must begin with `/`", "write it as `/graphql`");
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
