//! Shards and clients of the simulated world: they note every frame, and are sometimes too busy to take one.
//! Owns the record that the checkers read.

use bytes::Bytes;
use engine::outbox::{End, MemberId, Shard, ShardId, ShardTurn};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Everything one subscription was told, in order.
#[derive(Debug, Default, Clone)]
pub struct Record {
    pub payloads: Vec<Bytes>,
    pub skipped: u64,
    pub end: Option<End>,
}

/// An owner loop that keeps records in place of sockets.
pub struct FakeShard {
    id: ShardId,
    records: Mutex<BTreeMap<MemberId, Record>>,
    dice: Mutex<fastrand::Rng>,
    /// One of so many turns finds the inbox full; 0 = none does.
    busy_every: u32,
}

impl FakeShard {
    pub fn new(id: usize, seed: u64, busy_every: u32) -> FakeShard {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed ^ id as u64));
        FakeShard { id: ShardId(id), records: Mutex::default(), dice, busy_every }
    }

    pub fn record(&self, id: MemberId) -> Record {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().unwrap_or_default()
    }

    fn take(&self, turn: ShardTurn) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let (ShardTurn::Deliver { members, .. }
        | ShardTurn::Skipped { members, .. }
        | ShardTurn::End { members, .. }) = &turn;
        for id in members.iter() {
            let record = records.entry(*id).or_default();
            if record.end.is_some() {
                continue; // as the contract says: late, not wrong
            }
            match &turn {
                ShardTurn::Deliver { payload, .. } => record.payloads.push(payload.json.clone()),
                ShardTurn::Skipped { events, .. } => record.skipped += events,
                ShardTurn::End { end, .. } => record.end = Some(end.clone()),
            }
        }
    }

    fn is_busy(&self) -> bool {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        self.busy_every > 0 && dice.u32(0..self.busy_every) == 0
    }
}

impl Shard for FakeShard {
    fn id(&self) -> ShardId {
        self.id
    }

    fn try_push(&self, turn: ShardTurn) -> Result<(), ShardTurn> {
        if self.is_busy() {
            return Err(turn);
        }
        self.take(turn);
        Ok(())
    }

    fn push(&self, turn: ShardTurn) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            self.take(turn);
        })
    }
}
