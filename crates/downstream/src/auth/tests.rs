//! Each way a token can be wrong, and the few in which it is right.
//! Owns keys made from fixed bytes; no network.

use super::*;
use crate::jwks::KeySource;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

/// An Ed25519 key in PKCS#8 (RFC 8410) from one repeated byte.
fn private_key(seed: u8) -> EncodingKey {
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    EncodingKey::from_ed_der(&[&prefix[..], &[seed; 32]].concat())
}

pub(crate) fn jwks(keys: &[(&str, u8)]) -> String {
    let jwk = |(kid, seed): &(&str, u8)| {
        let mut jwk = Jwk::from_encoding_key(&private_key(*seed), Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some((*kid).into());
        jwk
    };
    serde_json::to_string(&JwkSet { keys: keys.iter().map(jwk).collect() }).unwrap()
}

pub(crate) fn token(kid: Option<&str>, seed: u8, claims: &Value) -> String {
    let header = Header { kid: kid.map(String::from), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &private_key(seed)).unwrap()
}

fn claims(change: Value) -> Value {
    let now = get_current_timestamp();
    let mut claims = json!({ "sub": "ann", "iss": "https://issuer", "aud": "tidegate", "exp": now + 600 });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

pub(crate) fn issuer(keys: KeySource) -> IssuerOptions {
    IssuerOptions {
        keys,
        algorithms: Vec::new(),
        issuers: vec!["https://issuer".into()],
        audiences: vec!["tidegate".into()],
        clock_skew: Duration::from_secs(3600),
    }
}

fn authenticator(issuers: Vec<IssuerOptions>, required: bool) -> Authenticator {
    Authenticator::new(AuthOptions { issuers, required, ..AuthOptions::default() }).unwrap()
}

async fn verdict(authenticator: &Authenticator, token: &str) -> Result<Value, AuthFailure> {
    let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
    authenticator.authenticate(&headers, &Value::Null).await.map(|claims| claims["sub"].clone())
}

/// A token with this header, signed as HMAC with whatever a public document holds.
fn forged(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn every_pitfall_is_refused_for_its_reason() {
    let document = jwks(&[("a", 1), ("b", 2)]);
    let subject = authenticator(vec![issuer(KeySource::Jwks(document.clone()))], false);
    let (now, good) = (get_current_timestamp(), claims(json!({})));
    let signed = |change: Value| token(Some("a"), 1, &claims(change));
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        token(Some("a"), 1, &claims)
    };
    let unsigned = |alg: &str| forged(&json!({ "alg": alg, "typ": "JWT" }), &good, b"");
    let mut tampered = signed(json!({}));
    tampered.replace_range(tampered.len() - 4.., "AAAA");
    let critical = forged(&json!({ "alg": "EdDSA", "kid": "a", "crit": ["x"], "x": 1 }), &good, b"");
    let table = [
        ("right", signed(json!({})), Ok(json!("ann"))),
        ("right, without a key id", token(None, 2, &good), Ok(json!("ann"))),
        ("audience in a list", signed(json!({ "aud": ["x", "tidegate"] })), Ok(json!("ann"))),
        ("within the skew", signed(json!({ "exp": now - 30 })), Ok(json!("ann"))),
        ("a skew of an hour is cut to 60 s", signed(json!({ "exp": now - 90 })), Err(AuthFailure::Expired)),
        ("not yet valid", signed(json!({ "nbf": now + 90 })), Err(AuthFailure::NotYetValid)),
        ("no exp", without("exp"), Err(AuthFailure::MissingClaim)),
        ("no iss", without("iss"), Err(AuthFailure::MissingClaim)),
        ("no aud", without("aud"), Err(AuthFailure::MissingClaim)),
        ("exp as text", signed(json!({ "exp": "never" })), Err(AuthFailure::MissingClaim)),
        ("another issuer", signed(json!({ "iss": "https://issuer.evil" })), Err(AuthFailure::Issuer)),
        ("another audience", signed(json!({ "aud": "other" })), Err(AuthFailure::Audience)),
        ("an unknown key id", token(Some("c"), 1, &good), Err(AuthFailure::UnknownKey)),
        ("a key id that is a path", token(Some("../a"), 1, &good), Err(AuthFailure::UnknownKey)),
        ("another key under a known id", token(Some("b"), 1, &good), Err(AuthFailure::Signature)),
        ("a key nobody knows", token(None, 3, &good), Err(AuthFailure::Signature)),
        ("tampered", tampered, Err(AuthFailure::Signature)),
        ("alg none", unsigned("none"), Err(AuthFailure::Malformed)),
        ("alg NONE", unsigned("NONE"), Err(AuthFailure::Malformed)),
        (
            "the public document as HMAC secret",
            forged(&json!({ "alg": "HS256" }), &good, document.as_bytes()),
            Err(AuthFailure::Algorithm),
        ),
        ("a critical extension", critical, Err(AuthFailure::Malformed)),
        ("not a token", "nonsense".into(), Err(AuthFailure::Malformed)),
        ("a huge token", "a.".repeat(TOKEN_BYTES_MAX), Err(AuthFailure::Malformed)),
    ];
    for (name, token, expected) in table {
        assert_eq!(verdict(&subject, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_in_the_token_is_never_used() {
    let subject = authenticator(vec![issuer(KeySource::Jwks(jwks(&[("a", 1)])))], false);
    let own = Jwk::from_encoding_key(&private_key(9), Algorithm::EdDSA).unwrap();
    let header =
        Header { jwk: Some(own), jku: Some("http://evil/jwks".into()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims(json!({})), &private_key(9)).unwrap();
    assert_eq!(verdict(&subject, &token).await, Err(AuthFailure::Signature));
}

#[tokio::test]
async fn without_a_token_a_caller_is_anonymous_unless_one_is_required() {
    let issuers = || vec![issuer(KeySource::Jwks(jwks(&[("a", 1)])))];
    let anonymous = authenticator(issuers(), false).authenticate(&[], &Value::Null).await;
    assert_eq!(anonymous, Ok(Value::Null));
    let refused = authenticator(issuers(), true).authenticate(&[], &Value::Null).await;
    assert_eq!(refused, Err(AuthFailure::Missing));
}

#[tokio::test]
async fn with_several_issuers_each_token_meets_its_own() {
    let mut second = issuer(KeySource::Secret(b"shared".to_vec()));
    second.issuers = vec!["https://second".into()];
    let subject = authenticator(vec![issuer(KeySource::Jwks(jwks(&[("a", 1)]))), second], true);
    assert_eq!(verdict(&subject, &token(Some("a"), 1, &claims(json!({})))).await, Ok(json!("ann")));
    let hmac = |iss: &str| {
        let claims = claims(json!({ "iss": iss }));
        encode(&Header::default(), &claims, &EncodingKey::from_secret(b"shared")).unwrap()
    };
    assert_eq!(verdict(&subject, &hmac("https://second")).await, Ok(json!("ann")));
    assert_eq!(verdict(&subject, &hmac("https://issuer")).await, Err(AuthFailure::Issuer));
}

#[test]
fn configurations_that_cannot_be_safe_are_refused_with_the_fix() {
    let with = |keys: KeySource, algorithms: &[&str]| {
        let algorithms = algorithms.iter().map(ToString::to_string).collect();
        let issuers = vec![IssuerOptions { algorithms, ..issuer(keys) }];
        Authenticator::new(AuthOptions { issuers, ..AuthOptions::default() }).err().map(|it| it.to_string())
    };
    let public = || KeySource::Jwks(jwks(&[("a", 1)]));
    let secret = || KeySource::Secret(b"secret".to_vec());
    assert_eq!(with(public(), &["EdDSA", "RS256"]), None);
    assert_eq!(with(secret(), &["HS512"]), None);
    let table = [
        (with(public(), &["HS256"]), "does not fit"),
        (with(secret(), &["RS256"]), "does not fit"),
        (with(secret(), &["none"]), "unknown algorithm"),
        (with(KeySource::Secret(Vec::new()), &[]), "empty"),
        (with(KeySource::Jwks("{}".into()), &[]), "keys"),
        (with(KeySource::Jwks(r#"{"keys":[]}"#.into()), &[]), "no public signing key"),
        (
            with(KeySource::Jwks(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.into()), &[]),
            "no public signing key",
        ),
    ];
    for (found, expected) in table {
        assert!(found.as_ref().is_some_and(|text| text.contains(expected)), "{expected}: {found:?}");
    }
    let required = AuthOptions { required: true, ..AuthOptions::default() };
    assert!(Authenticator::new(required).is_err());
}
