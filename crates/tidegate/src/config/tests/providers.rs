//! What an operator can get wrong in `events:`, and that it is told at once, with its place and without secrets.

use super::*;

#[test]
fn mistakes_in_providers_get_a_message_that_names_the_setting() {
    let table = [
        (
            "events: {providers: {kafka: [{id: a, brokers: [b], tls: {ca_file: c}}]}}",
            "`tls` names files and is not enabled",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: []}]}}",
            "`events.providers.kafka[0]`: `brokers` is empty",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: [b], start_position: 1-2}]}}",
            "`start_position`: 1-2 is no position in kafka",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, authentication: {sasl_plain: {username: u}, \
             sasl_scram: {username: u}}}]}}",
            "`authentication` of the Kafka provider `a` has two ways to sign in",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, authentication: {sasl_scram: {mechanism: MD5}}}]}}",
            "`events.providers.kafka[0].authentication.sasl_scram.mechanism`: `MD5` is none of its values",
        ),
        ("events: {providers: {redis: [{id: a, urls: []}]}}", "`events.providers.redis[0]`: `urls` is empty"),
        (
            "events: {providers: {redis: [{id: a, urls: ['redis://b'], tls: {ca_file: c}}]}}",
            "`tls` is set and a URL does not ask for it",
        ),
        (
            "events: {providers: {redis: [{id: a, urls: ['redis://b'], start_position: 17}]}}",
            "`start_position`: 17 is no position in redis",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, start_position: newest}]}}",
            "`events.providers.nats[0].start_position`: `newest` is no position",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, tls: {cert_file: c}}]}}",
            "`events.providers.nats[0]`: `tls.cert_file` and `tls.key_file` go together",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, decode: avro}]}}",
            "`events.providers.nats[0].decode`: `avro` is none of its values",
        ),
        (
            "events: {providers: {memory: [{id: a}, {id: a}]}}",
            "`events.providers.memory` has two providers with the id `a`",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, authentication: {token: t, \
             user_info: {username: u}}}]}}",
            "`authentication` of the NATS provider `a` has 2 ways to sign in",
        ),
    ];
    table.into_iter().for_each(tells);
}

#[test]
fn what_is_over_at_once_or_empty_is_told() {
    let table = [
        (
            "events: {handlers: {on_receive_events: {handler_timeout: 0s}}}",
            "`events.handlers.on_receive_events.handler_timeout` is over at once",
        ),
        (
            "events: {handlers: {before_events_dispatch: {handler_timeout: 0h0m}}}",
            "`events.handlers.before_events_dispatch.handler_timeout` is over at once",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, request_timeout: 0ms}]}}",
            "`request_timeout` is over at once",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, fetch_max_wait: 0s}]}}",
            "`fetch_max_wait` is over at once",
        ),
        ("events: {providers: {memory: [{id: ''}]}}", "`events.providers.memory[0].id` is empty"),
        ("events: {providers: {nats: [{id: '', url: u}]}}", "`events.providers.nats[0].id` is empty"),
        (
            "events: {providers: {nats: [{id: a, url: u, authentication: {token: ''}}]}}",
            "`authentication.token` is empty",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, authentication: {nkey: ''}}]}}",
            "`authentication.nkey` is empty",
        ),
        (
            "events: {providers: {nats: [{id: a, url: u, authentication: {user_info: {username: u, \
             password: ''}}}]}}",
            "`authentication.user_info.password` is empty",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, authentication: {sasl_plain: {username: u}}}]}}",
            "`authentication.sasl_plain.password` is missing",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, authentication: {sasl_scram: {password: p}}}]}}",
            "`authentication.sasl_scram.username` is empty",
        ),
        (
            "events: {providers: {redis: [{id: a, urls: 'redis://b', authentication: {password: ''}}]}}",
            "`authentication.password` is empty",
        ),
        (
            "events: {providers: {redis: [{id: a, urls: 'redis://b', authentication: {}}]}}",
            "`authentication` has neither a user nor a password",
        ),
    ];
    table.into_iter().for_each(tells);
}

#[test]
fn unknown_keys_beside_shared_ones_are_told() {
    let table = [
        (
            "events: {providers: {kafka: [{id: a, brokers: b, tls: {enabled: true, ca: x}}]}}",
            "`ca` is no setting of `events.providers.kafka[0].tls`",
        ),
        (
            "events: {providers: {kafka: [{id: a, brokers: b, authentication: {sasl_scram: {user: x}}}]}}",
            "`user` is no setting of `events.providers.kafka[0].authentication.sasl_scram`",
        ),
    ];
    table.into_iter().for_each(tells);
}

#[test]
fn what_no_server_could_make_right_is_told_for_every_provider_at_once() {
    let text = "events:\n  providers:\n    nats:\n      - {id: a, url: nats://s3cret@x:99999}\n      \
                - {id: b, url: nats://x, tls: {ca_file: no.pem}}\n    kafka:\n      \
                - {id: a, brokers: x}\n      \
                - id: b\n        brokers: [x, 's3cret:y:1']\n    redis:\n      \
                - {id: a, urls: ['http://:s3cret@x']}\n";
    let error = read(text).unwrap_err();
    let told: Vec<(&str, usize, &str)> = error
        .problems
        .iter()
        .map(|problem| (problem.path.as_str(), line(problem), problem.message.as_str()))
        .collect();
    let expected = [
        ("events.providers.nats[0].url", 4, "`events.providers.nats[0]`: `url` is not a NATS address"),
        (
            "events.providers.nats[1].tls.ca_file",
            5,
            "`events.providers.nats[1]`: `tls.ca_file` (/etc/tidegate/no.pem): ",
        ),
        (
            "events.providers.kafka[1].brokers",
            9,
            "`events.providers.kafka[1]`: `brokers[1]` is not `host:port`",
        ),
        ("events.providers.redis[0].urls", 11, "`events.providers.redis[0]`: `urls` holds what is no Redis"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.into_iter().zip(expected) {
        assert_eq!((told.0, told.1), (expected.0, expected.1), "{}", told.2);
        assert!(told.2.starts_with(expected.2) && !told.2.contains("s3cret"), "{}", told.2);
    }
}

#[test]
fn several_addresses_fit_into_one_text() {
    let file = "events: {providers: {kafka: [{id: k, brokers: [old:1]}, {id: l, brokers: ['a:1,b:2', c]}], \
                redis: [{id: r, urls: 'redis://:p,w@a:1, redis://b'}]}}";
    let set = [
        ("TIDEGATE_EVENTS__PROVIDERS__KAFKA__0__BROKERS", "a:1, b:2"),
        ("TIDEGATE_EVENTS__PROVIDERS__KAFKA__2__ID", "m"),
        ("TIDEGATE_EVENTS__PROVIDERS__KAFKA__2__BROKERS", "[c:3, d:4]"),
        ("TIDEGATE_EVENTS__PROVIDERS__KAFKA__3__ID", "n"),
        ("TIDEGATE_EVENTS__PROVIDERS__KAFKA__3__BROKERS", "[::1]:9092"),
    ];
    let Providers { kafka, redis, .. } = read_with(file, &set).unwrap().config.events.providers;
    let brokers: Vec<&[String]> = kafka.iter().map(|kafka| kafka.brokers.0.as_slice()).collect();
    assert_eq!(
        brokers,
        [vec!["a:1", "b:2"], vec!["a:1", "b:2", "c"], vec!["c:3", "d:4"], vec!["[::1]:9092"]]
    );
    assert_eq!(redis[0].urls.0, ["redis://:p,w@a:1", "redis://b"]);
}

#[test]
fn a_problem_in_a_list_of_a_variable_names_the_variable() {
    let error = read_with("", &[("TIDEGATE_JWT__ALGORITHMS", "[RS256, none]")]).unwrap_err();
    let message = &error.problems[0].message;
    assert!(message.contains("`none`") && message.contains("TIDEGATE_JWT__ALGORITHMS"), "{message}");
}

#[test]
fn cosmos_own_block_works_word_for_word() {
    let text = "
events:
  skip_unavailable_providers: ${SKIP}
  handlers:
    on_receive_events: {max_concurrent_handlers: 100, handler_timeout: 1m30s}
    before_events_dispatch:
      handler_timeout: 1.5s
  providers:
    nats:
      - id: default
        url: ${NATS_URL}
        authentication:
          token: ${TOKEN}
        tls:
          insecure_skip_ca_verification: ${SKIP}
        experiment_delete_durable_consumers_on_shutdown: true
    kafka:
      - id: my-kafka
        brokers:
          - ${KAFKA}
        tls: {enabled: true}
        authentication:
          sasl_scram: {username: u, password: \"${TOKEN}\", mechanism: SCRAM-SHA-512}
        fetch_max_wait: ${WAIT}
    redis:
      - id: my-redis
        urls: [\"redis://u:${TOKEN}@a:6379/11\"]
        cluster_enabled: ${CLUSTER}
";
    let variables = [
        ("SKIP", "true"),
        ("NATS_URL", "nats://a:1,nats://b:2"),
        ("TOKEN", "12345"),
        ("KAFKA", "a:1,b:2"),
        ("WAIT", "1h30m"),
        ("CLUSTER", "false"),
    ];
    let events = read_with(text, &variables).unwrap().config.events;
    assert!(events.skip_unavailable_providers);
    assert_eq!(events.handlers.on_receive_events.handler_timeout, Some(Period::seconds(90)));
    let Providers { nats, kafka, redis, .. } = events.providers;
    assert!(nats[0].tls.as_ref().unwrap().insecure_skip_ca_verification);
    let token = nats[0].authentication.as_ref().unwrap().token.as_ref();
    assert_eq!(token.unwrap().expose(), "12345");
    assert_eq!(kafka[0].brokers.0, ["a:1", "b:2"]);
    assert_eq!(kafka[0].fetch_max_wait, Some(Period::seconds(5400)));
    let scram = kafka[0].authentication.as_ref().unwrap().sasl_scram.as_ref().unwrap();
    assert_eq!(scram.user.password.as_ref().unwrap().expose(), "12345");
    assert_eq!((redis[0].urls.0[0].as_str(), redis[0].cluster_enabled), ("redis://u:12345@a:6379/11", false));
}
