//! The sections of `tidegate.yaml` that are about clients: the listener, the protocols, the end.
//! Owns their shape and defaults; never acts on them.

use super::value::Period;
use downstream::{Timings, TlsOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The listener for GraphQL clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Loopback by default; a container sets `0.0.0.0`.
    pub host: String,
    /// 0 picks a free one.
    pub port: u16,
    /// One path for every protocol.
    pub path: String,
    /// The listener speaks TLS; without it a proxy may.
    pub tls: Option<HttpTls>,
    pub http2: Http2,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            host: "127.0.0.1".into(),
            port: 4000,
            path: "/graphql".into(),
            tls: None,
            http2: Http2::default(),
        }
    }
}

/// The certificate of the listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpTls {
    /// The chain, PEM, the server's own certificate first.
    pub cert_file: String,
    /// Its key, PEM.
    pub key_file: String,
    /// How often both are looked at; new connections are shown what is there then. One that cannot be used leaves the
    /// present one in place.
    #[serde(default = "reload_interval")]
    pub reload_interval: Period,
}

fn reload_interval() -> Period {
    Period::seconds(10)
}

impl HttpTls {
    pub(crate) fn options(&self) -> TlsOptions {
        TlsOptions {
            cert_file: PathBuf::from(&self.cert_file),
            key_file: PathBuf::from(&self.key_file),
            reload_interval: self.reload_interval.0,
        }
    }
}

/// HTTP/2, over TLS where the client asks for it, else with clients that begin with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http2 {
    /// `limits.http2_streams_max` bounds the streams of one connection.
    pub enabled: bool,
}

impl Default for Http2 {
    fn default() -> Self {
        Http2 { enabled: true }
    }
}

/// The sub-protocols `graphql-transport-ws` and `graphql-ws`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Websocket {
    /// Must be true in this build.
    pub enabled: bool,
    /// Must be `http.path` in this build: one path serves every protocol.
    pub path: Option<String>,
    /// A client that has not sent `connection_init` by then is closed with 4408.
    pub connection_init_timeout: Period,
    /// How often a client is pinged, under `graphql-ws` with a `ka` message too. One that leaves two pings unanswered
    /// is closed. HTTP/2 connections are pinged as often.
    pub ping_interval: Period,
}

impl Default for Websocket {
    fn default() -> Self {
        Websocket {
            enabled: true,
            path: None,
            connection_init_timeout: Period(Timings::default().connection_init),
            ping_interval: Period(Timings::default().ping),
        }
    }
}

/// Server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sse {
    /// A comment line this often keeps proxies from closing a quiet stream.
    pub heartbeat: Period,
    /// A stream that was reserved, and that its client has not opened by then, is forgotten.
    pub reservation_timeout: Period,
}

impl Default for Sse {
    fn default() -> Self {
        let Timings { heartbeat, reservation, .. } = Timings::default();
        Sse { heartbeat: Period(heartbeat), reservation_timeout: Period(reservation) }
    }
}

/// Multipart bodies, in Apollo's form and in that of incremental delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Multipart {
    /// An empty part, or white space, this often keeps proxies from closing a quiet stream.
    pub heartbeat: Period,
}

impl Default for Multipart {
    fn default() -> Self {
        Multipart { heartbeat: Period(Timings::default().multipart_heartbeat) }
    }
}

/// What SIGTERM starts: `/health/ready` says 503 at once, and then these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Connections are still accepted for this long: a load balancer may not have asked yet.
    pub delay: Period,
    /// Streams are ended evenly over this while, so that their clients do not all come back at once.
    pub spread: Period,
    /// Clients that have not left by then, counted from the end of `delay`, are cut off.
    pub timeout: Period,
    pub event_streams: EventStreamEnd,
}

impl Default for Shutdown {
    fn default() -> Self {
        let drain = downstream::Drain::default();
        Shutdown {
            delay: Period::seconds(0),
            spread: Period(drain.spread),
            timeout: Period(drain.within),
            event_streams: EventStreamEnd::default(),
        }
    }
}

impl Shutdown {
    pub(crate) fn drain(&self) -> downstream::Drain {
        downstream::Drain {
            spread: self.spread.0,
            within: self.timeout.0,
            completes_event_streams: self.event_streams == EventStreamEnd::Complete,
        }
    }
}

/// How an event stream ends when the router stops, behind an error with the code `SUBSCRIPTION_SERVER_DRAIN`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventStreamEnd {
    /// With `complete`: the subscription is over, and the client subscribes again where it reads the code.
    #[default]
    Complete,
    /// Without: graphql-sse and `EventSource` connect again by themselves.
    Reconnect,
}
