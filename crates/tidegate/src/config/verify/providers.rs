//! What no schema can say about the providers of events: ids, ways to sign in, TLS, positions, and whatever the room
//! that connects would refuse. Owns these rules and the places of the providers' secrets.

use super::super::events::{Kafka, Nats, Providers, Redis, User};
use super::super::place::name as name_of;
use super::super::problem::Problem;
use super::super::tree::Node;
use super::super::value::{Period, Secret};
use super::super::{Config, TlsFiles};
use super::{OVER, SOME_TIME, Secrets};
use std::collections::HashSet;
use upstream::{OptionsError, Start};

/// Everything wrong with providers that are fine setting by setting.
pub(super) fn verify(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    let providers = &config.events.providers;
    verify_ids(providers, tree, problems);
    let mut told = HashSet::new();
    for (index, nats) in providers.nats.iter().enumerate() {
        let mut report = Report::new("nats", index, tree);
        verify_nats(nats, &mut report);
        report.close(&mut told, problems);
    }
    for (index, kafka) in providers.kafka.iter().enumerate() {
        let mut report = Report::new("kafka", index, tree);
        verify_kafka(kafka, &mut report);
        report.close(&mut told, problems);
    }
    for (index, redis) in providers.redis.iter().enumerate() {
        let mut report = Report::new("redis", index, tree);
        verify_redis(redis, &mut report);
        report.close(&mut told, problems);
    }
    // Of a provider with a problem already, this would be the same in other words.
    let faults = providers.faults(&config.engine_limits()).into_iter();
    for (index, fault) in faults.filter(|(index, fault)| !told.contains(&(fault.family, *index))) {
        let mut report = Report::new(fault.family, index, tree);
        report.repeat(providers, &fault);
        problems.extend(report.problems);
    }
}

/// Problems of one provider.
struct Report<'a> {
    family: &'static str,
    index: usize,
    tree: &'a Node,
    problems: Vec<Problem>,
}

impl<'a> Report<'a> {
    fn new(family: &'static str, index: usize, tree: &'a Node) -> Report<'a> {
        Report { family, index, tree, problems: Vec::new() }
    }

    fn close(self, told: &mut HashSet<(&'static str, usize)>, problems: &mut Vec<Problem>) {
        if !self.problems.is_empty() {
            told.insert((self.family, self.index));
        }
        problems.extend(self.problems);
    }

    /// The node of a setting of this provider, or the nearest above it, and its name.
    fn find(&self, below: &[&str]) -> (&'a Node, String) {
        let index = self.index.to_string();
        let path = [&["events", "providers", self.family, &index], below].concat();
        (self.tree.nearest(&path), name_of(&path))
    }

    fn tell(&mut self, below: &[&str], message: impl Into<String>, help: &str) {
        let (node, name) = self.find(below);
        self.problems.push(Problem::new(name, &node.place, message.into()).help(help));
    }

    /// Passes on what the room that connects says.
    fn repeat(&mut self, providers: &Providers, fault: &OptionsError) {
        let (_, provider) = self.find(&[]);
        let mut said = fault.problem.clone();
        // It names files as they are opened.
        for (setting, file) in tls_files(providers, self.family, self.index) {
            let shown = self.find(&["tls", setting]).0.shown(file);
            said = said.replace(&format!("({file})"), &format!("({shown})"));
        }
        let below: Vec<&str> = fault.setting.split('.').collect();
        let (node, name) = self.find(&below);
        self.problems.push(Problem::new(name, &node.place, format!("`{provider}`: {said}")));
    }

    fn check_period(&mut self, setting: &str, period: Option<Period>) {
        if period.is_some_and(|period| period.0.is_zero()) {
            self.tell(&[setting], format!("`{setting}` {OVER}"), SOME_TIME);
        }
    }

    /// An empty secret is a variable or a file that nobody filled; it opens nothing.
    fn check_secret(&mut self, below: &[&str], secret: Option<&Secret>) {
        if secret.is_some_and(|secret| secret.expose().is_empty()) {
            self.tell(below, format!("`{}` is empty", name_of(below)), "set it, or leave it out");
        }
    }

    /// A user that must have a name, and a password where `is_asked`.
    fn check_user(&mut self, below: &[&str], user: &User, is_asked: bool) {
        if user.username.is_empty() {
            let path = [below, &["username"]].concat();
            self.tell(&path, format!("`{}` is empty", name_of(&path)), "name the user");
        }
        let path = [below, &["password"]].concat();
        match &user.password {
            None if is_asked => {
                let help = "set it, or name a file that holds it as `password_file`";
                self.tell(&path, format!("`{}` is missing", name_of(&path)), help);
            }
            password => self.check_secret(&path, password.as_ref()),
        }
    }

    fn check_position(&mut self, start: Start, fits: impl Fn(u128) -> bool, help: &str) {
        if let Start::At(at) = start
            && !fits(at)
        {
            let start = start.to_string();
            let shown = self.find(&["start_position"]).0.shown(&start);
            let message = format!("`start_position`: {shown} is no position in {}", self.family);
            self.tell(&["start_position"], message, help);
        }
    }
}

/// The files for TLS of one provider, each with its setting.
fn tls_files<'a>(
    providers: &'a Providers,
    family: &str,
    index: usize,
) -> impl Iterator<Item = (&'static str, &'a String)> {
    let files: Option<&TlsFiles> = match family {
        "nats" => providers.nats[index].tls.as_ref().map(|tls| &tls.files),
        "kafka" => providers.kafka[index].tls.as_ref().map(|tls| &tls.files),
        _ => providers.redis[index].tls.as_ref().map(|tls| &tls.files),
    };
    let named = files.into_iter().flat_map(|files| {
        [("ca_file", &files.ca_file), ("cert_file", &files.cert_file), ("key_file", &files.key_file)]
    });
    named.filter_map(|(setting, file)| Some((setting, file.as_ref()?)))
}

fn verify_ids(providers: &Providers, tree: &Node, problems: &mut Vec<Problem>) {
    let ids: [(&'static str, Vec<&String>); 4] = [
        ("nats", providers.nats.iter().map(|provider| &provider.id).collect()),
        ("kafka", providers.kafka.iter().map(|provider| &provider.id).collect()),
        ("redis", providers.redis.iter().map(|provider| &provider.id).collect()),
        ("memory", providers.memory.iter().map(|provider| &provider.id).collect()),
    ];
    let mut seen = HashSet::new();
    for (family, ids) in ids {
        for (index, id) in ids.into_iter().enumerate() {
            let mut report = Report::new(family, index, tree);
            if id.is_empty() {
                let (_, name) = report.find(&["id"]);
                report.tell(
                    &["id"],
                    format!("`{name}` is empty"),
                    "name it as the schema does (`providerId`)",
                );
            } else if !seen.insert((family, id)) {
                let shown = report.find(&["id"]).0.shown(id);
                let message = format!("`events.providers.{family}` has two providers with the id `{shown}`");
                report.tell(&["id"], message, "rename one");
            }
            problems.extend(report.problems);
        }
    }
}

fn verify_nats(nats: &Nats, report: &mut Report<'_>) {
    report.check_period("request_timeout", nats.request_timeout);
    if let Some(authentication) = &nats.authentication {
        let ways = authentication.ways();
        if ways > 1 {
            let shown = report.find(&["id"]).0.shown(&nats.id);
            let message =
                format!("`authentication` of the NATS provider `{shown}` has {ways} ways to sign in");
            report.tell(&["authentication"], message, "keep one");
        }
        report.check_secret(&["authentication", "token"], authentication.token.as_ref());
        report.check_secret(&["authentication", "credentials"], authentication.credentials.as_ref());
        report.check_secret(&["authentication", "nkey"], authentication.nkey.as_ref());
        if let Some(user) = &authentication.user {
            report.check_user(&["authentication", "user_info"], user, false);
        }
    }
    let fits = |at| (1..=u128::from(u64::MAX)).contains(&at);
    report.check_position(nats.start_position.0, fits, "a stream sequence is a number from 1");
}

fn verify_kafka(kafka: &Kafka, report: &mut Report<'_>) {
    report.check_period("fetch_max_wait", kafka.fetch_max_wait);
    if let Some(authentication) = &kafka.authentication {
        match (&authentication.sasl_plain, &authentication.sasl_scram) {
            (Some(_), Some(_)) => {
                let shown = report.find(&["id"]).0.shown(&kafka.id);
                let message =
                    format!("`authentication` of the Kafka provider `{shown}` has two ways to sign in");
                report.tell(&["authentication"], message, "keep one");
            }
            (Some(user), None) => report.check_user(&["authentication", "sasl_plain"], user, true),
            (None, Some(scram)) => {
                report.check_user(&["authentication", "sasl_scram"], &scram.user, true);
            }
            (None, None) => {}
        }
    }
    if kafka.tls.as_ref().is_some_and(|tls| !tls.enabled && tls.files.are_named()) {
        let message = "`tls` names files and is not enabled";
        report.tell(&["tls"], message, "set `enabled: true`, or leave the files out");
    }
    let fits = |at| i64::try_from(at).is_ok();
    report.check_position(kafka.start_position.0, fits, "an offset is a number from 0");
}

fn verify_redis(redis: &Redis, report: &mut Report<'_>) {
    if redis.tls.is_some() && redis.urls.0.iter().any(|url| !url.starts_with("rediss://")) {
        let message = "`tls` is set and a URL does not ask for it";
        report.tell(&["tls"], message, "write the URLs as `rediss://…`");
    }
    if let Some(user) = &redis.authentication {
        // The default user has no name, and a user may be one without a password; not both.
        let (path, is_nobody) = (["authentication", "password"], user.username.is_empty());
        match &user.password {
            None if is_nobody => report.tell(
                &path,
                "`authentication` has neither a user nor a password",
                "set one, or leave it out",
            ),
            password => report.check_secret(&path, password.as_ref()),
        }
    }
    let fits = |at| at > u128::from(u64::MAX);
    report.check_position(redis.start_position.0, fits, "write an entry id as `1526919030474-0`");
}

/// Puts the content of the files that providers name in the place of their secrets.
pub(super) fn read_secret_files(providers: &mut Providers, secrets: &mut Secrets<'_>) {
    for (index, nats) in providers.nats.iter_mut().enumerate() {
        let index = index.to_string();
        let path = |last: &'static str| ["events", "providers", "nats", &index, "authentication", last];
        let Some(authentication) = &mut nats.authentication else { continue };
        secrets.settle(&path("token_file"), &mut authentication.token, &mut authentication.token_file);
        secrets.settle(
            &path("credentials_file"),
            &mut authentication.credentials,
            &mut authentication.credentials_file,
        );
        secrets.settle(&path("nkey_file"), &mut authentication.nkey, &mut authentication.nkey_file);
        if let Some(user) = &mut authentication.user {
            let path = [&path("user_info")[..], &["password_file"]].concat();
            secrets.settle(&path, &mut user.password, &mut user.password_file);
        }
    }
    for (index, kafka) in providers.kafka.iter_mut().enumerate() {
        let index = index.to_string();
        let path = |way: &'static str| {
            ["events", "providers", "kafka", &index, "authentication", way, "password_file"]
        };
        let Some(authentication) = &mut kafka.authentication else { continue };
        if let Some(user) = &mut authentication.sasl_plain {
            secrets.settle(&path("sasl_plain"), &mut user.password, &mut user.password_file);
        }
        if let Some(scram) = &mut authentication.sasl_scram {
            secrets.settle(&path("sasl_scram"), &mut scram.user.password, &mut scram.user.password_file);
        }
    }
    for (index, redis) in providers.redis.iter_mut().enumerate() {
        let index = index.to_string();
        let path = ["events", "providers", "redis", &index, "authentication", "password_file"];
        if let Some(user) = &mut redis.authentication {
            secrets.settle(&path, &mut user.password, &mut user.password_file);
        }
    }
}
