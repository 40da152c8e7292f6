//! `events.providers.nats`: Cosmo's keys, and what they lack.
//! Owns the shape; never connects.

use super::super::value::{Period, Secret, Size};
use super::{Decode, StartPosition, TlsFiles, User, set_bounds};
use engine::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upstream::nats;

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
    /// Deletes the durable JetStream consumers of this router when it stops.
    #[serde(default)]
    pub experiment_delete_durable_consumers_on_shutdown: bool,
    /// A request that nobody has answered by then fails; without it `limits.broker_timeout` is the bound.
    #[serde(default)]
    pub request_timeout: Option<Period>,
    /// Where a JetStream subscription begins: `latest`, `earliest` or a stream sequence.
    #[serde(default)]
    pub start_position: StartPosition,
    #[serde(default)]
    pub decode: Decode,
    /// Messages that may wait for one field's subscribers. Core NATS cannot be asked to wait: more are dropped, counted
    /// and told.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub source_messages_max: Option<usize>,
    /// Bytes of messages that may wait.
    #[serde(default)]
    pub source_bytes_max: Option<Size>,
}

impl Nats {
    /// Every file it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut String> {
        let signing = self.authentication.iter_mut().flat_map(|authentication| {
            let user = authentication.user.as_mut().and_then(User::file);
            let credentials = authentication.credentials_file.as_mut();
            [authentication.token_file.as_mut(), user, credentials, authentication.nkey_file.as_mut()]
        });
        signing.flatten().chain(self.tls.iter_mut().flat_map(|tls| tls.files.files()))
    }

    /// The same for the room that connects. `instance` names this router among those that read one stream.
    pub(crate) fn options(&self, limits: &Limits, instance: &str) -> nats::Options {
        let urls = self.url.split(',').map(|url| url.trim().to_owned()).collect();
        let mut options = nats::Options::new(&self.id, urls);
        options.timeout = limits.broker_timeout;
        options.request_timeout = self.request_timeout.map(|timeout| timeout.0);
        options.instance = instance.to_owned();
        options.start = self.start_position.0;
        options.delete_durables_on_close = self.experiment_delete_durable_consumers_on_shutdown;
        options.authentication = self.authentication.as_ref().and_then(NatsAuthentication::options);
        options.tls = self.tls.as_ref().map(|tls| nats::Tls {
            files: tls.files.options(),
            skip_verification: tls.insecure_skip_ca_verification,
            ..nats::Tls::default()
        });
        let bounds = (&mut options.source_messages_max, &mut options.source_bytes_max);
        set_bounds(bounds, (self.source_messages_max, self.source_bytes_max));
        options
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
    pub(in super::super) fn ways(&self) -> usize {
        let given =
            [self.token.is_some(), self.user.is_some(), self.credentials.is_some(), self.nkey.is_some()];
        given.into_iter().filter(|given| *given).count()
    }

    fn options(&self) -> Option<nats::Authentication> {
        let expose = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let user = self.user.as_ref().map(|user| {
            let (user, password) = user.expose();
            nats::Authentication::UserPassword { user, password }
        });
        user.or_else(|| expose(&self.token).map(nats::Authentication::Token))
            .or_else(|| expose(&self.credentials).map(nats::Authentication::Credentials))
            .or_else(|| expose(&self.nkey).map(nats::Authentication::Nkey))
    }
}

/// How to trust NATS, and how it may trust us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatsTls {
    /// Accept any certificate: whoever stands between can read and change every message. The start warns of it.
    pub insecure_skip_ca_verification: bool,
    #[serde(flatten)]
    pub files: TlsFiles,
}
