//! The demo's ready tokens: two customers and an admin.
//! Owns their claims and signature; never verifies one (the router does, by its `jwt` configuration).

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

/// Who the demo's hooks trust.
pub const ISSUER: &str = "https://demo.tidegate.example";

/// Fixed and public, so that the printed commands and tokens are the same at every start and can stand in a
/// README. The demo listens on loopback and has nothing to guard; no other command uses it.
pub const SECRET: &str = "tidegate-demo-only-secret-never-use-it-elsewhere";

/// 2100-01-01.
const EXPIRY: u64 = 4_102_444_800;

/// What a demo token says of its owner.
#[derive(Debug, Clone, Serialize)]
pub struct Claims<'a> {
    pub iss: &'a str,
    pub sub: &'a str,
    pub role: &'a str,
    /// Seconds since 1970.
    pub exp: u64,
}

/// The token of a customer, or of the admin.
pub fn issue(sub: &str, role: &str) -> String {
    let claims = Claims { iss: ISSUER, sub, role, exp: EXPIRY };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).expect("plain claims always sign with HS256")
}

pub fn alice() -> String {
    issue("alice", "customer")
}

pub fn bob() -> String {
    issue("bob", "customer")
}

pub fn admin() -> String {
    issue("admin", "admin")
}
