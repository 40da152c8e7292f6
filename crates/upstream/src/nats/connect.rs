//! From `Options` to a client that connects in the background.
//! Owns the check of options and of files they name; never waits for a server.

use super::link::{Health, Link};
use super::{Authentication, Options, OptionsError, Tls};
use crate::metrics::ProviderMetrics;
use crate::reconnect;
use async_nats::{ConnectOptions, ServerAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What async-nats may queue per subscription before it drops. Our own bounds count exactly and hold first;
/// this one is met only when the pump gets no CPU for a million messages.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

pub(super) async fn connect(options: Options, metrics: Arc<ProviderMetrics>) -> Result<Link, OptionsError> {
    let provider = options.id.clone();
    let refuse = |problem: String| OptionsError { provider: provider.clone(), problem };
    let servers = servers(&options.urls).map_err(refuse)?;
    let names: Vec<String> =
        servers.iter().map(|s| format!("{}://{}:{}", s.scheme(), s.host(), s.port())).collect();
    let health = Arc::new(Health::new(&provider, names.join(", "), metrics));
    let client = configure(&options, &servers, &health).map_err(refuse)?;
    let client = client.connect(servers).await.map_err(|error| refuse(error.to_string()))?;
    Ok(Link::new(client, health))
}

fn servers(urls: &[String]) -> Result<Vec<ServerAddr>, String> {
    if urls.is_empty() {
        return Err("`url` is empty: name at least one server, as in `nats://localhost:4222`".into());
    }
    let servers = urls.iter().map(|url| {
        // The text of the URL stays out of the message: it may hold a password.
        let server: ServerAddr = url.parse().map_err(|_| "`url` is not a NATS address")?;
        match server.scheme() {
            "nats" | "tls" if !server.host().is_empty() => Ok(server),
            scheme => {
                Err(format!("`url` starts with `{scheme}://`: use `nats://host:port` or `tls://host:port`"))
            }
        }
    });
    servers.collect()
}

fn configure(
    options: &Options,
    servers: &[ServerAddr],
    health: &Arc<Health>,
) -> Result<ConnectOptions, String> {
    let observer = Arc::clone(health);
    let closed = health.closed();
    let mut connect = ConnectOptions::new()
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
        .reconnect_delay_callback(move |attempt| {
            // async-nats does not notice while it reconnects that nobody holds the client any more, and
            // would try for ever; parked here its task costs nothing.
            if closed.load(Ordering::Relaxed) {
                return Duration::MAX;
            }
            reconnect::delay(attempt, reconnect::random())
        });
    connect = match &options.authentication {
        Some(authentication) => authenticate(connect, authentication)?,
        None => authenticate_from_url(connect, servers)?,
    };
    match &options.tls {
        Some(tls) => secure(connect, tls),
        None => Ok(connect),
    }
}

fn authenticate(connect: ConnectOptions, authentication: &Authentication) -> Result<ConnectOptions, String> {
    match authentication {
        Authentication::Token(token) => Ok(connect.token(token.clone())),
        Authentication::UserPassword { user, password } => {
            Ok(connect.user_and_password(user.clone(), password.clone()))
        }
        Authentication::Credentials(text) => connect.credentials(text).map_err(|_| {
            "the credentials are not the text of a `.creds` file (a user JWT and a seed)".into()
        }),
        Authentication::Nkey(seed) if seed.starts_with("SU") => Ok(connect.nkey(seed.clone())),
        Authentication::Nkey(_) => Err("the nkey is not a user seed: it starts with `SU`".into()),
    }
}

/// `nats://user:password@host` and `nats://token@host`, as every NATS client reads them.
fn authenticate_from_url(connect: ConnectOptions, servers: &[ServerAddr]) -> Result<ConnectOptions, String> {
    let Some(server) = servers.iter().find(|server| server.has_user_pass()) else { return Ok(connect) };
    let decode = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(String::from).map_err(|_| "the credentials in `url` are not UTF-8".to_owned())
    };
    let user = decode(server.username().unwrap_or_default())?;
    match server.password() {
        Some(password) => Ok(connect.user_and_password(user, decode(password)?)),
        None => Ok(connect.token(user)),
    }
}

fn secure(mut connect: ConnectOptions, tls: &Tls) -> Result<ConnectOptions, String> {
    connect = connect.require_tls(true);
    if tls.handshake_first {
        connect = connect.tls_first();
    }
    if let Some(ca) = &tls.ca_file {
        check_readable("tls.ca_file", ca)?;
        connect = connect.add_root_certificates(ca.clone());
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            check_readable("tls.cert_file", cert)?;
            check_readable("tls.key_file", key)?;
            Ok(connect.add_client_certificate(cert.clone(), key.clone()))
        }
        (None, None) => Ok(connect),
        _ => Err("`tls.cert_file` and `tls.key_file` go together: set both or none".into()),
    }
}

/// The client reads the files at every connect and would report a wrong path as just another failed try.
fn check_readable(setting: &str, path: &Path) -> Result<(), String> {
    std::fs::File::open(path).map(drop).map_err(|error| format!("`{setting}` ({}): {error}", path.display()))
}
