//! The subscriptions and operations of a shard's connections, by the ids the engine knows them under.
//! Owns the ids: one is never given twice, so a late turn can never reach a newer subscription.

use super::ConnectionId;
use crate::backend::Joined;
use engine::outbox::{MemberId, ShardId};
use slab::Slab;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::oneshot;

/// An id is generation (36 bits), shard (6), slot (22): 4 million operations of a shard at once, 64 shards,
/// and a slot would have to be asked with an id 68 billion operations old to be mistaken.
const SLOT_BITS: u32 = 22;
const SHARD_BITS: u32 = 6;

/// The most shards ids can tell apart.
pub(crate) const SHARDS_MAX: usize = 1 << SHARD_BITS;

/// One operation of one connection.
pub(super) struct Entry {
    id: MemberId,
    pub(super) connection: ConnectionId,
    /// The id its client gave it; empty for a response body of one operation.
    pub(super) client_id: Box<str>,
    /// The protocol's bytes before each payload.
    pub(super) lead: Arc<[u8]>,
    /// Events lost since the last payload.
    pub(super) skipped: u64,
    /// It is a subscription: it ends with the router. Anything else is answered first.
    pub(super) is_live: bool,
    pub(super) joined: Option<Joined>,
    /// Dropped with the entry, which tells whoever still starts the operation.
    _present: oneshot::Sender<Infallible>,
}

pub(super) struct Members {
    shard: u64,
    generation: u64,
    entries: Slab<Entry>,
}

impl Members {
    pub(super) fn new(shard: ShardId) -> Members {
        Members { shard: shard.0 as u64 % SHARDS_MAX as u64, generation: 0, entries: Slab::new() }
    }

    /// A new entry; `None` = the slots are used up.
    pub(super) fn insert(
        &mut self,
        connection: ConnectionId,
        client_id: &str,
        lead: Arc<[u8]>,
    ) -> Option<(MemberId, oneshot::Receiver<Infallible>)> {
        let vacant = self.entries.vacant_entry();
        let slot = vacant.key() as u64;
        if slot >> SLOT_BITS != 0 {
            return None;
        }
        self.generation += 1;
        let id = MemberId(self.generation << (SLOT_BITS + SHARD_BITS) | self.shard << SLOT_BITS | slot);
        let (present, left) = oneshot::channel();
        vacant.insert(Entry {
            id,
            connection,
            client_id: client_id.into(),
            lead,
            skipped: 0,
            is_live: false,
            joined: None,
            _present: present,
        });
        Some((id, left))
    }

    pub(super) fn find(&mut self, id: MemberId) -> Option<&mut Entry> {
        self.entries.get_mut(slot_of(id)).filter(|entry| entry.id == id)
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Entry> {
        self.find(id)?;
        self.entries.try_remove(slot_of(id))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn slot_of(id: MemberId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}
