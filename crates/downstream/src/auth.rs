//! Who is calling: finds the token, verifies it against the configured issuers, hands on the claims.
//! Owns refusal: a token that is there and bad is always refused, and missing keys are never a pass
//! (invariant 9).
//! Never logs a token, a claim or a `connection_init` payload.

use crate::jwks::{KeySet, KeySource, Keys};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use std::time::Duration;

/// A longer token is refused unread. 16 KiB: twice what common proxies allow for one header.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Clocks may differ by at most this much, whatever the configuration says.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);

/// How callers are authenticated.
#[derive(Clone)]
pub struct AuthOptions {
    /// Tried in order; the first that verifies the token wins.
    pub issuers: Vec<IssuerOptions>,
    /// The header that carries the token, in lower case.
    pub header: String,
    /// What stands before the token in it, as `Bearer`; compared without case.
    pub prefix: String,
    /// Refuse callers without a token. Otherwise they are anonymous.
    pub required: bool,
}

impl Default for AuthOptions {
    fn default() -> Self {
        let (header, prefix) = ("authorization".into(), "Bearer".into());
        AuthOptions { issuers: Vec::new(), header, prefix, required: false }
    }
}

/// One issuer of tokens.
#[derive(Clone)]
pub struct IssuerOptions {
    pub keys: KeySource,
    /// Empty = every algorithm that fits the kind of key.
    pub algorithms: Vec<String>,
    /// `iss` must be one of these; empty = any.
    pub issuers: Vec<String>,
    /// `aud` must name one of these; empty = any.
    pub audiences: Vec<String>,
    /// Tolerance for `exp` and `nbf`; more than 60 s is cut to that.
    pub clock_skew: Duration,
}

/// Why an authentication configuration cannot work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthConfigError {
    #[error(
        "jwt: unknown algorithm `{0}`; use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA \
         or, with a secret, HS256, HS384, HS512"
    )]
    UnknownAlgorithm(String),
    #[error("jwt: algorithm `{0}` does not fit the keys: HS* needs `secret`, all others need `jwks`")]
    AlgorithmMismatch(String),
    #[error("jwt: the keys of an issuer cannot be used: {0}")]
    BadKeys(String),
    #[error(
        "jwt: `required` is set but no issuer is configured, so nobody could ever connect; \
         add one under `issuers`"
    )]
    NoIssuer,
}

/// Why a caller is refused; `as_str` is the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    Missing,
    Malformed,
    Algorithm,
    UnknownKey,
    Signature,
    Expired,
    NotYetValid,
    Issuer,
    Audience,
    MissingClaim,
    /// Not the caller's fault: the issuer's keys cannot be had now.
    KeysUnavailable,
}

impl AuthFailure {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            AuthFailure::Missing => "missing",
            AuthFailure::Malformed => "malformed",
            AuthFailure::Algorithm => "algorithm",
            AuthFailure::UnknownKey => "unknown_key",
            AuthFailure::Signature => "signature",
            AuthFailure::Expired => "expired",
            AuthFailure::NotYetValid => "not_yet_valid",
            AuthFailure::Issuer => "issuer",
            AuthFailure::Audience => "audience",
            AuthFailure::MissingClaim => "missing_claim",
            AuthFailure::KeysUnavailable => "keys_unavailable",
        }
    }

    /// What the caller is told: enough to act on, nothing about the keys.
    pub(crate) fn message(self) -> &'static str {
        match self {
            AuthFailure::Missing => {
                "a token is required: send it as `Authorization: Bearer …` or in connection_init"
            }
            AuthFailure::Expired => "the token has expired",
            AuthFailure::NotYetValid => "the token is not valid yet",
            AuthFailure::KeysUnavailable => "the token cannot be verified now; try again later",
            _ => "the token is not valid here",
        }
    }
}

/// Verifies tokens by the configured issuers.
pub struct Authenticator {
    issuers: Vec<Issuer>,
    header: String,
    prefix: String,
    required: bool,
}

struct Issuer {
    keys: Keys,
    validation: Validation,
}

impl Authenticator {
    /// Reads the configuration; keys by URL are fetched when the first token needs them.
    pub fn new(options: AuthOptions) -> Result<Authenticator, AuthConfigError> {
        if options.required && options.issuers.is_empty() {
            return Err(AuthConfigError::NoIssuer);
        }
        let issuers = options.issuers.into_iter().map(Issuer::new).collect::<Result<_, _>>()?;
        let header = options.header.to_ascii_lowercase();
        Ok(Authenticator { issuers, header, prefix: options.prefix, required: options.required })
    }

    /// Everybody is anonymous, and no token is accepted.
    pub fn anonymous() -> Authenticator {
        let AuthOptions { header, prefix, .. } = AuthOptions::default();
        Authenticator { issuers: Vec::new(), header, prefix, required: false }
    }

    /// The claims of the caller, `Null` without a token. A token in `connection_init` wins over one in a
    /// header.
    pub(crate) async fn authenticate(
        &self,
        headers: &[(String, String)],
        init_payload: &Value,
    ) -> Result<Value, AuthFailure> {
        tracing::trace!(target: "way", step = "authenticate");
        let from_init = self.token_of_init(init_payload);
        let from_header =
            || headers.iter().find(|(name, _)| *name == self.header).map(|(_, value)| value.as_str());
        let Some(credentials) = from_init.or_else(from_header).filter(|text| !text.trim().is_empty()) else {
            return if self.required { Err(AuthFailure::Missing) } else { Ok(Value::Null) };
        };
        // Without issuers nothing claims to read the header; it may be meant for the subgraphs it is
        // forwarded to.
        if self.issuers.is_empty() {
            return Ok(Value::Null);
        }
        self.verify(self.strip_prefix(credentials)).await
    }

    fn token_of_init<'a>(&self, payload: &'a Value) -> Option<&'a str> {
        let named = |object: &'a Value| {
            object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(&self.header))?.1.as_str()
        };
        named(payload).or_else(|| named(payload.get("headers")?))
    }

    fn strip_prefix<'a>(&self, credentials: &'a str) -> &'a str {
        let credentials = credentials.trim();
        match credentials.split_at_checked(self.prefix.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(&self.prefix) => rest.trim_start(),
            _ => credentials,
        }
    }

    async fn verify(&self, token: &str) -> Result<Value, AuthFailure> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthFailure::Malformed);
        }
        // An unknown `alg`, `none` among them, does not even parse.
        let header = decode_header(token).map_err(|_| AuthFailure::Malformed)?;
        if header.crit.is_some() {
            // RFC 7515 §4.1.11: extensions marked critical must be understood, and none is.
            return Err(AuthFailure::Malformed);
        }
        let mut failure = AuthFailure::UnknownKey;
        for issuer in &self.issuers {
            match issuer.verify(token, header.alg, header.kid.as_deref()).await {
                Ok(claims) => return Ok(claims),
                // With several issuers the most telling reason is that of the one whose key fitted.
                Err(reason) if self.issuers.len() == 1 || is_telling(reason) => failure = reason,
                Err(_) => {}
            }
        }
        Err(failure)
    }
}

fn is_telling(failure: AuthFailure) -> bool {
    !matches!(failure, AuthFailure::Algorithm | AuthFailure::UnknownKey | AuthFailure::Signature)
}

impl Issuer {
    fn new(options: IssuerOptions) -> Result<Issuer, AuthConfigError> {
        let is_secret = matches!(options.keys, KeySource::Secret(_));
        let mut algorithms = Vec::new();
        for name in &options.algorithms {
            let algorithm: Algorithm =
                name.parse().map_err(|_| AuthConfigError::UnknownAlgorithm(name.clone()))?;
            // A public key must never serve as an HMAC secret.
            if is_hmac(algorithm) != is_secret {
                return Err(AuthConfigError::AlgorithmMismatch(name.clone()));
            }
            algorithms.push(algorithm);
        }
        if algorithms.is_empty() {
            algorithms = if is_secret { hmac_algorithms() } else { public_key_algorithms() };
        }
        let mut validation = Validation::new(algorithms[0]);
        validation.algorithms = algorithms;
        validation.leeway = options.clock_skew.min(CLOCK_SKEW_MAX).as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if !options.issuers.is_empty() {
            validation.set_issuer(&options.issuers);
            required.push("iss");
        }
        validation.validate_aud = !options.audiences.is_empty();
        if validation.validate_aud {
            validation.set_audience(&options.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Issuer { keys: Keys::new(options.keys).map_err(AuthConfigError::BadKeys)?, validation })
    }

    async fn verify(
        &self,
        token: &str,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<Value, AuthFailure> {
        if !self.validation.algorithms.contains(&algorithm) {
            return Err(AuthFailure::Algorithm);
        }
        let found = match &self.keys {
            Keys::Secret(key) => vec![key.clone()],
            Keys::Fixed(set) => fitting(set, kid, algorithm),
            Keys::Fetched(source) => {
                let set = source.current().await.ok_or(AuthFailure::KeysUnavailable)?;
                match fitting(&set, kid, algorithm) {
                    found if found.is_empty() => {
                        let set = source.refreshed().await.ok_or(AuthFailure::KeysUnavailable)?;
                        fitting(&set, kid, algorithm)
                    }
                    found => found,
                }
            }
        };
        let mut failure = AuthFailure::UnknownKey;
        for key in found {
            match self.decode(token, algorithm, &key) {
                Ok(claims) => return Ok(claims),
                Err(reason) => failure = reason,
            }
        }
        Err(failure)
    }

    fn decode(&self, token: &str, algorithm: Algorithm, key: &DecodingKey) -> Result<Value, AuthFailure> {
        // The library asks that every listed algorithm be of the key's family.
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let decoded = decode::<Value>(token, key, &validation).map_err(|error| failure_of(error.kind()))?;
        if decoded.claims.is_object() { Ok(decoded.claims) } else { Err(AuthFailure::Malformed) }
    }
}

fn fitting(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
    set.fitting(kid, algorithm).cloned().collect()
}

fn failure_of(kind: &jsonwebtoken::errors::ErrorKind) -> AuthFailure {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::InvalidSignature => AuthFailure::Signature,
        ErrorKind::ExpiredSignature => AuthFailure::Expired,
        ErrorKind::ImmatureSignature => AuthFailure::NotYetValid,
        ErrorKind::InvalidIssuer => AuthFailure::Issuer,
        ErrorKind::InvalidAudience => AuthFailure::Audience,
        ErrorKind::InvalidAlgorithm => AuthFailure::Algorithm,
        ErrorKind::MissingRequiredClaim(_) => AuthFailure::MissingClaim,
        _ => AuthFailure::Malformed,
    }
}

fn is_hmac(algorithm: Algorithm) -> bool {
    hmac_algorithms().contains(&algorithm)
}

fn hmac_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]
}

fn public_key_algorithms() -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    vec![RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]
}

#[cfg(test)]
pub(crate) mod tests;
