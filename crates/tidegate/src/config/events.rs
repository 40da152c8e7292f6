//! `events:` of `tidegate.yaml`, with the keys of Cosmo's so that such a block pastes in.
//! Owns the shape of providers, and what they are to the room that connects; never connects to one.

mod kafka;
mod nats;
mod redis;

pub use kafka::{Kafka, KafkaAuthentication, KafkaTls, Scram, ScramMechanism};
pub use nats::{Nats, NatsAuthentication, NatsTls};
pub use redis::{Redis, RedisTls};

use super::value::{Period, Secret, Size, StartPosition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use upstream::OptionsError;

/// Where events come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// Brokers by family; the schema names them by `id` (`providerId`).
    pub providers: Providers,
    /// Start although a provider that the schema names is not configured; its fields then refuse clients.
    pub skip_unavailable_providers: bool,
    /// How long hooks may take, in Cosmo's keys.
    pub handlers: HookSteps,
}

/// Brokers by family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Providers {
    pub nats: Vec<Nats>,
    /// Embedded brokers of this process; each stands in for a provider of any family that is not configured
    /// under its id.
    pub memory: Vec<Memory>,
    pub kafka: Vec<Kafka>,
    pub redis: Vec<Redis>,
}

impl Providers {
    /// What no server could make right, of every provider, with its place in its family. Reads the files they name.
    pub(crate) fn faults(&self, limits: &engine::Limits) -> Vec<(usize, OptionsError)> {
        // No check asks which router this is.
        let nats = self.nats.iter().map(|nats| nats.options(limits, "").check()).enumerate();
        let kafka = self.kafka.iter().map(|kafka| kafka.options(limits).check()).enumerate();
        let redis = self.redis.iter().map(|redis| redis.options(limits).check()).enumerate();
        let outcomes = nats.chain(kafka).chain(redis);
        outcomes.filter_map(|(index, outcome)| Some((index, outcome.err()?))).collect()
    }

    /// Every file they name.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut String> {
        let nats = self.nats.iter_mut().flat_map(Nats::files);
        let kafka = self.kafka.iter_mut().flat_map(Kafka::files);
        nats.chain(kafka).chain(self.redis.iter_mut().flat_map(Redis::files))
    }
}

/// A user of a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    pub username: String,
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<String>,
}

impl User {
    fn file(&mut self) -> Option<&mut String> {
        self.password_file.as_mut()
    }

    /// Name and password, for whoever must present them.
    fn expose(&self) -> (String, String) {
        let password = self.password.as_ref().map(|secret| secret.expose().to_owned());
        (self.username.clone(), password.unwrap_or_default())
    }
}

/// Files for TLS, in the section of each family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TlsFiles {
    /// Roots to trust instead of the public ones, PEM.
    pub ca_file: Option<String>,
    /// Client certificate, PEM.
    pub cert_file: Option<String>,
    /// Key of the client certificate, PEM.
    pub key_file: Option<String>,
}

impl TlsFiles {
    pub(super) fn are_named(&self) -> bool {
        *self != TlsFiles::default()
    }

    fn files(&mut self) -> impl Iterator<Item = &mut String> {
        [self.ca_file.as_mut(), self.cert_file.as_mut(), self.key_file.as_mut()].into_iter().flatten()
    }

    fn options(&self) -> upstream::TlsFiles {
        let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
        let [ca_file, cert_file, key_file] = [&self.ca_file, &self.cert_file, &self.key_file].map(path);
        upstream::TlsFiles { ca_file, cert_file, key_file }
    }
}

/// Puts the bounds that are set in the place of a room's own.
fn set_bounds((messages, bytes): (&mut usize, &mut usize), set: (Option<usize>, Option<Size>)) {
    *messages = set.0.unwrap_or(*messages);
    *bytes = set.1.map_or(*bytes, |size| size.0);
}

/// An embedded broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub id: String,
    #[serde(default)]
    pub decode: Decode,
    /// Messages that may wait for one field's subscribers; beyond it publishers wait.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub source_messages_max: Option<usize>,
}

/// What a provider's messages are wrapped in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decode {
    /// Nothing: the payload is the event.
    #[default]
    Json,
    /// CloudEvents 1.0, structured or binary.
    CloudEvents,
    /// Change records of Debezium.
    Debezium,
}

/// Cosmo's `events.handlers`: how long hooks may take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HookSteps {
    /// `on_select`.
    pub on_receive_events: StepBounds,
    /// `on_receive`.
    pub before_events_dispatch: StepBounds,
}

/// The bounds of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepBounds {
    /// Accepted and without effect: a hook runs once for each view, and `limits.group_inflight_max` bounds it.
    pub max_concurrent_handlers: Option<usize>,
    /// Instead of `limits.hook_timeout`.
    pub handler_timeout: Option<Period>,
}

#[cfg(test)]
mod tests;
