//! Configuration → what serves clients: the options of downstream, tokens and pages included.
//! Owns the mapping of their settings; never answers a request.

use super::error::StartError;
use crate::config::{Algorithm, Config, Jwt};
use downstream::{AuthOptions, Authenticator, IssuerOptions, KeySource, Options, Page, Server, Timings, Tls};
use engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A key set longer than this is none; downstream refuses it at the same size.
const JWKS_BYTES_MAX: usize = 1 << 20;

/// Issuers answer in well under a second; whoever connects meanwhile waits for this.
const JWKS_TIMEOUT: Duration = Duration::from_secs(5);

/// Clocks of healthy machines differ by less; downstream allows a minute at most.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Starts serving on a bound listener.
pub(super) fn serve(
    listener: TcpListener,
    options: Options,
    engine: Arc<Engine>,
) -> Result<Server, StartError> {
    let started = listener.into_std().and_then(|listener| downstream::serve(listener, engine, options));
    started.map_err(|error| StartError::Setting(format!("`http`: the listener cannot be served: {error}")))
}

pub(super) fn options(config: &Config, pages: Vec<Page>) -> Result<Options, StartError> {
    let authenticator = match &config.jwt {
        Some(jwt) => {
            Authenticator::new(auth_options(jwt)?).map_err(|error| StartError::Setting(error.to_string()))?
        }
        None => Authenticator::anonymous(),
    };
    let allowed_origins = match config.cors.allow_any_origin {
        true => vec!["*".to_owned()],
        false => config.cors.origins.clone(),
    };
    let timings = Timings {
        connection_init: config.websocket.connection_init_timeout.0,
        ping: config.websocket.ping_interval.0,
        heartbeat: config.sse.heartbeat.0,
        multipart_heartbeat: config.multipart.heartbeat.0,
        reservation: config.sse.reservation_timeout.0,
        flush: config.subscriptions.flush_interval.0,
        ..Timings::default()
    };
    let http2 = config.http.http2.enabled;
    let tls = match &config.http.tls {
        Some(tls) => {
            let loaded = Tls::load(tls.options(), http2);
            Some(Arc::new(loaded.map_err(|error| StartError::Setting(format!("`http.tls`: {error}")))?))
        }
        None => None,
    };
    Ok(Options {
        path: config.http.path.clone(),
        authenticator: Arc::new(authenticator),
        pages,
        allowed_origins,
        timings,
        tls,
        http2,
        ..Options::default()
    })
}

fn auth_options(jwt: &Jwt) -> Result<AuthOptions, StartError> {
    let issuer = IssuerOptions {
        keys: key_source(jwt)?,
        algorithms: jwt
            .algorithms
            .iter()
            .map(|algorithm: &Algorithm| algorithm.as_str().to_owned())
            .collect(),
        issuers: jwt.issuer.0.clone(),
        audiences: jwt.audience.0.clone(),
        clock_skew: jwt.clock_skew.map_or(CLOCK_SKEW, |skew| skew.0),
    };
    Ok(AuthOptions {
        issuers: vec![issuer],
        header: jwt.header.name.to_ascii_lowercase(),
        prefix: jwt.header.prefix.clone(),
        required: jwt.required,
    })
}

fn key_source(jwt: &Jwt) -> Result<KeySource, StartError> {
    if let Some(secret) = &jwt.secret {
        return Ok(KeySource::Secret(secret.expose().as_bytes().to_vec()));
    }
    let jwks = jwt.jwks.as_ref();
    if let Some(file) = jwks.and_then(|jwks| jwks.file.as_ref()) {
        let text = std::fs::read_to_string(file);
        let unreadable =
            |error| StartError::Setting(format!("`jwt.jwks.file`: {file} cannot be read: {error}"));
        return text.map(KeySource::Jwks).map_err(unreadable);
    }
    let Some(url) = jwks.and_then(|jwks| jwks.url.clone()) else {
        // A configuration that was loaded has one; one that was built in code may not.
        let message = "`jwt` has nothing to verify tokens with: set `jwks.file`, `jwks.url` or `secret`";
        return Err(StartError::Setting(message.into()));
    };
    let fetch = Arc::new(|url: String| -> futures::future::BoxFuture<'static, Result<String, String>> {
        Box::pin(async move {
            let fetched = upstream::fetch_url(&url, JWKS_BYTES_MAX, JWKS_TIMEOUT).await;
            let bytes = fetched.map_err(|error| error.to_string())?;
            String::from_utf8(bytes.to_vec()).map_err(|_| "the key set is not text".to_owned())
        })
    });
    Ok(KeySource::Url { url, fetch })
}
