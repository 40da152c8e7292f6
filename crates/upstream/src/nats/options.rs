//! How to reach one NATS provider: addresses, identity, TLS and bounds.
//! Owns plain values with their defaults; checks nothing and reads no file.

use crate::{Start, TlsFiles};
use std::time::Duration;

/// How to reach one NATS provider, and its bounds.
pub struct Options {
    /// The provider's id, for logs and metrics.
    pub id: String,
    /// `nats://host:port` or `tls://host:port`; one that answers is enough.
    pub urls: Vec<String>,
    pub authentication: Option<Authentication>,
    pub tls: Option<Tls>,
    /// `broker_timeout` of the limits: a publish or subscribe that the server has not confirmed by then
    /// fails.
    pub timeout: Duration,
    /// One attempt to connect.
    pub connect_timeout: Duration,
    /// A server that leaves two of these unanswered is given up and another one is tried.
    pub ping_interval: Duration,
    /// Commands waiting for the connection's task.
    pub commands_max: usize,
    /// Messages one source may have waiting; more are dropped, counted and told. Core NATS cannot be asked
    /// to wait.
    pub source_messages_max: usize,
    /// Bytes one source may have waiting.
    pub source_bytes_max: usize,
    /// How long a request waits for its answer; without it `timeout`.
    pub request_timeout: Option<Duration>,
    /// Names this router among those that read one stream: a durable consumer is found again by it. Two
    /// routers with one name take each other's messages.
    pub instance: String,
    /// Where a JetStream source begins that finds no durable consumer.
    pub start: Start,
    /// `close` deletes the durable consumers that sources of this broker had.
    pub delete_durables_on_close: bool,
    /// How often an idle JetStream source hears from the server; when two of these pass in silence it asks
    /// anew.
    pub idle_heartbeat: Duration,
}

impl Options {
    pub fn new(id: impl Into<String>, urls: Vec<String>) -> Options {
        Options {
            id: id.into(),
            urls,
            authentication: None,
            tls: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(10),
            commands_max: 2_048,
            source_messages_max: 65_536,
            source_bytes_max: 64 << 20,
            request_timeout: None,
            instance: String::new(),
            start: Start::Latest,
            delete_durables_on_close: false,
            // 100 idle sources cost the server 7 messages a second; a leader that went away without a word
            // is missed after half a minute.
            idle_heartbeat: Duration::from_secs(15),
        }
    }
}

/// Who we are to the server. The texts are secrets: they are never logged.
pub enum Authentication {
    Token(String),
    UserPassword {
        user: String,
        password: String,
    },
    /// The text of a `.creds` file.
    Credentials(String),
    /// The seed of a user nkey, `SU…`.
    Nkey(String),
}

/// TLS to the server. Also used without these options when a URL says `tls://` or the server demands it.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Without `ca_file` the platform's certificates are trusted.
    pub files: TlsFiles,
    /// Any certificate will do: whoever stands between us and the server can read and change everything.
    pub skip_verification: bool,
    /// The server speaks TLS from the first byte (`handshake_first` of its configuration).
    pub handshake_first: bool,
}
