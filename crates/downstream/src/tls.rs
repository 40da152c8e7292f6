//! TLS on the listener: certificate and key from files, looked at again while it runs.
//! Owns which certificate is shown; a connection keeps the one it began with. Never logs a key.

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// HTTP/2 in the list a client chooses from.
pub(crate) const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// Where a certificate comes from.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// The chain, PEM, the server's own certificate first.
    pub cert_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
    /// How often both are looked at.
    pub reload_interval: Duration,
}

/// Why a certificate cannot be used, and of which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct TlsError {
    pub file: PathBuf,
    pub message: String,
}

/// A certificate that is ready to be shown.
#[derive(Debug)]
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    options: TlsOptions,
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the files. With `http2`, clients may choose it.
    pub fn load(options: TlsOptions, http2: bool) -> Result<Tls, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified = certified(&options, &provider)?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certified)));
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = versions
            .map_err(|error| fault(&options.cert_file, error))?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = match http2 {
            true => vec![H2.to_vec(), HTTP_1_1.to_vec()],
            false => vec![HTTP_1_1.to_vec()],
        };
        Ok(Tls { config: Arc::new(config), options, shown })
    }

    /// Looks at the files again and again; what cannot be used leaves the present certificate in place, said once.
    pub(crate) async fn watch(self: Arc<Tls>) {
        let mut is_failing = false;
        loop {
            tokio::time::sleep(self.options.reload_interval).await;
            let tls = self.clone();
            let Ok(outcome) = tokio::task::spawn_blocking(move || tls.reload()).await else { return };
            match &outcome {
                Ok(true) => {
                    tracing::info!(file = %self.options.cert_file.display(), "a new certificate is shown")
                }
                Ok(false) => {}
                Err(error) if !is_failing => {
                    tracing::error!(%error, "the certificate cannot be renewed; the old one is still shown");
                }
                Err(_) => {}
            }
            is_failing = outcome.is_err();
        }
    }

    /// Whether another certificate is shown from here on.
    fn reload(&self) -> Result<bool, TlsError> {
        let certified = certified(&self.options, self.config.crypto_provider())?;
        if certified.cert == self.shown.0.load().cert {
            return Ok(false);
        }
        self.shown.0.store(Arc::new(certified));
        Ok(true)
    }
}

fn certified(options: &TlsOptions, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsOptions { cert_file, key_file, .. } = options;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert_file).and_then(Iterator::collect);
    let chain = chain.map_err(|error| fault(cert_file, error))?;
    if chain.is_empty() {
        return Err(fault(cert_file, "there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| fault(key_file, error))?;
    // Refuses a key that is not the certificate's.
    CertifiedKey::from_der(chain, key, provider).map_err(|error| fault(key_file, error))
}

fn fault(file: &Path, error: impl ToString) -> TlsError {
    TlsError { file: file.to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests;
