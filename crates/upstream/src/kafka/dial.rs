//! From `Options` to what a client is made from.
//! Owns the check of options and of files they name; never connects.

use super::{Authentication, Options};
use crate::options::{Fault, OptionsError};
use crate::tls;
use rskafka::BackoffConfig;
use rskafka::client::{ClientBuilder, Credentials, SaslConfig};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// Where a broker listens unless it is told otherwise.
const PORT: u16 = 9_092;

impl Options {
    /// Whether these options can work at all, as far as that can be told without a broker. Reads the files they name.
    pub fn check(&self) -> Result<(), OptionsError> {
        Dial::new(self).map(drop)
    }
}

/// How to make a client: again and again, since a client keeps the addresses that it has learnt.
pub(super) struct Dial {
    provider: String,
    brokers: Vec<String>,
    sasl: Option<SaslConfig>,
    tls: Option<Arc<ClientConfig>>,
}

impl Dial {
    /// Fails on options that no broker could make right.
    pub(super) fn new(options: &Options) -> Result<Dial, OptionsError> {
        Dial::read(options).map_err(|fault| fault.of("kafka", &options.id))
    }

    fn read(options: &Options) -> Result<Dial, Fault> {
        if options.brokers.is_empty() {
            let problem = "`brokers` is empty: name at least one, as in `localhost:9092`";
            return Err(Fault::new("brokers", problem));
        }
        let is_tls = options.tls.is_some();
        let addresses = options.brokers.iter().enumerate();
        let brokers = addresses.map(|(at, text)| address(at, text.trim(), is_tls));
        let brokers = brokers.collect::<Result<_, _>>().map_err(|problem| Fault::new("brokers", problem))?;
        let credentials = |user: &str, password: &str| Credentials::new(user.to_owned(), password.to_owned());
        let sasl = options.authentication.as_ref().map(|authentication| match authentication {
            Authentication::Plain { user, password } => SaslConfig::Plain(credentials(user, password)),
            Authentication::ScramSha256 { user, password } => {
                SaslConfig::ScramSha256(credentials(user, password))
            }
            Authentication::ScramSha512 { user, password } => {
                SaslConfig::ScramSha512(credentials(user, password))
            }
        });
        let tls = options.tls.as_ref().map(tls::verified).transpose()?.map(Arc::new);
        Ok(Dial { provider: options.id.clone(), brokers, sasl, tls })
    }

    /// The addresses, which hold no secret.
    pub(super) fn servers(&self) -> String {
        self.brokers.join(", ")
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        // Deadline zero: no call is tried again inside the client, where nobody would see it, and where a record that
        // may have arrived would be sent twice.
        let backoff = BackoffConfig { deadline: Some(Duration::ZERO), ..BackoffConfig::default() };
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id(format!("tidegate {}", self.provider))
            .backoff_config(backoff);
        if let Some(sasl) = &self.sasl {
            builder = builder.sasl_config(sasl.clone());
        }
        match &self.tls {
            Some(tls) => builder.tls_config(Arc::clone(tls)),
            None => builder,
        }
    }
}

/// `host:port`, checked. The text stays out of the message: it may hold a password.
fn address(at: usize, text: &str, is_tls: bool) -> Result<String, String> {
    let refuse = || format!("`brokers[{at}]` is not `host:port`, as in `localhost:9092`");
    if text.contains("://") {
        return Err(format!("{}: leave out what stands before the host", refuse()));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // rskafka takes what stands before the first colon for the name to verify.
        Some(_) if is_tls => {
            return Err(format!("`brokers[{at}]` is an IPv6 address: with TLS, write the broker's name"));
        }
        Some((host, "")) => (format!("[{host}]"), None),
        Some((host, rest)) => (format!("[{host}]"), Some(rest.strip_prefix(':').ok_or_else(refuse)?)),
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let port = port.map_or(Ok(PORT), |port| port.parse::<u16>().map_err(|_| refuse()))?;
    let is_name = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "._-[]:".contains(c));
    if is_name && port > 0 { Ok(format!("{host}:{port}")) } else { Err(refuse()) }
}
