//! `events.providers.redis`: Cosmo's keys, and what they lack.
//! Owns the shape; never connects.

use super::super::value::{Size, Texts, addresses};
use super::{Decode, StartPosition, TlsFiles, User, set_bounds};
use engine::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upstream::redis;

/// A Redis (or Valkey) server or cluster, for Pub/Sub and Streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub id: String,
    /// `redis://user:password@host:6379/0`, or `rediss://` for TLS; several nodes of one cluster.
    #[serde(deserialize_with = "addresses")]
    pub urls: Texts,
    #[serde(default)]
    pub cluster_enabled: bool,
    /// Instead of credentials in the URLs. An empty username is the server's default user.
    #[serde(default)]
    pub authentication: Option<User>,
    #[serde(default)]
    pub tls: Option<RedisTls>,
    /// Where a subscription to a Redis Stream begins: `latest`, `earliest` or an entry id.
    #[serde(default)]
    pub start_position: StartPosition,
    #[serde(default)]
    pub decode: Decode,
    /// Messages that may wait for one field's subscribers. Pub/Sub cannot be asked to wait: more are dropped, counted
    /// and told; a Redis Stream is not read on.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub source_messages_max: Option<usize>,
    /// Bytes of messages that may wait.
    #[serde(default)]
    pub source_bytes_max: Option<Size>,
}

/// TLS to Redis, for `rediss://`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisTls {
    #[serde(flatten)]
    pub files: TlsFiles,
}

impl Redis {
    /// Every file it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut String> {
        let signing = self.authentication.iter_mut().filter_map(User::file);
        signing.chain(self.tls.iter_mut().flat_map(|tls| tls.files.files()))
    }

    /// The same for the room that connects.
    pub(crate) fn options(&self, limits: &Limits) -> redis::Options {
        let mut options = redis::Options::new(&self.id, self.urls.0.clone());
        options.cluster = self.cluster_enabled;
        options.timeout = limits.broker_timeout;
        options.start = self.start_position.0;
        options.authentication = self.authentication.as_ref().map(|user| {
            let (username, password) = user.expose();
            redis::Authentication { username, password }
        });
        options.tls = self.tls.as_ref().map(|tls| tls.files.options());
        let bounds = (&mut options.source_messages_max, &mut options.source_bytes_max);
        set_bounds(bounds, (self.source_messages_max, self.source_bytes_max));
        options
    }
}
