//! One reader at a time, and what is forgotten.

use super::*;
use futures::FutureExt;

#[tokio::test]
async fn a_reader_waits_for_the_one_before() {
    let durables = Durables::default();
    let mut first = durables.claim("s", "c", Duration::ZERO).await;
    let mut second = std::pin::pin!(durables.claim("s", "c", Duration::ZERO));
    assert!(second.as_mut().now_or_never().is_none());
    assert!(durables.claim("t", "c", Duration::ZERO).now_or_never().is_some(), "another stream's");
    let consumer = async_nats::datetime::from_nanos(1).expect("a time");
    first.leave(Some(Left { consumer, acked: 7 }));
    drop(first);
    assert_eq!(second.await.left.as_ref().map(|left| left.acked), Some(7));
}

#[tokio::test]
async fn only_what_the_server_may_have_forgotten_is_forgotten() {
    let durables = Durables::default();
    let held = durables.claim("s", "held", Duration::from_secs(1)).await;
    for n in 0..PRUNE_FROM * 3 {
        // Refused before it was read.
        drop(durables.claim("s", &n.to_string(), Duration::from_secs(1)).await);
    }
    for name in ["for ever", "a while"] {
        let threshold = if name == "a while" { Duration::from_secs(1) } else { Duration::ZERO };
        durables.claim("s", name, threshold).await.leave(None);
    }
    for n in 0..PRUNE_FROM * 3 {
        drop(durables.claim("t", &n.to_string(), Duration::from_secs(1)).await);
    }
    let known: Vec<String> = durables.every().into_iter().map(|(_, name, _)| name).collect();
    assert!(["held", "for ever", "a while"].iter().all(|name| known.iter().any(|known| known == name)));
    assert!(known.len() <= PRUNE_FROM * 2, "{}", known.len());
    drop(held);
}
