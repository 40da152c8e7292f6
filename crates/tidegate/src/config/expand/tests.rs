//! Variables stand where they are named, as what the setting wants, and are never shown.

use super::super::{Config, ConfigError, Loaded};
use super::*;
use std::path::Path;

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::read(text, "tidegate.yaml", Path::new(""), &variables)
}

#[test]
fn variables_stand_where_they_are_named_and_missing_ones_are_told() {
    let variables = [("HOST".to_owned(), "h".to_owned()), ("PASS".to_owned(), "p${HOST}".to_owned())];
    let table = [
        ("redis://:${PASS}@${HOST}:1", Ok("redis://:p${HOST}@h:1")),
        ("plain $HOST {{ x }}", Ok("plain $HOST {{ x }}")),
        ("a$${HOST}b", Ok("a${HOST}b")),
        ("$$${HOST}${HOST}", Ok("$${HOST}h")),
        ("a$b", Ok("a$b")),
        ("${NONE}", Err("`events.a[0]`: the variable `NONE` is not set")),
        ("${HOST", Err("`events.a[0]`: `${` without `}`")),
    ];
    for (text, expected) in table {
        let mut tree = Node::parse(&format!("events: {{a: ['{text}']}}")).unwrap();
        let expansion = expand(&mut tree, "events", &Value::Null, &variables);
        match expected {
            Ok(whole) => assert_eq!(tree.to_json()["events"]["a"][0], whole),
            Err(message) => assert_eq!(expansion.problems[0].message, message),
        }
    }
}

#[test]
fn a_variable_is_read_as_what_the_setting_wants() {
    let text = "events:\n  handlers: {on_receive_events: {max_concurrent_handlers: '${N}'}}\n  providers:\n    nats:\n      \
                - {id: '${N}', url: '${L}', experiment_delete_durable_consumers_on_shutdown: '${T}', \
                start_position: '${N}', authentication: {user_info: {username: '${T}', password: '${N}'}}, \
                source_messages_max: '${N}0', source_bytes_max: '${N}KiB', tls: '${E}'}\n    kafka:\n      \
                - {id: k, brokers: '${L}', fetch_max_wait: '${N}ms', tls: {enabled: '${E}'}}\n";
    let variables = [("N", "12"), ("T", "true"), ("L", "[a, b]"), ("E", "")];
    let error = read_with(text, &variables).unwrap_err();
    // A list is none where a text is wanted, so this is an address, if a bad one.
    assert_eq!(error.problems.len(), 1, "{:?}", error.problems);
    assert_eq!(error.problems[0].path, "events.providers.nats[0].url");

    let text = text.replacen("url: '${L}'", "url: a", 1);
    let events = read_with(&text, &variables).unwrap().config.events;
    assert_eq!(events.handlers.on_receive_events.max_concurrent_handlers, Some(12));
    let (nats, kafka) = (&events.providers.nats[0], &events.providers.kafka[0]);
    assert!(nats.id == "12" && nats.experiment_delete_durable_consumers_on_shutdown && nats.tls.is_none());
    assert_eq!((nats.start_position.0, nats.source_messages_max), (upstream::Start::At(12), Some(120)));
    let user = nats.authentication.as_ref().unwrap().user.as_ref().unwrap();
    assert_eq!((user.username.as_str(), user.password.as_ref().unwrap().expose()), ("true", "12"));
    assert_eq!(kafka.brokers.0, ["a", "b"]);
    assert!(!kafka.tls.as_ref().unwrap().enabled);
}

#[test]
fn what_an_override_says_is_meant_as_it_stands() {
    let file = "events: {providers: {nats: [{id: a, url: '${GONE}', authentication: {token: '${GONE}'}}]}}";
    let variables = [
        ("TIDEGATE_EVENTS__PROVIDERS__NATS__0__URL", "nats://a"),
        ("TIDEGATE_EVENTS__PROVIDERS__NATS__0__AUTHENTICATION__TOKEN", "pa${ss}w"),
    ];
    let nats = read_with(file, &variables).unwrap().config.events.providers.nats;
    let token = nats[0].authentication.as_ref().unwrap().token.as_ref();
    assert_eq!(token.unwrap().expose(), "pa${ss}w");
}

#[test]
fn a_name_without_braces_is_a_text_and_is_asked_about() {
    let file = "events: {providers: {nats: [{id: a, url: u, authentication: {token: $TOKEN}}, \
                {id: b, url: u, authentication: {token: $OTHER}}, {id: c, url: u, authentication: {token: a$TOKEN}}]}}";
    let loaded = read_with(file, &[("TOKEN", "s3cret")]).unwrap();
    let token = loaded.config.events.providers.nats[0].authentication.as_ref().unwrap().token.as_ref();
    assert_eq!(token.unwrap().expose(), "$TOKEN");
    let warning = "`events.providers.nats[0].authentication.token` is the text `$TOKEN`; write `${TOKEN}` where the \
                   variable is meant";
    assert_eq!(loaded.warnings, [warning]);
}

#[test]
fn a_variable_that_is_not_set_is_one_problem() {
    let error =
        read_with("events: {providers: {nats: [{id: a, url: '${NONE}', tls: '${NONE}'}]}}", &[]).unwrap_err();
    let told: Vec<&str> = error.problems.iter().map(|problem| problem.message.as_str()).collect();
    let expected = [
        "`events.providers.nats[0].url`: the variable `NONE` is not set",
        "`events.providers.nats[0].tls`: the variable `NONE` is not set",
    ];
    assert_eq!(told, expected);
}

#[test]
fn quotes_are_asked_for_where_yaml_wants_them() {
    let error = read_with("events: {providers: {nats: [{id: a, url: ${A}}]}}", &[("A", "a")]).unwrap_err();
    let help = error.problems[0].help.as_deref();
    assert_eq!(help, Some("between `[` and `]` or `{` and `}`, put quotes around `${NAME}`"));
}

#[test]
fn no_problem_shows_what_a_variable_holds() {
    let nats = |settings: &str| format!("nats: [{{id: a, url: u, {settings}}}]");
    let kafka = |settings: &str| format!("kafka: [{{id: a, brokers: b, {settings}}}]");
    // Each with values that are wrong there, long and short, and what is shown in their place.
    let table = [
        (nats("request_timeout: '${PW}'"), vec!["s3cret-value", "s3", "5"], "`${PW}` is no length of time"),
        (nats("source_bytes_max: 'x${PW}'"), vec!["s3cret-value", "s3"], "`x${PW}` is no size"),
        (nats("start_position: '${PW}'"), vec!["s3cret-value", "s3"], "`${PW}` is no position"),
        (nats("start_position: '${PW}'"), vec!["123-456"], "`start_position`: ${PW} is no position in nats"),
        (nats("decode: '${PW}'"), vec!["s3cret-value", "s3"], "`${PW}` is none of its values"),
        (
            nats("source_messages_max: '${PW}'"),
            vec!["s3cret-value", "s3", "-77", "-7"],
            "source_messages_max`",
        ),
        (nats("tls: '${PW}'"), vec!["s3cret-value", "{s3cret: x}", "s3: x"], "must be a mapping"),
        (nats("tls: {ca_file: '${PW}'}"), vec!["s3cret-value", "s3"], "`tls.ca_file` (${PW})"),
        (
            nats("tls: {cert_file: '${PW}', key_file: '${PW}'}"),
            vec!["s3cret-value"],
            "`tls.cert_file` (${PW})",
        ),
        (nats("authentication: {token_file: '${PW}'}"), vec!["s3cret-value", "s3"], ": ${PW} cannot be read"),
        (nats("authentication: {nkey: '${PW}'}"), vec!["s3cret-value", "s3"], "the nkey is not a user seed"),
        (nats("authentication: {credentials: '${PW}'}"), vec!["s3cret-value"], "the credentials are not"),
        ("memory: [{id: '${PW}'}, {id: '${PW}'}]".into(), vec!["s3cret-value", "s3"], "with the id `${PW}`"),
        (
            "kafka: [{id: '${PW}', brokers: b, authentication: {sasl_plain: {}, sasl_scram: {}}}]".into(),
            vec!["s3cret-value", "s3"],
            "the Kafka provider `${PW}` has two ways",
        ),
        (
            "nats: [{id: a, url: '${PW}'}]".into(),
            vec!["s3cret://value", "s3cret:value"],
            "is not a NATS address",
        ),
        ("nats: [{id: a, url: 'ws://u:${PW}@a'}]".into(), vec!["s3cret-value"], "starts with `ws://`"),
        ("kafka: [{id: a, brokers: '${PW}'}]".into(), vec!["s3cret:value", "s3:x"], "is not `host:port`"),
        (kafka("tls: {enabled: '${PW}'}"), vec!["s3cret-value", "s3"], "must be `true` or `false`"),
        ("redis: [{id: a, urls: ['http://${PW}@b']}]".into(), vec!["s3cret-value", "s3"], "no Redis address"),
    ];
    for (providers, values, told) in table {
        for value in values {
            let text = format!("events: {{providers: {{{providers}}}}}");
            let error = read_with(&text, &[("PW", value)]).expect_err(&text);
            let shown: Vec<String> = error
                .problems
                .iter()
                .map(|problem| format!("{problem} {}", problem.help.as_deref().unwrap_or_default()))
                .collect();
            let shown = shown.join("\n");
            assert!(shown.contains(told), "{providers}: {shown}");
            let whole = format!("{shown} {} {error} {error:?}", error.to_json());
            // What is a word of ours too, as `5` in `5s`, is looked for as a value is quoted.
            let looked_for = if value.len() < 3 { format!("`{value}`") } else { value.to_owned() };
            assert!(!whole.contains(&looked_for) && !whole.contains("s3cret"), "{providers}: {whole}");
        }
    }
}
