//! Places for subscriptions: at most `subscriptions_max` at once, those that still wait to join among them.
//! Owns the count; each place is given back by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All places of one process.
#[derive(Debug, Default)]
pub(crate) struct Seats(Arc<AtomicUsize>);

/// One subscription's place.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Seats {
    /// A place, where one of `seats_max` is left.
    pub(crate) fn take(&self, seats_max: usize) -> Option<Seat> {
        let grow = |taken: usize| (taken < seats_max).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?;
        Some(Seat(self.0.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
