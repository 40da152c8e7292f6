//! What an operator can write, in tables: good files, bad files with the message they get, and the
//! environment.

mod providers;

use super::*;
use std::time::Duration;

fn read(text: &str) -> Result<Loaded, ConfigError> {
    Config::read(text, "tidegate.yaml", Path::new("/etc/tidegate"), &[])
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::read(text, "tidegate.yaml", Path::new(""), &variables)
}

fn line(problem: &Problem) -> usize {
    match problem.place {
        Place::File { line, .. } => line,
        _ => 0,
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    for text in ["", "\n", "# only a comment\n", "http:\n", "{}"] {
        assert_eq!(read(text).unwrap().config, Config::default(), "{text:?}");
    }
    assert_eq!(Config::default().engine_limits(), engine::Limits::default());
}

#[test]
fn a_full_file_is_read() {
    let text = include_str!("tests/full.yaml");
    let config = read(text).unwrap().config;
    assert_eq!(config.http.port, 5000);
    assert_eq!(config.supergraph.path.as_deref(), Some("/etc/tidegate/supergraph.graphql"));
    assert_eq!(config.events.providers.nats[0].id, "default");
    assert_eq!(config.events.providers.memory[0].id, "my-memory");
    assert_eq!(config.limits.event_bytes_max, Size(1 << 20));
    assert_eq!(config.engine_limits().subscription_frames_max, 32);
    assert_eq!(config.engine_limits().linger, Duration::from_millis(1500));
    assert_eq!(config.engine_limits().subgraph_timeout, Duration::from_secs(5));
    assert_eq!(config.subscriptions.overflow.fields["scoreChanged"], OverflowPolicy::Latest);
    assert_eq!(config.headers.forwarded("employees"), ["authorization", "x-tenant"]);
    assert_eq!(config.headers.forwarded("orders"), ["authorization"]);
    assert_eq!(config.jwt.unwrap().issuer.0, ["https://a.example", "https://b.example"]);
}

#[test]
fn a_broadcast_capacity_skips_as_in_hive_where_nothing_else_is_said() {
    use OverflowPolicy::{Conflate, Disconnect, Latest};
    let table = [
        ("", Disconnect, Disconnect),
        ("{broadcast_capacity: 32}", Latest, Latest),
        ("{broadcast_capacity: 32, overflow: {default: disconnect}}", Disconnect, Disconnect),
        ("{broadcast_capacity: 32, overflow: {fields: {ticks: conflate}}}", Conflate, Latest),
        ("{overflow: {default: latest, fields: {ticks: disconnect}}}", Disconnect, Latest),
    ];
    for (text, ticks, other) in table {
        let subscriptions = read(&format!("subscriptions: {text}\n")).unwrap().config.subscriptions;
        let found = (subscriptions.overflow_of("ticks"), subscriptions.overflow_of("other"));
        assert_eq!(found, (ticks, other), "{text}");
    }
}

#[test]
fn every_problem_is_reported_at_once_with_its_place_and_a_way_out() {
    let text = "http:\n  prot: 4000\nsubscriptions:\n  linger: soon\n  overflow: {default: newest}\n\
                super_graph: {}\n\
                events:\n  providers:\n    nats:\n      - id: default\n        uri: nats://x\n";
    let error = read(text).unwrap_err();
    let seen: Vec<(usize, &str, &str)> = error
        .problems
        .iter()
        .map(|problem| (line(problem), problem.message.as_str(), problem.help.as_deref().unwrap_or("")))
        .collect();
    let expected = [
        (2, "`prot` is no setting of `http`", "did you mean `port`?"),
        (
            4,
            "`subscriptions.linger`: `soon` is no length of time; write it as `250ms`, `5s`, `2m` or `1h`",
            "",
        ),
        (
            5,
            "`subscriptions.overflow.default`: `newest` is none of its values",
            "write one of: disconnect, latest, conflate",
        ),
        (6, "`super_graph` is no setting of the top level", "did you mean `supergraph`?"),
        (11, "`uri` is no setting of `events.providers.nats[0]`", "did you mean `url`?"),
        (10, "`events.providers.nats[0].url` is missing", ""),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn single_mistakes_get_a_message_that_names_the_setting() {
    let table = [
        ("http: {port: 70000}", "`http.port`: 70000 is above 65535"),
        ("http: {port: 4k}", "`http.port` must be a whole number, not a text"),
        ("http: [4000]", "`http` must be a mapping of settings, not a list"),
        ("http: {host: 1}", "`http.host` must be a text (put numbers and the like in quotes), not a number"),
        ("http: {path: graphql}", "`http.path` must begin with `/`"),
        ("websocket: {path: /ws}", "`websocket.path` cannot differ from `http.path`"),
        ("websocket: {enabled: false}", "`websocket.enabled: false` is not in this build yet"),
        ("cors: {allow_any_origin: true, origins: ['https://a']}", "`cors` has both"),
        ("websocket: {enabled: yes}", "`websocket.enabled` must be `true` or `false`, not a text"),
        (
            "limits: {event_bytes_max: 1 MB ish}",
            "`limits.event_bytes_max`: `1 MB ish` is no size; write bytes as",
        ),
        ("jwt: {}", "`jwt` has nothing to verify tokens with"),
        ("jwt: {secret: x, jwks: {file: y}}", "`jwt` has both a key set and a secret"),
        ("jwt: {secret: \"\"}", "`jwt.secret` is empty: anybody could sign with it"),
        ("jwt: {jwks: {}}", "`jwt.jwks` needs one of `file` and `url`"),
        (
            "jwt: {secret: x, algorithms: [RS256]}",
            "`jwt.algorithms`: RS256 cannot be used with a shared secret",
        ),
        (
            "jwt: {jwks: {url: 'https://x'}, algorithms: [HS256]}",
            "`jwt.algorithms`: HS256 cannot be used with a key set",
        ),
        ("jwt: {secret: x, algorithms: [none]}", "`jwt.algorithms[0]`: `none` is none of its values"),
        ("http: {port: 1", "this is not YAML"),
        ("http: {port: 1, port: 2}", "this is not YAML: duplicate mapping key: port at line 1, column 17"),
        ("http: {path: /}\ngraphiql: {enabled: true}", "`http.path` is `/`, where `graphiql.enabled` puts"),
        ("admin: {port: 4000}", "`admin.port` and `http.port` are both 4000"),
        ("override_subgraph_urls: {a: b}", "`override_subgraph_urls.a`: `b` does not begin with `http://`"),
        ("cors: {origins: [a]}", "`cors.origins`: `a` is no origin"),
        ("cors: {origins: ['https://a/']}", "`cors.origins`: `https://a/` is no origin"),
        ("jwt: {jwks: {url: 'ftp://a'}}", "`jwt.jwks.url`: `ftp://a` does not begin with `http://`"),
        ("jwt: {secret: x, clock_skew: 2m}", "`jwt.clock_skew` is over a minute"),
        ("jwt: {secret_file: /nowhere/at/all}", "`jwt.secret_file`: /nowhere/at/all cannot be read"),
        ("log: {level: loud}", "`log.level`: `loud` is no level"),
        ("log: {level: ''}", "`log.level`: `` is no level"),
        ("log: {level: 'info,engine=loud'}", "`log.level`: `loud` is no level"),
        ("limits: {subscriptions_max: 0}", "`limits.subscriptions_max`: 0 is below 1"),
        ("limits: {event_bytes_max: 0}", "`limits.event_bytes_max`: 0 is below 1"),
        ("limits: {event_bytes_max: 0KiB}", "`limits.event_bytes_max`: 0 bytes let nothing through"),
        ("limits: {hook_timeout: 0s}", "`limits.hook_timeout` is over at once"),
        ("subscriptions: {broadcast_capacity: 0}", "`subscriptions.broadcast_capacity`: 0 is below 1"),
        ("traffic_shaping: {all: {request_timeout: 0s}}", "`traffic_shaping.all.request_timeout` is over at"),
    ];
    table.into_iter().for_each(tells);
}

fn tells((text, message): (&str, &str)) {
    let error = read(text).expect_err(text);
    assert_eq!(error.problems.len(), 1, "{text}: {:?}", error.problems);
    assert!(error.problems[0].message.starts_with(message), "{text}: {}", error.problems[0].message);
}

#[test]
fn variables_go_over_the_file_and_are_checked_like_it() {
    let file = "http: {port: 4000}\noverride_subgraph_urls: {Employees: http://a}\n";
    let set = [
        ("TIDEGATE_HTTP__PORT", "5001"),
        ("TIDEGATE_SUBSCRIPTIONS__LINGER", "250ms"),
        ("TIDEGATE_OVERRIDE_SUBGRAPH_URLS__EMPLOYEES", "http://b"),
        ("TIDEGATE_EVENTS__PROVIDERS__NATS__0__ID", "default"),
        ("TIDEGATE_EVENTS__PROVIDERS__NATS__0__URL", "nats://n:4222"),
        ("TIDEGATE_JWT__SECRET", "12345"),
        ("TIDEGATE_JWT__AUDIENCE", "[a, b]"),
        ("TIDEGATE_GRAPHIQL__ENABLED", "true"),
        ("LOG_LEVEL", "debug"),
        ("PATH", "/bin"),
    ];
    let loaded = read_with(file, &set).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = loaded.config;
    assert_eq!(config.http.port, 5001);
    assert_eq!(config.subscriptions.linger.0, Duration::from_millis(250));
    assert_eq!(config.override_subgraph_urls["Employees"], "http://b");
    assert_eq!(config.events.providers.nats[0].url, "nats://n:4222");
    let jwt = config.jwt.unwrap();
    assert_eq!(jwt.secret.unwrap().expose(), "12345");
    assert_eq!(jwt.audience.0, ["a", "b"]);
    assert!(config.graphiql.enabled);
    assert_eq!(config.log.level, "debug");
}

#[test]
fn a_variable_wins_over_its_alias_and_a_wrong_one_is_named() {
    let both = [("TIDEGATE_LOG__LEVEL", "warn"), ("LOG_LEVEL", "debug")];
    assert_eq!(read_with("", &both).unwrap().config.log.level, "warn");

    let error = read_with("", &[("TIDEGATE_HTTP__PORT", "many")]).unwrap_err();
    assert!(error.problems[0].message.contains("TIDEGATE_HTTP__PORT"), "{}", error.problems[0].message);

    let unknown = [("TIDEGATE_HTTP__PROT", "1"), ("TIDEGATE_SERVICE_HOST", "10.0.0.1")];
    let loaded = read_with("", &unknown).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings.len(), 2);
    assert!(loaded.warnings[0].contains("did you mean `port`?"), "{:?}", loaded.warnings);
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = std::env::temp_dir().join(format!("tidegate-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("jwt.key"), "s3cret\n").unwrap();
    std::fs::write(folder.join("nats.password"), "p4ss").unwrap();
    let text = "jwt: {secret_file: jwt.key}\nevents: {providers: {nats: [{id: default, url: nats://n, \
                authentication: {user_info: {username: u, password_file: nats.password}}}]}}\n";
    let config = Config::read(text, "tidegate.yaml", &folder, &[]).unwrap().config;
    let missing = Config::read("jwt: {secret_file: nope}", "tidegate.yaml", &folder, &[]).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(config.jwt.as_ref().unwrap().secret.as_ref().unwrap().expose(), "s3cret");
    let user = config.events.providers.nats[0].authentication.as_ref().unwrap().user.as_ref().unwrap();
    assert_eq!(user.password.as_ref().unwrap().expose(), "p4ss");
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains("p4ss"), "{shown}");
    assert!(
        missing.problems[0].message.starts_with("`jwt.secret_file`: "),
        "{}",
        missing.problems[0].message
    );
    assert_eq!(line(&missing.problems[0]), 1);
}

#[test]
fn sizes_are_what_they_say() {
    let sizes = [("1", 1), ("65536", 65_536), ("64KiB", 65_536), ("1MB", 1_000_000), ("2 MiB", 2 << 20)];
    for (text, bytes) in sizes {
        assert_eq!(Size::parse(text).unwrap().0, bytes, "{text}");
    }
    for text in ["", "0", "1mb", "1.5MiB", "-1", "99999999999GiB"] {
        assert!(Size::parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_knows_the_settings_and_their_defaults() {
    let schema = Config::schema();
    assert_eq!(schema["properties"]["http"]["default"]["port"], 4000);
    assert_eq!(schema["additionalProperties"], false);
    let limits = &schema["$defs"]["Limits"]["properties"];
    assert_eq!(limits["event_bytes_max"]["default"], "1MiB");
    assert!(limits["event_bytes_max"]["description"].as_str().is_some_and(|text| text.contains("payload")));
}

#[test]
fn every_bound_of_the_engine_can_be_set() {
    let debug = format!("{:#?}", engine::Limits::default());
    let names =
        debug.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':')).map(|(name, _)| name);
    let elsewhere = ["linger", "subgraph_timeout", "receive_hook_timeout", "select_hook_timeout"];
    let schema = Config::schema();
    let known = &schema["$defs"]["Limits"]["properties"];
    let missing: Vec<&str> = names
        .filter(|name| !name.starts_with(' ') && !elsewhere.contains(name) && known.get(name).is_none())
        .collect();
    assert!(missing.is_empty(), "add to config/limits.rs: {missing:?}");

    let names: Vec<&str> = known.as_object().unwrap().keys().map(String::as_str).collect();
    for name in names {
        let value = if name.ends_with("timeout") { "77s" } else { "77" };
        let limits = read(&format!("limits: {{{name}: {value}}}")).unwrap().config.engine_limits();
        assert_ne!(limits, engine::Limits::default(), "limits.{name} does nothing");
    }
    let text = "limits: {hook_timeout: 7s}\nevents: {handlers: {on_receive_events: {handler_timeout: 8s}, \
                before_events_dispatch: {handler_timeout: 9s}}}";
    let limits = read(text).unwrap().config.engine_limits();
    let waits = [limits.hook_timeout, limits.select_hook_timeout, limits.receive_hook_timeout];
    assert_eq!(waits.map(|wait| wait.as_secs()), [7, 8, 9]);
}

#[test]
fn levels_are_read_as_a_filter_reads_them_and_an_empty_variable_sets_none() {
    for level in ["off", "INFO", "info,engine=debug", "warn, upstream::nats=debug"] {
        assert!(read(&format!("log: {{level: '{level}'}}")).is_ok(), "{level}");
    }
    let loaded = read_with("", &[("LOG_LEVEL", ""), ("LOG_FORMAT", "")]).unwrap();
    assert_eq!(loaded.config.log, Log::default());
}
