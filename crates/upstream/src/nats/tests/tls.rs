//! TLS with a private authority, mutual TLS, and the ways to say who we are, against a real server.

use super::*;
use crate::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};

/// A private authority with certificates for a server and a client, as files.
struct Authority(PathBuf);

impl Authority {
    fn new(test: &str) -> Authority {
        let folder = std::env::temp_dir().join(format!("tidegate-tls-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("makes a folder");
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("writes");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write("ca.pem", params.self_signed(&key).expect("signs").pem());
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]);
            let certificate = params.expect("names").signed_by(&key, &issuer).expect("signs");
            write(&format!("{name}.pem"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Authority(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn tls(&self) -> Tls {
        Tls {
            files: TlsFiles { ca_file: Some(self.file("ca.pem")), ..TlsFiles::default() },
            ..Tls::default()
        }
    }

    fn mutual(&self) -> Tls {
        let [cert_file, key_file] = ["client.pem", "client.key"].map(|name| Some(self.file(name)));
        Tls { files: TlsFiles { cert_file, key_file, ..self.tls().files }, ..Tls::default() }
    }

    /// A server's configuration; `more` goes into its `tls` block.
    fn config(&self, more: &str) -> String {
        let text = |path: &Path| path.display().to_string();
        let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| text(&self.file(name)));
        format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", {more} }}")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A message makes its way through the server and back.
async fn works(broker: &NatsBroker) {
    let mut source = broker.subscribe(subscribe(&["a"])).await.expect("subscribes");
    broker.publish(outgoing("a", "1")).await.expect("publishes");
    assert_eq!(payloads(&take(&mut source, 1).await), ["1"]);
    assert_eq!(broker.status(), BrokerStatus::Up);
}

/// It stays down, and says so with one of these words.
async fn fails(broker: &NatsBroker, words: &[&str]) {
    let mut last = String::new();
    until("a reason is known", async || {
        let BrokerStatus::Down { reason } = broker.status() else { panic!("it is up") };
        last = reason;
        !last.contains("not connected yet")
    })
    .await;
    assert!(words.iter().any(|word| last.contains(word)), "{last}");
}

#[tokio::test]
async fn required_tls_wants_the_authority_that_signed() {
    let authority = Authority::new("required");
    let server = Server::start_with(&authority.config("")).await;
    works(&connect(Options { tls: Some(authority.tls()), ..options(&server) }).await).await;
    let url = server.url().replace("nats://", "tls://");
    works(&connect(Options { tls: Some(authority.tls()), urls: vec![url], ..options(&server) }).await).await;
    // Neither without options nor with another authority does a client talk to it.
    let other = Authority::new("other");
    for tls in [None, Some(other.tls())] {
        let broker = connect(Options { tls, ..options(&server) }).await;
        fails(&broker, &["certificate", "UnknownIssuer"]).await;
    }
}

#[tokio::test]
async fn mutual_tls_wants_our_certificate() {
    let authority = Authority::new("mutual");
    let server = Server::start_with(&authority.config("verify: true")).await;
    works(&connect(Options { tls: Some(authority.mutual()), ..options(&server) }).await).await;
    let broker = connect(Options { tls: Some(authority.tls()), ..options(&server) }).await;
    fails(&broker, &["ertificate", "TLS", "lost", "reset", "closed"]).await;
}

#[tokio::test]
async fn a_self_signed_server_is_spoken_to_only_where_verification_is_skipped() {
    let authority = Authority::new("self-signed");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["elsewhere.example".into()]).expect("a name");
    std::fs::write(authority.file("server.pem"), params.self_signed(&key).expect("signs").pem())
        .expect("writes");
    std::fs::write(authority.file("server.key"), key.serialize_pem()).expect("writes");
    for (config, files) in [("", TlsFiles::default()), ("verify: true", authority.mutual().files)] {
        let server = Server::start_with(&authority.config(config)).await;
        for skip_verification in [true, false] {
            let tls = Tls { files: files.clone(), skip_verification, ..Tls::default() };
            let broker = connect(Options { tls: Some(tls), ..options(&server) }).await;
            match skip_verification {
                true => works(&broker).await,
                false => fails(&broker, &["certificate", "UnknownIssuer"]).await,
            }
        }
        // Asked for ours, the server still wants one that it knows.
        if config == "verify: true" {
            let tls = Tls { skip_verification: true, ..Tls::default() };
            let broker = connect(Options { tls: Some(tls), ..options(&server) }).await;
            fails(&broker, &["ertificate", "TLS", "lost", "reset", "closed"]).await;
        }
    }
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let authority = Authority::new("first");
    let config = authority.config("handshake_first: true");
    let server = Server::start_with(&config).await;
    let tls = Tls { handshake_first: true, ..authority.tls() };
    works(&connect(Options { tls: Some(tls), ..options(&server) }).await).await;
}

#[tokio::test]
async fn tls_that_the_server_does_not_speak_is_told() {
    let authority = Authority::new("plain");
    let server = Server::start().await;
    let broker = connect(Options { tls: Some(authority.tls()), ..options(&server) }).await;
    fails(&broker, &["corrupt message"]).await;
}

#[tokio::test]
async fn who_we_are_is_proven_or_refused() {
    let user = nkeys::KeyPair::new_user();
    let seed = user.seed().expect("a seed");
    let stranger = nkeys::KeyPair::new_user().seed().expect("a seed");
    let password =
        |password: &str| Authentication::UserPassword { user: "router".into(), password: password.into() };
    for (config, right, wrong) in [
        ("authorization { user: router, password: \"p w\" }".to_owned(), password("p w"), password("p")),
        (
            "authorization { token: s3cr3t }".to_owned(),
            Authentication::Token("s3cr3t".into()),
            Authentication::Token("secret".into()),
        ),
        (
            format!("authorization {{ users = [ {{ nkey: {} }} ] }}", user.public_key()),
            Authentication::Nkey(seed),
            Authentication::Nkey(stranger),
        ),
    ] {
        let server = Server::start_with(&config).await;
        works(&connect(Options { authentication: Some(right), ..options(&server) }).await).await;
        let broker = connect(Options { authentication: Some(wrong), ..options(&server) }).await;
        fails(&broker, &["authorization violation"]).await;
    }
}
