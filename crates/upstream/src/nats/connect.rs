//! From `Options` to a client that connects in the background.
//! Owns the check of options and of files they name; never waits for a server.

use super::link::Link;
use super::signals::Signals;
use super::{Authentication, Options, Tls, unverified};
use crate::metrics::ProviderMetrics;
use crate::options::{Fault, OptionsError};
use crate::{Start, reconnect, tls};
use async_nats::{ConnectOptions, ServerAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What async-nats may queue per subscription before it drops. Our own bounds count exactly and hold first;
/// this one is met only when the pump gets no CPU for a million messages.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

const FAMILY: &str = "nats";

impl Options {
    /// Whether these options can work at all, as far as that can be told without a server. Reads the files they name.
    pub fn check(&self) -> Result<(), OptionsError> {
        let judge = || identify(ConnectOptions::new(), self, &servers(self)?).map(drop);
        judge().map_err(|fault| fault.of(FAMILY, &self.id))
    }
}

pub(super) async fn connect(
    options: &Options,
    metrics: Arc<ProviderMetrics>,
) -> Result<Arc<Link>, OptionsError> {
    let provider = &options.id;
    let refuse = |fault: Fault| fault.of(FAMILY, provider);
    let servers = servers(options).map_err(refuse)?;
    let names: Vec<String> =
        servers.iter().map(|s| format!("{}://{}:{}", s.scheme(), s.host(), s.port())).collect();
    let signals = Arc::new(Signals::new(provider, names.join(", "), metrics));
    let client = identify(configure(options, &signals), options, &servers).map_err(refuse)?;
    if options.tls.as_ref().is_some_and(|tls| tls.skip_verification) {
        tracing::warn!(
            provider,
            setting = "tls.insecure_skip_ca_verification",
            "the server's certificate is not verified: who stands between can read and change every message"
        );
    }
    let client = client.connect(servers).await;
    let client = client.map_err(|error| refuse(Fault::new("url", error.to_string())))?;
    Ok(Link::new(client, signals))
}

fn servers(options: &Options) -> Result<Vec<ServerAddr>, Fault> {
    let refuse = |problem: String| Fault::new("url", problem);
    if options.urls.is_empty() {
        let problem = "`url` is empty: name at least one server, as in `nats://localhost:4222`";
        return Err(refuse(problem.into()));
    }
    let servers = options.urls.iter().map(|url| {
        // The text of the URL stays out of the message: it may hold a password.
        let not_one = || refuse("`url` is not a NATS address: write it as `nats://localhost:4222`".into());
        let server: ServerAddr = url.parse().map_err(|_| not_one())?;
        match server.scheme() {
            "nats" | "tls" if !server.host().is_empty() => Ok(server),
            "nats" | "tls" => Err(not_one()),
            scheme => Err(refuse(format!(
                "`url` starts with `{scheme}://`: use `nats://host:port` or `tls://host:port`"
            ))),
        }
    });
    servers.collect()
}

/// How the connection is kept, whoever it is to.
fn configure(options: &Options, signals: &Arc<Signals>) -> ConnectOptions {
    let observer = Arc::clone(signals);
    let asked = Arc::clone(signals);
    let closed = signals.closed();
    ConnectOptions::new()
        .name(format!("tidegate {}", options.id))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(options.connect_timeout)
        .ping_interval(options.ping_interval)
        .client_capacity(options.commands_max.max(1))
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .event_callback(move |event| {
            observer.observe(event);
            std::future::ready(())
        })
        // Asked which server comes next, it leaves the choice to the client, and learns why the last try failed.
        .reconnect_to_server_callback(move |servers, _| {
            asked.tried(&servers);
            std::future::ready(None)
        })
        .reconnect_delay_callback(move |attempt| {
            // async-nats does not notice while it reconnects that nobody holds the client any more, and
            // would try for ever; parked here its task costs nothing.
            if closed.load(Ordering::Relaxed) {
                return Duration::MAX;
            }
            reconnect::delay(attempt, reconnect::random())
        })
}

/// Who we are to the server, and who it must be to us.
fn identify(
    connect: ConnectOptions,
    options: &Options,
    servers: &[ServerAddr],
) -> Result<ConnectOptions, Fault> {
    if let Start::At(at) = options.start
        && u64::try_from(at).is_err()
    {
        let problem = format!("`start` is `{}`: a JetStream sequence is one whole number", options.start);
        return Err(Fault::new("start_position", problem));
    }
    let connect = match &options.authentication {
        Some(authentication) => authenticate(connect, authentication)?,
        None => authenticate_from_url(connect, servers)?,
    };
    match &options.tls {
        Some(tls) => secure(connect, tls),
        None => Ok(connect),
    }
}

fn authenticate(connect: ConnectOptions, authentication: &Authentication) -> Result<ConnectOptions, Fault> {
    let refuse = |problem: &str| Fault::new("authentication", problem);
    match authentication {
        Authentication::Token(token) => Ok(connect.token(token.clone())),
        Authentication::UserPassword { user, password } => {
            Ok(connect.user_and_password(user.clone(), password.clone()))
        }
        Authentication::Credentials(text) => connect.credentials(text).map_err(|_| {
            refuse("the credentials are not the text of a `.creds` file (a user JWT and a seed)")
        }),
        Authentication::Nkey(seed) if seed.starts_with("SU") => Ok(connect.nkey(seed.clone())),
        Authentication::Nkey(_) => Err(refuse("the nkey is not a user seed: it starts with `SU`")),
    }
}

/// `nats://user:password@host` and `nats://token@host`, as every NATS client reads them.
fn authenticate_from_url(connect: ConnectOptions, servers: &[ServerAddr]) -> Result<ConnectOptions, Fault> {
    let Some(server) = servers.iter().find(|server| server.has_user_pass()) else { return Ok(connect) };
    let decode = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(String::from).map_err(|_| Fault::new("url", "the credentials in `url` are not UTF-8"))
    };
    let user = decode(server.username().unwrap_or_default())?;
    match server.password() {
        Some(password) => Ok(connect.user_and_password(user, decode(password)?)),
        None => Ok(connect.token(user)),
    }
}

fn secure(mut connect: ConnectOptions, settings: &Tls) -> Result<ConnectOptions, Fault> {
    connect = connect.require_tls(true);
    if settings.handshake_first {
        connect = connect.tls_first();
    }
    let files = &settings.files;
    if settings.skip_verification {
        return Ok(connect.tls_client_config(unverified::client(files)?));
    }
    // The client reads the files at every connect, so that they can be renewed, and would report a wrong one as just
    // another failed try.
    tls::verified(files)?;
    if let Some(ca) = &files.ca_file {
        connect = connect.add_root_certificates(ca.clone());
    }
    Ok(match tls::client_pair(files)? {
        Some((cert, key)) => connect.add_client_certificate(cert.to_owned(), key.to_owned()),
        None => connect,
    })
}
