//! Keys by URL: rotation, storms, outages.
//! Owns a paused clock and a scripted issuer.

use super::*;
use crate::auth::tests::{issuer, jwks, token};
use crate::auth::{AuthFailure, AuthOptions, Authenticator};
use futures::FutureExt;
use serde_json::{Value, json};
use std::sync::Mutex as SyncMutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An issuer whose answers the test writes.
#[derive(Default)]
struct Script {
    answer: SyncMutex<Option<String>>,
    fetches: AtomicUsize,
    hangs: AtomicBool,
}

impl Script {
    fn answer(&self, answer: Option<String>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn authenticator(self: &Arc<Self>) -> Authenticator {
        let script = self.clone();
        let fetch: FetchJwks = Arc::new(move |url| {
            assert_eq!(url, "https://issuer/jwks");
            script.fetches.fetch_add(1, Ordering::SeqCst);
            let answer = script.answer.lock().unwrap().clone();
            let hangs = script.hangs.load(Ordering::SeqCst);
            Box::pin(async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                answer.ok_or_else(|| "the issuer is away".to_owned())
            })
        });
        let issuers = vec![issuer(KeySource::Url { url: "https://issuer/jwks".into(), fetch })];
        Authenticator::new(AuthOptions { issuers, ..AuthOptions::default() }).unwrap()
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

async fn verdict(authenticator: &Authenticator, kid: &str, seed: u8) -> Result<(), AuthFailure> {
    let claims = json!({ "iss": "https://issuer", "aud": "tidegate", "exp": 4_000_000_000u64 });
    let headers = [("authorization".to_owned(), token(Some(kid), seed, &claims))];
    authenticator.authenticate(&headers, &Value::Null).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_fetch_per_cool_down() {
    let script = Arc::new(Script::default());
    let subject = script.authenticator();
    script.answer(Some(jwks(&[("a", 1)])));
    assert_eq!(verdict(&subject, "a", 1).await, Ok(()));
    assert_eq!(verdict(&subject, "a", 1).await, Ok(()));
    assert_eq!(script.fetches(), 1);
    script.answer(Some(jwks(&[("a", 1), ("b", 2)])));
    for _ in 0..100 {
        assert_eq!(verdict(&subject, "b", 2).await, Err(AuthFailure::UnknownKey));
    }
    assert_eq!(script.fetches(), 1, "within the cool-down of the first fetch");
    tokio::time::advance(COOL_DOWN).await;
    assert_eq!(verdict(&subject, "b", 2).await, Ok(()));
    for _ in 0..100 {
        assert_eq!(verdict(&subject, "c", 3).await, Err(AuthFailure::UnknownKey));
    }
    assert_eq!(script.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_locks_out_only_what_was_never_known() {
    let script = Arc::new(Script::default());
    let subject = script.authenticator();
    assert_eq!(verdict(&subject, "a", 1).await, Err(AuthFailure::KeysUnavailable));
    script.answer(Some(jwks(&[("a", 1)])));
    tokio::time::advance(COOL_DOWN).await;
    assert_eq!(verdict(&subject, "a", 1).await, Ok(()));
    for answer in [None, Some("not JSON".into()), Some(" ".repeat(JWKS_BYTES_MAX + 1))] {
        script.answer(answer);
        tokio::time::advance(AGE_MAX).await;
        let before = script.fetches();
        assert_eq!(verdict(&subject, "a", 1).await, Ok(()), "old keys stay");
        assert_eq!(script.fetches(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answers_is_given_up() {
    let fetch: FetchJwks = Arc::new(|_| Box::pin(std::future::pending()));
    let issuers = vec![issuer(KeySource::Url { url: "https://issuer/jwks".into(), fetch })];
    let subject = Authenticator::new(AuthOptions { issuers, ..AuthOptions::default() }).unwrap();
    assert_eq!(verdict(&subject, "a", 1).await, Err(AuthFailure::KeysUnavailable));
}

#[tokio::test(start_paused = true)]
async fn whoever_s_key_is_known_never_waits_for_a_fetch_that_another_needs() {
    for (age, kid) in [(COOL_DOWN, "unknown"), (AGE_MAX, "a")] {
        let script = Arc::new(Script::default());
        let subject = script.authenticator();
        script.answer(Some(jwks(&[("a", 1)])));
        assert_eq!(verdict(&subject, "a", 1).await, Ok(()));
        tokio::time::advance(age).await;
        script.hangs.store(true, Ordering::SeqCst);
        let mut asking = std::pin::pin!(verdict(&subject, kid, 1));
        assert!(futures::poll!(&mut asking).is_pending(), "it waits for the issuer");
        assert_eq!(script.fetches(), 2);
        assert_eq!(verdict(&subject, "a", 1).now_or_never(), Some(Ok(())), "{kid}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_stops_working_with_the_next_fetch() {
    let script = Arc::new(Script::default());
    let subject = script.authenticator();
    script.answer(Some(jwks(&[("a", 1)])));
    assert_eq!(verdict(&subject, "a", 1).await, Ok(()));
    script.answer(Some(jwks(&[("b", 2)])));
    tokio::time::advance(AGE_MAX).await;
    assert_eq!(verdict(&subject, "a", 1).await, Err(AuthFailure::UnknownKey));
}
