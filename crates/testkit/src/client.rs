//! Shards and clients of the simulated world: they note every frame, are sometimes too busy to take one, and some
//! clients read so slowly that the real `Outbox` in front of them fills.
//! Owns the record that the checkers read.

use bytes::Bytes;
use engine::outbox::{Bounds, End, Full, MemberId, Outbox, Payload, Shard, ShardId, ShardTurn, Waiting};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Everything one subscription was told, in order.
#[derive(Debug, Default, Clone)]
pub struct Record {
    pub payloads: Vec<Bytes>,
    pub skipped: u64,
    pub end: Option<End>,
    /// The outbox was full and its policy allowed no room: the connection was closed.
    pub shed: bool,
}

/// Frames that a slow client's outbox holds.
const SLOW_FRAMES_MAX: usize = 4;

/// A client's connection: straight to its record, or through an outbox where it reads slowly.
#[derive(Default)]
struct Line {
    record: Record,
    outbox: Option<Outbox>,
    /// Losses that its next payload has to tell.
    owed: u64,
    /// An end that goes out behind what waits.
    end: Option<End>,
}

impl Line {
    fn is_over(&self) -> bool {
        self.record.end.is_some() || self.end.is_some() || self.record.shed
    }

    fn deliver(&mut self, id: MemberId, payload: &Payload) {
        let Some(outbox) = &mut self.outbox else {
            self.record.skipped += std::mem::take(&mut self.owed);
            return self.record.payloads.push(payload.json.clone());
        };
        let lead: Arc<[u8]> = Arc::from([]);
        if let Err(Full) = outbox.push(id, &lead, payload.clone(), std::mem::take(&mut self.owed)) {
            outbox.clear();
            self.record.shed = true;
        }
    }

    /// The client reads so many frames.
    fn read(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some(Waiting::Payload { payload, skipped, .. }) = self.outbox.as_mut().and_then(Outbox::pop)
            else {
                self.record.skipped += std::mem::take(&mut self.owed);
                self.record.end = self.record.end.take().or_else(|| self.end.take());
                return;
            };
            self.record.skipped += skipped;
            self.record.payloads.push(payload.json);
        }
    }
}

/// An owner loop that keeps records in place of sockets.
pub struct FakeShard {
    id: ShardId,
    lines: Mutex<BTreeMap<MemberId, Line>>,
    dice: Mutex<fastrand::Rng>,
    /// One of so many turns finds the inbox full; 0 = none does.
    busy_every: u32,
}

impl FakeShard {
    pub fn new(id: usize, seed: u64, busy_every: u32) -> FakeShard {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed ^ id as u64));
        FakeShard { id: ShardId(id), lines: Mutex::default(), dice, busy_every }
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<MemberId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on this client reads only by `read`.
    pub fn slow_down(&self, id: MemberId) {
        let frames_max = SLOW_FRAMES_MAX;
        let bounds = Bounds { frames_max, bytes_max: 1 << 20, subscription_frames_max: frames_max };
        self.lines().entry(id).or_default().outbox = Some(Outbox::new(bounds));
    }

    /// Each slow client reads so many frames.
    pub fn read(&self, frames: usize) {
        self.lines().values_mut().for_each(|line| line.read(frames));
    }

    pub fn record(&self, id: MemberId) -> Record {
        let mut lines = self.lines();
        let line = lines.entry(id).or_default();
        line.read(usize::MAX);
        line.record.clone()
    }

    fn take(&self, turn: ShardTurn) {
        let mut lines = self.lines();
        let (ShardTurn::Deliver { members, .. }
        | ShardTurn::Skipped { members, .. }
        | ShardTurn::End { members, .. }) = &turn;
        for id in members.iter() {
            let line = lines.entry(*id).or_default();
            if line.is_over() {
                continue; // as the contract says: late, not wrong
            }
            match &turn {
                ShardTurn::Deliver { payload, .. } => line.deliver(*id, payload),
                ShardTurn::Skipped { events, .. } => line.owed += events,
                ShardTurn::End { end, .. } => line.end = Some(end.clone()),
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
