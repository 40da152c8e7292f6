//! A certificate authority for one test server, with a certificate for it and one for its client, as PEM files.

use crate::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};

pub(in crate::kafka) struct Certificates {
    ca: PathBuf,
    client: PathBuf,
    client_key: PathBuf,
}

impl Certificates {
    pub(in crate::kafka) fn make(folder: &Path) -> Certificates {
        let mut authority = CertificateParams::new(vec![]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "tidegate tests");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
            .expect("signs itself");
        let issue = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, name);
            (params.signed_by(&key, &authority).expect("signs").pem(), key.serialize_pem())
        };
        let file = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("writes a file");
            path
        };
        let (server, server_key) = issue("127.0.0.1");
        file("server.pem", server_key + &server);
        let (client, client_key) = issue("alice");
        Certificates {
            ca: file("ca.pem", authority.pem()),
            client: file("client.pem", client),
            client_key: file("client-key.pem", client_key),
        }
    }

    pub(in crate::kafka) fn one_sided(&self) -> TlsFiles {
        TlsFiles { ca_file: Some(self.ca.clone()), ..TlsFiles::default() }
    }

    pub(in crate::kafka) fn mutual(&self) -> TlsFiles {
        let (cert_file, key_file) = (Some(self.client.clone()), Some(self.client_key.clone()));
        TlsFiles { cert_file, key_file, ..self.one_sided() }
    }
}
