//! Accounts, permissions and TLS.

use super::*;
use server::{PASSWORD, shared};

fn plain(user: &str, password: &str) -> Authentication {
    Authentication::Plain { user: user.into(), password: password.into() }
}

async fn round_trip(options: Options, topic: &str) {
    let broker = connect(options).await;
    let mut source = broker.subscribe(subscribe(&[topic])).await.expect("subscribes");
    broker.publish(Outgoing::new(topic, "1")).await.expect("publishes");
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
}

#[tokio::test]
async fn every_mechanism_lets_a_right_password_in_and_tells_of_a_wrong_one() {
    let server = shared();
    Writer::connect(server).await.create("sasl", 1).await;
    let (user, wrong) = ("alice".to_owned(), "wr0ng-s3cret".to_owned());
    let mechanisms: [fn(String, String) -> Authentication; 3] = [
        |user, password| Authentication::Plain { user, password },
        |user, password| Authentication::ScramSha256 { user, password },
        |user, password| Authentication::ScramSha512 { user, password },
    ];
    for mechanism in mechanisms {
        let options = |authentication| Options {
            brokers: vec![server.address(Listener::Sasl)],
            authentication: Some(authentication),
            ..options(server)
        };
        round_trip(options(mechanism(user.clone(), PASSWORD.into())), "sasl").await;
        let broker = connect(options(mechanism(user.clone(), wrong.clone()))).await;
        let mut told = String::new();
        until("the reason is known", async || {
            let BrokerStatus::Down { reason } = broker.status() else { panic!("let in") };
            told = reason;
            told.contains("SaslAuthenticationFailed")
        })
        .await;
        assert!(!told.contains(&wrong), "{told}");
    }
}

#[tokio::test]
async fn tls_verifies_the_server_and_shows_a_certificate_where_one_is_asked_for() {
    let server = shared();
    Writer::connect(server).await.create("tls", 1).await;
    let files = &server.certificates;
    let options = |listener, tls| Options {
        brokers: vec![server.address(listener)],
        tls: Some(tls),
        ..options(server)
    };
    round_trip(options(Listener::Tls, files.one_sided()), "tls").await;
    round_trip(options(Listener::MutualTls, files.mutual()), "tls").await;
    for (listener, tls, why) in [
        (Listener::Tls, TlsFiles::default(), "UnknownIssuer"),
        (Listener::MutualTls, files.one_sided(), "ertificate"),
    ] {
        let broker = connect(options(listener, tls)).await;
        let mut last = String::new();
        until("the reason is known", async || {
            let BrokerStatus::Down { reason } = broker.status() else { panic!("let in") };
            last = reason;
            last.contains(why) || last.contains("onnection reset")
        })
        .await;
    }
}

#[tokio::test]
async fn a_topic_that_permissions_forbid_is_refused() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("permissions", 1).await;
    // To see it is not to read or write it.
    let arguments =
        ["--add", "--allow-principal", "User:alice", "--operation", "Describe", "--topic", "permissions"];
    server.tool("org.apache.kafka.tools.AclCommand", &arguments, "").await;
    let options = Options {
        brokers: vec![server.address(Listener::Sasl)],
        authentication: Some(plain("alice", PASSWORD)),
        ..options(server)
    };
    let broker = connect(options).await;
    let told = |text: &str| text.contains("TopicAuthorizationFailed");
    let refused = broker.subscribe(subscribe(&["permissions"])).await.err();
    assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
    let refused = broker.publish(Outgoing::new("permissions", "")).await;
    assert!(matches!(&refused, Err(BrokerError::Refused(text)) if told(text)), "{refused:?}");
}
