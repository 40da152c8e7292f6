//! `events:` of `tidegate.yaml`, with the keys of Cosmo's so that such a block pastes in.
//! Owns the shape of providers; never connects to one.

use super::value::{Secret, Texts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where events come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// Brokers by family; the schema names them by `id` (`providerId`).
    pub providers: Providers,
    /// Start although a provider that the schema names is not configured; its fields then refuse clients.
    pub skip_unavailable_providers: bool,
}

/// Brokers by family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Providers {
    pub nats: Vec<Nats>,
    /// Embedded brokers of this process; each stands in for a provider of any family that is not configured
    /// under its id.
    pub memory: Vec<Memory>,
    /// Accepted as Cosmo writes them; this build has no Kafka yet and says so.
    pub kafka: Vec<Kafka>,
    /// Accepted as Cosmo writes them; this build has no Redis yet and says so.
    pub redis: Vec<Redis>,
}

/// A NATS server or cluster, with or without JetStream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    pub id: String,
    /// `nats://host:4222`; several addresses of one cluster separated by commas.
    pub url: String,
    #[serde(default)]
    pub authentication: Option<NatsAuthentication>,
    #[serde(default)]
    pub tls: Option<NatsTls>,
}

impl Nats {
    /// Every file it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = Option<&mut String>> {
        let signing = self.authentication.iter_mut().flat_map(|authentication| {
            let user = authentication.user.as_mut().and_then(|user| user.password_file.as_mut());
            let credentials = authentication.credentials_file.as_mut();
            [authentication.token_file.as_mut(), user, credentials, authentication.nkey_file.as_mut()]
        });
        let tls = self.tls.iter_mut();
        let tls = tls.flat_map(|tls| [tls.ca_file.as_mut(), tls.cert_file.as_mut(), tls.key_file.as_mut()]);
        signing.chain(tls)
    }
}

/// How to sign in to NATS: one of a token, a user, a `.creds` file and an nkey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatsAuthentication {
    pub token: Option<Secret>,
    /// A file that holds the token.
    pub token_file: Option<String>,
    #[serde(rename = "user_info")]
    pub user: Option<User>,
    /// The text of a `.creds` file; `credentials_file` names one.
    pub credentials: Option<Secret>,
    /// A `.creds` file, as `nsc` writes it.
    pub credentials_file: Option<String>,
    /// The seed of a user nkey, `SU…`.
    pub nkey: Option<Secret>,
    /// A file that holds the seed.
    pub nkey_file: Option<String>,
}

impl NatsAuthentication {
    /// How many ways to sign in are given; one is meant.
    pub(super) fn ways(&self) -> usize {
        let given =
            [self.token.is_some(), self.user.is_some(), self.credentials.is_some(), self.nkey.is_some()];
        given.into_iter().filter(|given| *given).count()
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

/// How to trust NATS, and how it may trust us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatsTls {
    /// Accept any certificate. Not in this build: it is refused rather than ignored.
    pub insecure_skip_ca_verification: bool,
    /// Roots to trust beside the system's, PEM.
    pub ca_file: Option<String>,
    /// Client certificate, PEM.
    pub cert_file: Option<String>,
    /// Key of the client certificate, PEM.
    pub key_file: Option<String>,
}

/// An embedded broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub id: String,
}

/// A Kafka cluster, in Cosmo's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kafka {
    pub id: String,
    #[serde(default)]
    pub brokers: Texts,
}

/// A Redis server or cluster, in Cosmo's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redis {
    pub id: String,
    #[serde(default)]
    pub urls: Texts,
    #[serde(default)]
    pub cluster_enabled: bool,
}
