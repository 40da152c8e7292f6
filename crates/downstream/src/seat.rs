//! Places for connections: at most `connections_max` at once, each given back by being dropped.
//! Owns the count and the news that it fell; never closes anything.

use crate::metrics::Metrics;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// All places of one server.
pub(crate) struct Seats {
    metrics: Arc<Metrics>,
    max: usize,
    freed: Notify,
}

/// One connection's place.
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn new(metrics: Arc<Metrics>, max: usize) -> Arc<Seats> {
        Arc::new(Seats { metrics, max, freed: Notify::new() })
    }

    /// A place, where one is left.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Seat> {
        let grow = |active: usize| (active < self.max).then_some(active + 1);
        self.metrics.connections_active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?;
        Some(Seat(self.clone()))
    }

    /// Places that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.metrics.connections_active.load(Ordering::Relaxed)
    }

    /// Waits until all are free.
    pub(crate) async fn all_free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.taken() == 0 {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.metrics.connections_active.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}
