//! What the tests of all brokers do alike: pull messages from a source, and wait for what a real process does in its
//! own time. Owns no server; each broker's tests bring theirs, and their patience with it.

use engine::event::Message;
use engine::port::Source;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// At least `count` messages; panics where the next ones take longer than `patience`.
pub(crate) async fn take_within(patience: Duration, source: &mut dyn Source, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let batch = timeout(patience, source.next()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{} of {count} messages came", messages.len()));
        messages.extend(batch.unwrap_or_else(|| panic!("the source ended: {}", source.end_reason())));
    }
    messages
}

/// Returns once `holds` does; panics where that takes longer than `patience`.
pub(crate) async fn until_within(patience: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds().await {
        assert!(Instant::now() < deadline, "never came true: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn payloads(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
}

pub(crate) fn numbers(range: impl Iterator<Item = impl Display>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}
