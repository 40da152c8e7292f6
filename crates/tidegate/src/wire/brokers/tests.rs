//! A configuration that was made in code is checked like one from a file.

use super::*;

#[tokio::test]
async fn everything_that_no_server_could_make_right_is_told_at_once() {
    let text = "events: {providers: {nats: [{id: a, url: nats://x}, {id: b, url: nats://x}], \
                kafka: [{id: k, brokers: [x]}], redis: [{id: r, urls: ['redis://x']}]}}";
    let mut config = Config::read(text, "test", std::path::Path::new("/"), &[]).unwrap().config;
    let settings = &mut config.events.providers;
    settings.nats[1].url = "nats://x:99999".into();
    settings.kafka[0].brokers.0 = vec!["secret@x:1:2".into()];
    settings.redis[0].urls.0 = vec!["http://u:secret@x".into()];
    let outcome = providers(&config, &config.engine_limits(), &upstream::Metrics::default()).await;
    let Err(StartError::Setting(told)) = outcome else { panic!("it starts") };
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("`events.providers.nats[1].url`: nats provider `b`: `url` is not"),
        "{told:?}"
    );
    assert!(told[1].starts_with("`events.providers.kafka[0].brokers`: kafka provider `k`: "), "{told:?}");
    assert!(told[2].starts_with("`events.providers.redis[0].urls`: redis provider `r`: "), "{told:?}");
    assert!(!told.concat().contains("secret"), "{told:?}");
}
