//! From `Options` to open connections: whom to ask, who we are to them, and TLS.
//! Owns the check of options and of the files they name, and keeps passwords out of every text; never tries twice.

use super::url::{Node, Url};
use super::{Authentication, Options};
use crate::options::{Fault, OptionsError};
use crate::tls::{TlsFiles, client_pair, read};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
};
use std::time::Duration;

/// One attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection is asked for a sign of life so often…
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
/// … and given up without one for so long. A server is deaf for seconds while it runs a slow script.
pub(super) const PING_PATIENCE: Duration = Duration::from_secs(10);

/// One server, and who we are to it.
#[derive(Clone)]
struct Place {
    node: Node,
    login: RedisConnectionInfo,
}

/// The servers of one provider.
pub(super) struct Dial {
    places: Vec<Place>,
    is_tls: bool,
    certificates: TlsCertificates,
    pub(super) is_cluster: bool,
    passwords: Vec<String>,
}

impl Options {
    /// Whether these options can work at all, as far as that can be told without a server. Reads the files they name.
    pub fn check(&self) -> Result<(), OptionsError> {
        Dial::new(self).map(drop)
    }
}

impl Dial {
    pub(super) fn new(options: &Options) -> Result<Dial, OptionsError> {
        let refuse = |fault: Fault| fault.of("redis", &options.id);
        let dial = Dial::read(options).map_err(refuse)?;
        for place in &dial.places {
            // Reads the certificates as every later attempt will.
            let client = dial.client(&place.node);
            client.map_err(|error| refuse(Fault::new("tls", format!("`tls`: {}", dial.text(&error)))))?;
        }
        Ok(dial)
    }

    fn read(options: &Options) -> Result<Dial, Fault> {
        let refuse = |problem: &str| Fault::new("urls", problem);
        let Options { urls, cluster, authentication, tls, .. } = options;
        if urls.is_empty() {
            return Err(refuse("`urls` is empty: name at least one server, as in `redis://localhost:6379`"));
        }
        let urls = urls.iter().map(|url| Url::parse(url)).collect::<Result<Vec<_>, _>>();
        let mut urls = urls.map_err(|problem| Fault::new("urls", problem))?;
        if let Some(Authentication { username, password }) = authentication {
            for url in &mut urls {
                (url.username, url.password) = (username.clone(), Some(password.clone()));
            }
        }
        if *cluster && urls.iter().any(|url| url.database != 0) {
            return Err(refuse("`urls` names a database, and a cluster has none but 0"));
        }
        // Files for TLS say that TLS is meant, whatever the scheme.
        let is_tls = tls.is_some() || urls.iter().any(|url| url.is_tls);
        if tls.is_none() && urls.iter().any(|url| !url.is_tls) && is_tls {
            return Err(refuse("`urls` mixes `redis://` and `rediss://`: use one of them for all"));
        }
        let mut passwords: Vec<String> = urls.iter().filter_map(|url| url.password.clone()).collect();
        passwords.retain(|password| !password.is_empty());
        let certificates = certificates(tls.as_ref().unwrap_or(&TlsFiles::default()))?;
        let places = urls.into_iter().map(place).collect();
        Ok(Dial { places, is_tls, certificates, is_cluster: *cluster, passwords })
    }

    /// Addresses without credentials, for the operator.
    pub(super) fn servers(&self) -> String {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        let servers = self.places.iter().map(|place| format!("{scheme}://{}", place.node));
        servers.collect::<Vec<_>>().join(", ")
    }

    /// The configured node of the n-th attempt: one after the other, for ever.
    pub(super) fn node(&self, attempt: usize) -> Node {
        self.places[attempt % self.places.len()].node.clone()
    }

    /// A connection for commands.
    pub(super) async fn commands(&self, node: &Node) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // Every caller has a deadline of its own.
            .set_response_timeout(None);
        let mut connection = self.client(node)?.get_multiplexed_async_connection_with_config(&config).await?;
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, ping.query_async::<redis::Value>(&mut connection));
        alive(answer.await.map_err(|_| silent())?)?;
        Ok(connection)
    }

    /// A connection for subscriptions.
    pub(super) async fn subscriptions(&self, node: &Node) -> RedisResult<PubSub> {
        let client = self.client(node)?;
        let connect = async {
            let mut connection = client.get_async_pubsub().await?;
            alive(connection.ping().await)?;
            Ok(connection)
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(|_| silent())?
    }

    /// A node that was not configured is one that a cluster named: it is spoken to as its first node is.
    fn client(&self, node: &Node) -> RedisResult<Client> {
        let place = self.places.iter().find(|place| place.node == *node).unwrap_or(&self.places[0]);
        let Node { host, port } = node.clone();
        let address = match self.is_tls {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        };
        let settings = TcpSettings::default().set_nodelay(true);
        let target = address
            .into_connection_info()?
            .set_redis_settings(place.login.clone())
            .set_tcp_settings(settings);
        if self.is_tls {
            Client::build_with_tls(target, self.certificates.clone())
        } else {
            Client::open(target)
        }
    }

    /// What an error says, for the operator: a server may repeat what it was sent, so passwords are taken out.
    pub(super) fn text(&self, error: &RedisError) -> String {
        let text = match error.kind() {
            ErrorKind::AuthenticationFailed => "authentication failed: wrong user or password".into(),
            // A closed connection is an I/O error without words of its own.
            ErrorKind::Io if error.is_connection_dropped() && !error.is_connection_refusal() => {
                "the connection was lost".into()
            }
            ErrorKind::Server(_) | ErrorKind::Extension => match (error.code(), error.detail()) {
                (Some(code), Some(detail)) => format!("{code} {detail}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => error.to_string(),
            },
            _ => error.to_string(),
        };
        self.passwords.iter().fold(text, |text, password| text.replace(password.as_str(), "***"))
    }
}

/// An account that may not PING has still been answered; one that has to log in first can do nothing at all.
pub(super) fn alive(answer: RedisResult<redis::Value>) -> RedisResult<()> {
    match answer.and_then(redis::Value::extract_error) {
        Err(error) if error.code() == Some("NOPERM") => Ok(()),
        answer => answer.map(drop),
    }
}

/// The error of a server that says nothing.
pub(super) fn silent() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer").into()
}

fn place(url: Url) -> Place {
    // The older protocol: every version and every proxy speaks it, and nothing here needs the newer one.
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_lib_name("tidegate", env!("CARGO_PKG_VERSION"))
        .set_db(url.database);
    if !url.username.is_empty() {
        login = login.set_username(&url.username);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password);
    }
    Place { node: url.node, login }
}

fn certificates(files: &TlsFiles) -> Result<TlsCertificates, Fault> {
    let root_cert = files.ca_file.as_ref().map(|path| pem("tls.ca_file", path)).transpose()?;
    let client_tls = match client_pair(files)? {
        None => None,
        Some((cert, key)) => Some(ClientTlsConfig {
            client_cert: pem("tls.cert_file", cert)?,
            client_key: pem("tls.key_file", key)?,
        }),
    };
    Ok(TlsCertificates { client_tls, root_cert })
}

/// A file without any PEM block would be read as one that holds nothing, and fail at each handshake.
fn pem(setting: &'static str, path: &std::path::Path) -> Result<Vec<u8>, Fault> {
    let text = read(setting, path)?;
    match text.windows(10).any(|window| window == b"-----BEGIN") {
        true => Ok(text),
        false => Err(Fault::new(setting, format!("`{setting}` ({}): this is not PEM", path.display()))),
    }
}
