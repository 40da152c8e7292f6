//! The durable consumers that sources of this broker read or have read: one reader at a time, and where the last
//! one left. Owns their names for `close`; never asks the server.

use super::progress::{Left, Vow};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// Beyond its threshold a consumer that nobody reads is gone at the server; asked later, so that it is.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// Entries from which on the old ones are looked for.
const PRUNE_FROM: usize = 64;

/// The place of one reader.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) left: Option<Left>,
    /// Written in front of a deletion, so that whoever is cancelled behind it loses nothing.
    pub(super) vow: Option<Vow>,
    left_at: Option<Instant>,
}

impl Seat {
    pub(super) fn leave(&mut self, left: Option<Left>) {
        self.left = left;
        self.left_at = Some(Instant::now());
    }
}

pub(super) type Claim = OwnedMutexGuard<Seat>;

struct Entry {
    seat: Arc<Lock<Seat>>,
    /// Zero = the server keeps it for ever.
    threshold: Duration,
}

impl Entry {
    fn is_forgotten(&self) -> bool {
        let left_at = self.seat.try_lock().ok().filter(|seat| seat.vow.is_none()).map(|seat| seat.left_at);
        // Held by a reader, or by one that waits for it: not forgotten.
        let Some(left_at) = left_at.filter(|_| Arc::strong_count(&self.seat) == 1) else { return false };
        left_at.is_none_or(|at| !self.threshold.is_zero() && at.elapsed() > self.threshold + FORGET_AFTER)
    }
}

#[derive(Default)]
struct Entries {
    /// By stream and name.
    known: HashMap<(String, String), Entry>,
    prune_at: usize,
}

#[derive(Default)]
pub(super) struct Durables(Mutex<Entries>);

impl Durables {
    /// Waits until nobody of this process reads by the consumer.
    pub(super) async fn claim(&self, stream: &str, name: &str, threshold: Duration) -> Claim {
        let seat = {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if entries.known.len() >= entries.prune_at.max(PRUNE_FROM) {
                entries.known.retain(|_, entry| !entry.is_forgotten());
                entries.prune_at = entries.known.len() * 2;
            }
            let key = (stream.to_owned(), name.to_owned());
            let entry = entries.known.entry(key).or_insert_with(|| Entry { seat: Arc::default(), threshold });
            entry.threshold = threshold;
            Arc::clone(&entry.seat)
        };
        seat.lock_owned().await
    }

    /// Stream, name and seat of each.
    pub(super) fn every(&self) -> Vec<(String, String, Arc<Lock<Seat>>)> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.known.iter();
        known.map(|((stream, name), entry)| (stream.clone(), name.clone(), Arc::clone(&entry.seat))).collect()
    }
}

#[cfg(test)]
mod tests;
