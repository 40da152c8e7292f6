//! TLS to a broker from files: roots to trust, and the certificate that we show.
//! Owns reading them; what is wrong with one is told with its setting. Never connects.

use crate::options::Fault;
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files for TLS to a broker, PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Roots to trust; without it the well-known ones.
    pub ca_file: Option<PathBuf>,
    /// For mutual TLS, together with `key_file`.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// A client that trusts the authority of the files, or the well-known ones.
pub(crate) fn verified(files: &TlsFiles) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    match &files.ca_file {
        Some(path) => certificates("tls.ca_file", path)?.into_iter().try_for_each(|certificate| {
            let added = roots.add(certificate);
            let refuse = |error| format!("`tls.ca_file` ({}): {error}", path.display());
            added.map_err(|error| Fault::new("tls.ca_file", refuse(error)))
        })?,
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    show_certificate(builder(provider())?.with_root_certificates(roots), files)
}

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The beginning of a client.
pub(crate) fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Fault> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.map_err(|error| Fault::new("tls", error.to_string()))
}

/// The end of a client: with our certificate, where the files name one.
pub(crate) fn show_certificate(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    files: &TlsFiles,
) -> Result<ClientConfig, Fault> {
    let Some((cert, key)) = client_pair(files)? else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates("tls.cert_file", cert)?;
    let private = PrivateKeyDer::from_pem_slice(&read("tls.key_file", key)?).map_err(|_| {
        let problem = format!("`tls.key_file` ({}) holds no private key in PEM", key.display());
        Fault::new("tls.key_file", problem)
    })?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| Fault::new("tls.cert_file", format!("`tls.cert_file` with `tls.key_file`: {error}")))
}

fn certificates(setting: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let pem = read(setting, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => {
            let problem = format!("`{setting}` ({}) holds no certificate in PEM", path.display());
            Err(Fault::new(setting, problem))
        }
    }
}

/// Reads a file that a setting names.
pub(crate) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path)
        .map_err(|error| Fault::new(setting, format!("`{setting}` ({}): {error}", path.display())))
}

/// Certificate and key for mutual TLS: both or none.
pub(crate) fn client_pair(files: &TlsFiles) -> Result<Option<(&Path, &Path)>, Fault> {
    match (&files.cert_file, &files.key_file) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        _ => Err(Fault::new("tls", "`tls.cert_file` and `tls.key_file` go together: set both or none")),
    }
}
