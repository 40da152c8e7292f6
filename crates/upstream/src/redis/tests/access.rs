//! Who we are to the server, what it lets us do, and TLS.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::net::TcpStream;

const PASSWORD: &str = "p@ss w/rd";

fn login(username: &str, password: &str) -> Option<Authentication> {
    Some(Authentication { username: username.into(), password: password.into() })
}

async fn guarded() -> Server {
    // The password of the default user; the test itself goes in with it.
    let server = Server::start_with(&["--requirepass", PASSWORD]).await.entered_as(":p%40ss%20w%2Frd");
    server.call::<()>("ACL SETUSER narrow on >narrow ~ok* &ok* +@all").await;
    server.call::<()>("ACL SETUSER reader on >reader ~ok* &ok* +@all -publish -xadd -ping").await;
    server
}

#[tokio::test]
async fn credentials_come_by_url_or_by_options() {
    let server = guarded().await;
    for (url, authentication) in [
        (server.url_as(":p%40ss%20w%2Frd"), None),
        (server.url_as("default:p%40ss%20w%2Frd"), None),
        (server.url(), login("", PASSWORD)),
        (server.url(), login("narrow", "narrow")),
        (server.url_as("nobody:wrong"), login("default", PASSWORD)),
    ] {
        let broker = connect(Options { urls: vec![url], authentication, ..options(&server) }).await;
        let mut source = open(&broker, Feed::Plain, &["ok"]).await;
        until_up(&broker).await;
        publish(&broker, "ok", "1").await;
        assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let server = guarded().await;
    for (url, authentication, named) in [
        (server.url_as(":wr0ng"), None, "authentication failed"),
        (server.url_as("nobody:wr0ng"), None, "authentication failed"),
        (server.url(), login("narrow", "wr0ng"), "authentication failed"),
        (server.url(), None, "NOAUTH"),
    ] {
        let timeout = Duration::from_millis(500);
        let broker = connect(Options { urls: vec![url], authentication, timeout, ..options(&server) }).await;
        until(
            "the reason is known",
            async || matches!(broker.status(), BrokerStatus::Down { reason } if reason.contains(named)),
        )
        .await;
        let errors = [
            broker.subscribe(subscribe(Feed::Plain, &["ok"])).await.err(),
            broker.subscribe(subscribe(Feed::Log, &["ok"])).await.err(),
            broker.publish(outgoing(Feed::Plain, "ok", "")).await.err(),
        ];
        for error in errors {
            let Some(BrokerError::Unavailable(text)) = error else { panic!("{error:?}") };
            assert!(text.contains(named) && !text.contains("wr0ng"), "{text}");
        }
    }
}

#[test]
fn passwords_are_taken_out_of_what_a_server_says() {
    let urls = vec!["redis://:wr%30ng@127.0.0.1:1".to_owned()];
    for authentication in [None, login("", "wr0ng")] {
        let dial = Dial::new(&Options { authentication, ..Options::new("x", urls.clone()) })
            .expect("options are right");
        // A server that does not know a command repeats what came with it.
        let text = "unknown command `AUTH`, with args beginning with: `wr0ng`".to_owned();
        let error = redis::make_extension_error("ODD".to_owned(), Some(text));
        assert_eq!(dial.text(&error), "ODD unknown command `AUTH`, with args beginning with: `***`");
        assert_eq!(dial.servers(), "redis://127.0.0.1:1");
    }
}

#[tokio::test]
async fn permissions_are_told_as_refusals() {
    let server = guarded().await;
    let connect_as =
        async |user: &str| connect(Options { authentication: login(user, user), ..options(&server) }).await;
    let refused = |error: Option<BrokerError>| {
        assert!(matches!(&error, Some(BrokerError::Refused(text)) if text.contains("NOPERM")), "{error:?}");
    };
    let narrow = connect_as("narrow").await;
    let mut source = open(&narrow, Feed::Plain, &["ok"]).await;
    for feed in [Feed::Plain, Feed::Patterns, Feed::Log] {
        refused(narrow.subscribe(subscribe(feed.clone(), &["ok", "secret"])).await.err());
        refused(narrow.publish(outgoing(feed, "secret", "")).await.err());
    }
    // One refusal leaves the others alone.
    publish(&narrow, "ok", "1").await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
    let reader = connect_as("reader").await;
    drop(open(&reader, Feed::Plain, &["ok"]).await);
    until_up(&reader).await;
    for feed in [Feed::Plain, Feed::Log] {
        refused(reader.publish(outgoing(feed, "ok", "")).await.err());
    }
    // Taken away while it is used: the source cannot be renewed, and says why it ends.
    server.call::<()>("ACL SETUSER narrow resetchannels").await;
    let end = tokio::time::timeout(PATIENCE, source.next()).await.expect("it ends");
    assert!(end.is_none() && source.end_reason().contains("NOPERM"), "{}", source.end_reason());
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        // A name of its own: to OpenSSL a certificate whose issuer bears the same name is self-signed.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    /// A certificate and its key, written to the server's folder.
    fn issue(&self, server: &Server, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let cert = server.file(&format!("{name}.pem"), &certificate.pem());
        (cert, server.file(&format!("{name}.key"), &key.serialize_pem()))
    }
}

#[tokio::test]
async fn tls_is_spoken_with_the_authority_that_is_named() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for is_mutual in [false, true] {
        let tls_port = server::free_port();
        let place = Server::reserve(&[]);
        let ca = place.file("ca.pem", &authority.issuer.pem());
        let other_ca = place.file("other.pem", &stranger.issuer.pem());
        let (cert, key) = authority.issue(&place, "server");
        let (client_cert, client_key) = authority.issue(&place, "client");
        let [ca_text, cert, key] = [&ca, &cert, &key].map(|path| path.display().to_string());
        let clients = if is_mutual { "yes" } else { "no" };
        let server = Server::start_with(&[
            "--tls-port",
            &tls_port.to_string(),
            "--tls-ca-cert-file",
            &ca_text,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            clients,
        ])
        .await;
        until("it listens for TLS", async || TcpStream::connect(("127.0.0.1", tls_port)).is_ok()).await;
        let with = |scheme: &str, ca: &PathBuf, is_known: bool| {
            let files = is_known.then(|| (client_cert.clone(), client_key.clone()));
            let (cert_file, key_file) = files.unzip();
            let tls = Some(TlsFiles { ca_file: Some(ca.clone()), cert_file, key_file });
            Options { urls: vec![format!("{scheme}://127.0.0.1:{tls_port}")], tls, ..options(&server) }
        };
        for scheme in ["rediss", "redis"] {
            let broker = connect(with(scheme, &ca, is_mutual)).await;
            let mut source = open(&broker, Feed::Plain, &["a"]).await;
            let mut log = open(&broker, Feed::Log, &["log"]).await;
            until_up(&broker).await;
            publish(&broker, "a", "1").await;
            broker.publish(outgoing(Feed::Log, "log", "2")).await.expect("publishes");
            assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
            assert_eq!(payloads(&take(&mut log, 1).await), ["2"]);
        }
        let wrong = connect(with("rediss", &other_ca, is_mutual)).await;
        until("the reason is known", async || {
            matches!(wrong.status(), BrokerStatus::Down { reason } if reason.contains("certificate"))
        })
        .await;
        if is_mutual {
            let unknown = connect(with("rediss", &ca, false)).await;
            until("it is told", async || {
                matches!(unknown.status(), BrokerStatus::Down { reason } if !reason.contains("not connected yet"))
            })
            .await;
        }
    }
}
