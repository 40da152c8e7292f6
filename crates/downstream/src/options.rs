//! What a server is told: plain values, already read from wherever they were configured.
//! Owns the defaults; never reads a file or the environment.

use crate::auth::Authenticator;
use crate::tls::Tls;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Everything `serve` needs beside the engine, whose `limits` hold here too.
pub struct Options {
    /// Where GraphQL is served, by every protocol.
    pub path: String,
    /// Owner loops; about one per core, at most 64.
    pub shards: usize,
    pub authenticator: Arc<Authenticator>,
    /// Static pages, by exact path.
    pub pages: Vec<Page>,
    /// Origins of web pages that may connect beside our own host; `*` = all (then without credentials).
    pub allowed_origins: Vec<String>,
    pub timings: Timings,
    /// The listener speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// HTTP/2 is spoken too: over TLS where the client asks for it, else with clients that begin with it.
    pub http2: bool,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Timings {
    /// A WebSocket that sent no `connection_init` by then is closed with 4408.
    pub connection_init: Duration,
    /// How often a WebSocket or an HTTP/2 connection is pinged; with two pings unanswered it is dead.
    pub ping: Duration,
    /// A silent event stream gets a comment after this. 8 s: Bun ends idle streams after 10.
    pub heartbeat: Duration,
    /// The same for a multipart body.
    pub multipart_heartbeat: Duration,
    /// A reserved event stream that nobody has opened by then is forgotten.
    pub reservation: Duration,
    /// How long payloads may wait for others of the same connection, to share one write. Zero sends each at once.
    pub flush: Duration,
    /// A request head or body that is not there by then ends its connection.
    pub request: Duration,
    /// How long a client may leave bytes unacknowledged, or its window shut, before its connection is lost
    /// (TCP_USER_TIMEOUT, to the kernel's retransmissions): the bound on peers that vanished without a word
    /// and on answers nobody reads. Heartbeats and pings see to it that something is always sent.
    pub unacknowledged: Duration,
    /// How long a closing connection may take to be read out and to answer.
    pub close: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            connection_init: Duration::from_secs(10),
            ping: Duration::from_secs(10),
            heartbeat: Duration::from_secs(8),
            multipart_heartbeat: Duration::from_secs(8),
            reservation: Duration::from_secs(30),
            flush: Duration::ZERO,
            request: Duration::from_secs(10),
            unacknowledged: Duration::from_secs(60),
            close: Duration::from_secs(5),
        }
    }
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Streams are ended evenly over this while, so that their clients do not all come back at once.
    pub spread: Duration,
    /// What is left by then is cut off.
    pub within: Duration,
    /// Event streams end with `complete`, which graphql-sse takes as final; without it, it connects again by itself.
    pub completes_event_streams: bool,
}

impl Default for Drain {
    fn default() -> Self {
        Drain {
            spread: Duration::from_secs(10),
            within: Duration::from_secs(30),
            completes_event_streams: true,
        }
    }
}

/// A static page.
#[derive(Debug, Clone)]
pub struct Page {
    pub path: String,
    pub content_type: String,
    pub bytes: Bytes,
    /// How `bytes` are stored, as `gzip`; sent as it is.
    pub content_encoding: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            path: "/graphql".into(),
            shards: std::thread::available_parallelism().map_or(1, usize::from),
            authenticator: Arc::new(Authenticator::anonymous()),
            pages: Vec::new(),
            allowed_origins: Vec::new(),
            timings: Timings::default(),
            tls: None,
            http2: true,
        }
    }
}
