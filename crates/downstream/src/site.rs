//! What every request of one server is answered with: the engine, the rules and the way to the shards.
//! Owns the choice of a shard; never reads a request.

use crate::auth::Authenticator;
use crate::backend::Backend;
use crate::guard::Origins;
use crate::metrics::Metrics;
use crate::options::{Page, Timings};
use crate::seat::Seats;
use crate::shard::{Adoption, Mailbox, Turn};
use crate::tls::Tls;
use engine::Limits;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Site {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) origins: Origins,
    pub(crate) path: String,
    pub(crate) pages: HashMap<String, Page>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) timings: Timings,
    pub(crate) seats: Arc<Seats>,
    pub(crate) shards: Vec<Arc<Mailbox>>,
    pub(crate) turn: AtomicUsize,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) http2: bool,
}

impl Site {
    /// The shard whose turn it is: long-lived connections spread evenly without a count.
    pub(crate) fn next_shard(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % self.shards.len()
    }

    /// Gives a connection to a shard, this one or the next.
    pub(crate) async fn hand_over(&self, shard: Option<usize>, adoption: Adoption) {
        let shard = shard.unwrap_or_else(|| self.next_shard());
        self.shards[shard].send(Turn::Adopt(Box::new(adoption))).await;
    }
}
