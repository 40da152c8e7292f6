//! `jwt:` of `tidegate.yaml`: which tokens are believed, and where they are looked for.
//! Owns the shape; verifying is downstream's.

use super::value::{Period, Secret, Texts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How tokens are verified. Exactly one of `jwks`, `secret` and `secret_file` is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    pub jwks: Option<Jwks>,
    /// A shared secret (HS256, HS384, HS512).
    pub secret: Option<Secret>,
    /// A file that holds the shared secret.
    pub secret_file: Option<String>,
    /// Accepted `iss` values; none given = any.
    pub issuer: Texts,
    /// Accepted `aud` values; none given = any.
    pub audience: Texts,
    /// Accepted algorithms; none given = HS256 with a secret, RS256 and ES256 with a key set.
    pub algorithms: Vec<Algorithm>,
    pub header: TokenHeader,
    /// By how much clocks may differ for `exp` and `nbf`; at most a minute.
    pub clock_skew: Option<Period>,
    /// Refuse callers without a token. Without it they are anonymous; a wrong token is always refused.
    pub required: bool,
}

/// A JSON Web Key Set, from a file or a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwks {
    pub file: Option<String>,
    pub url: Option<String>,
}

/// Where a token is; the same name is looked for in the `connection_init` payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenHeader {
    pub name: String,
    pub prefix: String,
}

impl Default for TokenHeader {
    fn default() -> Self {
        TokenHeader { name: "Authorization".into(), prefix: "Bearer".into() }
    }
}

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// The name as RFC 7518 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::HS256 => "HS256",
            Algorithm::HS384 => "HS384",
            Algorithm::HS512 => "HS512",
            Algorithm::RS256 => "RS256",
            Algorithm::RS384 => "RS384",
            Algorithm::RS512 => "RS512",
            Algorithm::PS256 => "PS256",
            Algorithm::PS384 => "PS384",
            Algorithm::PS512 => "PS512",
            Algorithm::ES256 => "ES256",
            Algorithm::ES384 => "ES384",
            Algorithm::EdDSA => "EdDSA",
        }
    }
}
