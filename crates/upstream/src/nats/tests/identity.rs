//! Options that cannot work, who we are to the server, and what it allows.

use super::*;
use crate::TlsFiles;
use std::path::PathBuf;

#[tokio::test]
async fn refuses_options_that_can_never_work() {
    let url = || vec!["nats://127.0.0.1:1".to_owned()];
    let tls = |files| Options { tls: Some(Tls { files, ..Tls::default() }), ..Options::new("x", url()) };
    let auth = |a| Options { authentication: Some(a), ..Options::new("x", url()) };
    let at = |at| Options { start: crate::Start::At(at), ..Options::new("x", url()) };
    let missing = Some(PathBuf::from("/nowhere/ca.pem"));
    let this = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    let none = TlsFiles::default;
    for (options, setting, named) in [
        (Options::new("x", vec![]), "url", "`url` is empty"),
        (Options::new("x", vec!["nats://secret:99999".into()]), "url", "`url` is not"),
        (Options::new("x", vec!["nats://a".into(), "b c".into()]), "url", "`url` is not"),
        (Options::new("x", vec!["http://a".into()]), "url", "`url` is not"),
        (Options::new("x", vec!["ws://u:secret@a".into()]), "url", "`ws://`"),
        (at(1 << 64), "start_position", "`start` is `1-0`"),
        (
            tls(TlsFiles { ca_file: missing.clone(), ..none() }),
            "tls.ca_file",
            "`tls.ca_file` (/nowhere/ca.pem)",
        ),
        (tls(TlsFiles { ca_file: this, ..none() }), "tls.ca_file", "no certificate in PEM"),
        (tls(TlsFiles { cert_file: missing, ..none() }), "tls", "`tls.key_file`"),
        (auth(Authentication::Credentials("secret".into())), "authentication", "`.creds`"),
        (auth(Authentication::Nkey("secret".into())), "authentication", "`SU`"),
    ] {
        let found = options.check().expect_err(named);
        assert_eq!((found.family, found.setting), ("nats", setting));
        assert!(found.problem.contains(named), "{found}");
        let Err(error) = NatsBroker::connect(options, &Metrics::default()).await else {
            panic!("accepted, but {named} is wrong");
        };
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("`x`") && !error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn refuses_bad_names_and_subjects_without_a_server() {
    let broker = connect(Options::new("x", vec!["nats://127.0.0.1:1".into()])).await;
    for (stream_name, consumer_name) in [("s", "c.d"), ("a b", "c"), ("", "c"), ("s", "*")] {
        let stream = Stream {
            stream_name: stream_name.into(),
            consumer_name: Some(consumer_name.into()),
            consumer_inactive_threshold_seconds: 30,
        };
        let feed = Feed::Stream(stream);
        let refused = broker.subscribe(Subscribe { feed: feed.clone(), ..subscribe(&["a"]) }).await.err();
        let told = |text: &String| text.contains("Name: \"");
        assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
    }
    assert!(matches!(broker.subscribe(subscribe(&["a..b"])).await, Err(BrokerError::Refused(_))));
    assert!(matches!(broker.publish(outgoing("a.>", "")).await, Err(BrokerError::Refused(_))));
    assert_eq!(broker.rule().forbidden, ['.', '*', '>']);
}

#[tokio::test]
async fn a_denied_publish_leaves_the_sources_of_its_subject_alone() {
    const USERS: &str = r#"authorization { users = [
        { user: reader, password: p, permissions: { publish: { deny: "orders.1" } } }
        { user: writer, password: p }
    ] }"#;
    let server = Server::start_with(USERS).await;
    let connect_as = async |user: &str| {
        let url = server.url().replace("://", &format!("://{user}:p@"));
        connect(Options { urls: vec![url], ..options(&server) }).await
    };
    let (reader, writer) = (connect_as("reader").await, connect_as("writer").await);
    let mut source = reader.subscribe(subscribe(&["orders.1"])).await.expect("subscribes");
    for refused in [
        reader.publish(outgoing("orders.1", "")).await,
        reader.request(outgoing("orders.1", "")).await.map(drop),
    ] {
        assert!(matches!(refused, Err(BrokerError::Refused(_))), "{refused:?}");
        writer.publish(outgoing("orders.1", "on")).await.expect("publishes");
        assert_eq!(payloads(&take(&mut source, 1).await), ["on"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_are_denied_all_at_once_all_end() {
    const COUNT: usize = 2_000;
    let users = |denied: &str| {
        format!(
            r#"authorization {{ users = [ {{ user: u, password: p, permissions: {{
                publish: ">", subscribe: {{ allow: ">", deny: ["{denied}"] }}
            }} }} ] }}"#
        )
    };
    let server = Server::start_with(&users("nothing")).await;
    let url = server.url().replace("://", "://u:p@");
    let broker = connect(Options { urls: vec![url], ..options(&server) }).await;
    let mut kept = broker.subscribe(subscribe(&["kept"])).await.expect("subscribes");
    let mut sources = Vec::new();
    for n in 0..COUNT {
        sources.push(broker.subscribe(subscribe(&[&format!("orders.{n}")])).await.expect("subscribes"));
    }
    server.reload(&users("orders.>"));
    for source in &mut sources {
        let end = tokio::time::timeout(PATIENCE, source.next()).await.expect("ends");
        assert!(end.is_none() && source.end_reason().contains("permissions"), "{}", source.end_reason());
    }
    broker.publish(outgoing("kept", "on")).await.expect("publishes");
    assert_eq!(payloads(&take(&mut kept, 1).await), ["on"]);
}

#[tokio::test]
async fn permissions_are_told_as_refusals() {
    const USERS: &str = r#"authorization { users = [
        { user: narrow, password: "p w", permissions: {
            publish: ["ok", "_INBOX.>"], subscribe: ["ok", "_INBOX.>"]
        } }
        { user: reader, password: secret, permissions: { publish: { deny: ">" }, subscribe: "ok" } }
    ] }"#;
    let server = Server::start_with(USERS).await;
    let connect_as = async |user: &str| {
        let url = server.url().replace("://", &format!("://{user}@"));
        connect(Options { urls: vec![url], ..options(&server) }).await
    };
    let narrow = connect_as("narrow:p%20w").await;
    assert!(narrow.subscribe(subscribe(&["ok"])).await.is_ok());
    assert!(narrow.publish(outgoing("ok", "")).await.is_ok());
    for n in 0..20 {
        let subject = format!("no.{n}");
        let told = |text: &String| text.contains(&format!("\"{subject}\""));
        let refused = narrow.publish(outgoing(&subject, "")).await;
        assert!(matches!(&refused, Err(BrokerError::Refused(text)) if told(text)), "{refused:?}");
        let refused = narrow.subscribe(subscribe(&["ok", &subject])).await.err();
        assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
    }
    // This account may not even send the echo: its denial is answer enough.
    let reader = connect_as("reader:secret").await;
    assert!(reader.subscribe(subscribe(&["ok"])).await.is_ok());
    let wrong = connect(options(&server)).await;
    until("the reason is known", async || {
        matches!(wrong.status(), BrokerStatus::Down { reason } if reason.contains("authorization violation"))
    })
    .await;
}
