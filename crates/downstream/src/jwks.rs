//! The keys of an issuer: a shared secret, a fixed JWKS document, or one fetched by URL and kept.
//! Owns the cache: one fetch at a time, not more often than the cool-down, old keys kept when a fetch fails. Nobody
//! whose key is there waits for a fetch, or a stranger's token could hold everyone up.
//! Never takes a key, or a place to fetch one from, out of a token.

use arc_swap::ArcSwapOption;
use futures::future::BoxFuture;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Tokens with unknown key ids cause at most one fetch in this time, or they would be a lever against the
/// issuer.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// Keys older than this are fetched anew, so that a withdrawn one stops working.
const AGE_MAX: Duration = Duration::from_secs(600);

/// While that goes on they still hold for others, but not for longer than this: they may have been withdrawn long ago.
const AGE_MAX_MEANWHILE: Duration = AGE_MAX.saturating_mul(2);

/// A fetch that takes longer has failed; callers wait for it.
const FETCH_PATIENCE: Duration = Duration::from_secs(10);

/// A JWKS document longer than this is refused; real ones hold a few KiB.
const JWKS_BYTES_MAX: usize = 1 << 20;

/// Where an issuer's keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// The text of a JWKS document.
    Jwks(String),
    /// A JWKS document by URL, fetched with this when it is needed.
    Url { url: String, fetch: FetchJwks },
    /// A shared secret: HMAC algorithms only.
    Secret(Vec<u8>),
}

/// Fetches a JWKS document; the error is for the operator.
pub type FetchJwks = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Where an issuer's keys are.
pub(crate) enum Keys {
    Secret(DecodingKey),
    Fixed(KeySet),
    Fetched(FetchedKeys),
}

impl Keys {
    pub(crate) fn new(source: KeySource) -> Result<Keys, String> {
        match source {
            KeySource::Secret(secret) if secret.is_empty() => {
                Err("the secret is empty; set one of at least 32 bytes".into())
            }
            KeySource::Secret(secret) => Ok(Keys::Secret(DecodingKey::from_secret(&secret))),
            KeySource::Jwks(text) => KeySet::parse(&text).map(Keys::Fixed),
            KeySource::Url { url, fetch } => Ok(Keys::Fetched(FetchedKeys {
                url,
                fetch,
                known: ArcSwapOption::empty(),
                tried: Mutex::default(),
            })),
        }
    }
}

/// The public keys of one JWKS document.
#[derive(Clone, Default)]
pub(crate) struct KeySet(Vec<PublicKey>);

#[derive(Clone)]
struct PublicKey {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a document; keys of unknown kinds, for encryption or symmetric are left out, as RFC 7517 §5
    /// asks.
    pub(crate) fn parse(text: &str) -> Result<KeySet, String> {
        if text.len() > JWKS_BYTES_MAX {
            return Err(format!("it is longer than {JWKS_BYTES_MAX} bytes"));
        }
        let set: JwkSet = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let keys: Vec<PublicKey> = set.keys.iter().filter_map(PublicKey::from_jwk).collect();
        if keys.is_empty() { Err("it holds no public signing key".into()) } else { Ok(KeySet(keys)) }
    }

    /// The keys a token with this key id and algorithm may be signed with.
    pub(crate) fn fitting(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&PublicKey| {
            (kid.is_none() || key.kid.as_deref() == kid)
                && key.algorithm.is_none_or(|only| only == algorithm)
                && key.key.family() == algorithm.family()
        };
        self.0.iter().filter(fits).map(|key| &key.key)
    }
}

impl PublicKey {
    fn from_jwk(jwk: &Jwk) -> Option<PublicKey> {
        let is_for_signing =
            jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let is_public =
            !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
        if !is_for_signing || !is_public {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        if key.family() == AlgorithmFamily::Hmac {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            None => None,
            Some(named) => Some(signing_algorithm(named)?),
        };
        Some(PublicKey { kid: jwk.common.key_id.clone(), algorithm, key })
    }
}

/// The signature algorithm a key is limited to; `None` = it is not for signatures.
fn signing_algorithm(named: KeyAlgorithm) -> Option<Algorithm> {
    named.to_string().parse().ok()
}

/// Keys by URL.
pub(crate) struct FetchedKeys {
    url: String,
    fetch: FetchJwks,
    known: ArcSwapOption<Known>,
    /// When a fetch last began. Held across it: callers that need it wait for that one instead of starting another.
    tried: Mutex<Option<Instant>>,
}

struct Known {
    keys: Arc<KeySet>,
    fetched: Instant,
}

impl FetchedKeys {
    /// The keys as they are known, fetched if never yet or too long ago; `None` = they cannot be had.
    pub(crate) async fn current(&self) -> Option<Arc<KeySet>> {
        let age = self.known.load().as_ref().map(|known| known.fetched.elapsed());
        let tried = match age {
            Some(age) if age < AGE_MAX => None,
            Some(age) if age < AGE_MAX_MEANWHILE => self.tried.try_lock().ok(),
            _ => Some(self.tried.lock().await),
        };
        if let Some(mut tried) = tried {
            self.refresh(&mut tried).await;
        }
        self.keys()
    }

    /// The keys after another look, for a token whose key is not among them.
    pub(crate) async fn refreshed(&self) -> Option<Arc<KeySet>> {
        self.refresh(&mut *self.tried.lock().await).await;
        self.keys()
    }

    fn keys(&self) -> Option<Arc<KeySet>> {
        self.known.load().as_ref().map(|known| known.keys.clone())
    }

    async fn refresh(&self, tried: &mut Option<Instant>) {
        if tried.is_some_and(|at| at.elapsed() < COOL_DOWN) {
            return;
        }
        *tried = Some(Instant::now());
        let fetch = tokio::time::timeout(FETCH_PATIENCE, (self.fetch)(self.url.clone()));
        let fetched = fetch.await.unwrap_or_else(|_| Err(format!("no answer within {FETCH_PATIENCE:?}")));
        match fetched.and_then(|text| KeySet::parse(&text)) {
            Ok(keys) => {
                let known = Known { keys: Arc::new(keys), fetched: Instant::now() };
                self.known.store(Some(Arc::new(known)));
            }
            // Old keys stay: an issuer that is away for a while must not lock everybody out.
            Err(reason) => {
                tracing::warn!(url = %self.url, %reason, "jwt: the JWKS document could not be fetched")
            }
        }
    }
}

#[cfg(test)]
mod tests;
