//! Any certificate will do, and a server that has not its key will not.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConnection, ServerConfig, ServerConnection};

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Shakes hands with a server that shows a self-signed certificate for another host and signs with this key.
fn shake_hands(
    certified: &KeyPair,
    signing: &KeyPair,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), Error> {
    let params = CertificateParams::new(vec!["elsewhere.example".into()]).expect("a name");
    let certificate = params.self_signed(certified).expect("signs itself").der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing.serialize_der()));
    let key = tls::provider().key_provider.load_private_key(key).expect("a key");
    let server = ServerConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(CertifiedKey::new(vec![certificate], key)))));
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let client = Arc::new(client(&TlsFiles::default()).expect("no files"));
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let mut client = ClientConnection::new(client, name).expect("a client");
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("writes");
        server.read_tls(&mut wire.as_slice()).expect("reads");
        server.process_new_packets().expect("the server has no doubts");
        let mut wire = Vec::new();
        server.write_tls(&mut wire).expect("writes");
        client.read_tls(&mut wire.as_slice()).expect("reads");
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn a_self_signed_certificate_is_taken_and_a_signature_by_another_key_is_not() {
    let [own, other] = [(); 2].map(|()| KeyPair::generate().expect("a key"));
    for version in rustls::ALL_VERSIONS {
        assert_eq!(shake_hands(&own, &own, version), Ok(()), "{version:?}");
        let refused = shake_hands(&own, &other, version);
        assert!(matches!(refused, Err(Error::InvalidCertificate(_))), "{version:?}: {refused:?}");
    }
}
