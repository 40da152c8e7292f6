//! `events.providers.kafka`: Cosmo's keys, and what they lack.
//! Owns the shape; never connects.

use super::super::value::{Period, Size, Texts, addresses};
use super::{Decode, StartPosition, TlsFiles, User, set_bounds};
use engine::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upstream::kafka;

/// A Kafka cluster. Every router reads all partitions; there is no consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub id: String,
    /// `host:9092`; one that answers is enough.
    #[serde(deserialize_with = "addresses")]
    pub brokers: Texts,
    #[serde(default)]
    pub authentication: Option<KafkaAuthentication>,
    #[serde(default)]
    pub tls: Option<KafkaTls>,
    /// How long a broker may hold an answer while there is nothing to read.
    #[serde(default)]
    pub fetch_max_wait: Option<Period>,
    /// Where a subscription begins: `latest`, `earliest` or an offset.
    #[serde(default)]
    pub start_position: StartPosition,
    #[serde(default)]
    pub decode: Decode,
    /// Messages that may wait for one field's subscribers; beyond it the topic is not read on.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub source_messages_max: Option<usize>,
    /// Bytes of messages that may wait.
    #[serde(default)]
    pub source_bytes_max: Option<Size>,
}

/// How to sign in to Kafka: one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaAuthentication {
    pub sasl_plain: Option<User>,
    pub sasl_scram: Option<Scram>,
}

impl KafkaAuthentication {
    fn options(&self) -> Option<kafka::Authentication> {
        if let Some(user) = &self.sasl_plain {
            let (user, password) = user.expose();
            return Some(kafka::Authentication::Plain { user, password });
        }
        let scram = self.sasl_scram.as_ref()?;
        let (user, password) = scram.user.expose();
        Some(match scram.mechanism {
            ScramMechanism::Sha256 => kafka::Authentication::ScramSha256 { user, password },
            ScramMechanism::Sha512 => kafka::Authentication::ScramSha512 { user, password },
        })
    }
}

/// SASL/SCRAM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scram {
    #[serde(flatten)]
    pub user: User,
    pub mechanism: ScramMechanism,
}

/// The hash that SCRAM uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScramMechanism {
    #[default]
    #[serde(rename = "SCRAM-SHA-256")]
    Sha256,
    #[serde(rename = "SCRAM-SHA-512")]
    Sha512,
}

/// TLS to Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaTls {
    pub enabled: bool,
    #[serde(flatten)]
    pub files: TlsFiles,
}

impl Kafka {
    /// Every file it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut String> {
        let signing = self.authentication.iter_mut().flat_map(|authentication| {
            let scram = authentication.sasl_scram.as_mut().map(|scram| &mut scram.user);
            [authentication.sasl_plain.as_mut(), scram].into_iter().flatten().filter_map(User::file)
        });
        signing.chain(self.tls.iter_mut().flat_map(|tls| tls.files.files()))
    }

    /// The same for the room that connects.
    pub(crate) fn options(&self, limits: &Limits) -> kafka::Options {
        let mut options = kafka::Options::new(&self.id, self.brokers.0.clone());
        options.timeout = limits.broker_timeout;
        options.start = self.start_position.0;
        options.fetch_max_wait = self.fetch_max_wait.map_or(options.fetch_max_wait, |wait| wait.0);
        options.authentication = self.authentication.as_ref().and_then(KafkaAuthentication::options);
        let tls = self.tls.as_ref().filter(|tls| tls.enabled);
        options.tls = tls.map(|tls| tls.files.options());
        let bounds = (&mut options.source_messages_max, &mut options.source_bytes_max);
        set_bounds(bounds, (self.source_messages_max, self.source_bytes_max));
        options
    }
}
