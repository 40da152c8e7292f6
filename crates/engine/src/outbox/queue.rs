//! The bounded queue of one slow connection: what the kernel would not take yet, and what gives way when it
//! is full.
//! Owns the overflow policies and the arithmetic of loss: every payload pushed leaves as itself or as a count
//! that the next payload of the same member carries. Pure: no socket, no clock, no encoding.

use super::{MemberId, Overflow, Payload};
use bytes::Bytes;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Frames of one connection that wait for its socket, in order.
///
/// Payloads and protocol frames are bounded apart, each by `Bounds`, so that a backlog of events leaves room for the
/// frame that says why it ends. One entry always fits an empty queue.
#[derive(Debug)]
pub struct Outbox {
    entries: VecDeque<Waiting>,
    payloads: Load,
    frames: Load,
    /// How many payloads of each subscription wait.
    members: HashMap<MemberId, usize>,
    bounds: Bounds,
}

/// How much may wait in one outbox.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// `outbox_frames_max`.
    pub frames_max: usize,
    /// `outbox_bytes_max`.
    pub bytes_max: usize,
    /// `subscription_frames_max`: of these, so many payloads of one subscription.
    pub subscription_frames_max: usize,
}

/// One thing that waits.
#[derive(Debug, Clone)]
pub enum Waiting {
    /// Ready bytes of the protocol itself (acknowledgements, pongs, results, terminal frames): never dropped.
    Frame(Bytes),
    /// A payload of a subscription; its policy may drop it.
    Payload {
        member: MemberId,
        /// The protocol's bytes before the payload, shared by all payloads of the member.
        lead: Arc<[u8]>,
        payload: Payload,
        /// Payloads of this member that were lost before this one.
        skipped: u64,
    },
}

/// There is no room, and the policies allow none to be made: the connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    count: usize,
    bytes: usize,
}

impl Load {
    fn fits(self, bytes: usize, bounds: &Bounds) -> bool {
        self.count == 0 || (self.count < bounds.frames_max && self.bytes + bytes <= bounds.bytes_max)
    }

    fn grow(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn shrink(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Waiting::Frame(frame) => frame.len(),
            Waiting::Payload { lead, payload, .. } => lead.len() + payload.json.len(),
        }
    }
}

/// What of a member gives way to its newest: all, or the same entity; `None` = nothing.
fn slot(payload: &Payload) -> Option<Option<Arc<str>>> {
    match (payload.overflow, &payload.key) {
        (Overflow::Latest, _) => Some(None),
        (Overflow::Conflate, Some(key)) => Some(Some(key.clone())),
        (Overflow::Conflate, None) | (Overflow::Disconnect, _) => None,
    }
}

impl Outbox {
    pub fn new(bounds: Bounds) -> Outbox {
        let (payloads, frames) = (Load::default(), Load::default());
        Outbox { entries: VecDeque::new(), payloads, frames, members: HashMap::new(), bounds }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Payloads that wait.
    pub fn payloads(&self) -> usize {
        self.payloads.count
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.payloads.bytes + self.frames.bytes
    }

    /// Queues a protocol frame.
    pub fn push_frame(&mut self, frame: Bytes) -> Result<(), Full> {
        if !self.frames.fits(frame.len(), &self.bounds) {
            return Err(Full);
        }
        self.frames.grow(frame.len());
        self.entries.push_back(Waiting::Frame(frame));
        Ok(())
    }

    /// Whether this payload fits without another giving way.
    pub fn has_room(&self, member: MemberId, lead: &[u8], payload: &Payload) -> bool {
        self.fits(member, lead.len() + payload.json.len())
    }

    /// Queues a payload, making room by its policy; returns how many waiting payloads were dropped for it
    /// (each is already counted in the `skipped` of what follows it). On `Full` nothing was queued, and what
    /// was dropped while looking for room no longer matters: the connection ends.
    pub fn push(
        &mut self,
        member: MemberId,
        lead: &Arc<[u8]>,
        payload: Payload,
        mut skipped: u64,
    ) -> Result<u64, Full> {
        let bytes = lead.len() + payload.json.len();
        let mut dropped = 0;
        if !self.fits(member, bytes) && payload.overflow != Overflow::Disconnect {
            let (count, lost) = self.collapse(Some((member, &payload)));
            dropped += count;
            skipped += lost;
        }
        if !self.payloads.fits(bytes, &self.bounds) {
            dropped += self.collapse(None).0;
        }
        if !self.fits(member, bytes) {
            return Err(Full);
        }
        self.payloads.grow(bytes);
        *self.members.entry(member).or_default() += 1;
        self.entries.push_back(Waiting::Payload { member, lead: lead.clone(), payload, skipped });
        Ok(dropped)
    }

    /// The oldest entry.
    pub fn pop(&mut self) -> Option<Waiting> {
        let entry = self.entries.pop_front()?;
        self.forget(&entry);
        Some(entry)
    }

    /// Drops what waits for a member that its client has ended.
    pub fn remove(&mut self, member: MemberId) {
        self.retain(|entry| !matches!(entry, Waiting::Payload { member: owner, .. } if *owner == member));
    }

    /// Drops everything: the connection ends with one last frame.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.members.clear();
        self.payloads = Load::default();
        self.frames = Load::default();
    }

    fn fits(&self, member: MemberId, bytes: usize) -> bool {
        let own = self.members.get(&member).copied().unwrap_or(0);
        (own == 0 || own < self.bounds.subscription_frames_max) && self.payloads.fits(bytes, &self.bounds)
    }

    fn forget(&mut self, entry: &Waiting) {
        match entry {
            Waiting::Frame(_) => self.frames.shrink(entry.bytes()),
            Waiting::Payload { member, .. } => {
                self.payloads.shrink(entry.bytes());
                if let Some(own) = self.members.get_mut(member) {
                    *own -= 1;
                    if *own == 0 {
                        self.members.remove(member);
                    }
                }
            }
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Waiting) -> bool) {
        let entries = std::mem::take(&mut self.entries);
        for entry in entries {
            if keep(&entry) {
                self.entries.push_back(entry);
            } else {
                self.forget(&entry);
            }
        }
    }

    /// Makes room: of `newer`'s member, or else of every one, keeps what is the newest of its slot. Returns how many
    /// were dropped, and the loss that `newer` has to report. A loss, be it one that was already written on a dropped
    /// payload, moves to the member's next one, wherever that waits.
    ///
    /// Costs the whole queue, so it drops all that it may: the next look is then far away.
    fn collapse(&mut self, newer: Option<(MemberId, &Payload)>) -> (u64, u64) {
        let only = newer.map(|(member, _)| member);
        let newest = newer.and_then(|(member, payload)| Some((member, slot(payload)?)));
        let mut newest: HashSet<(MemberId, Option<Arc<str>>)> = newest.into_iter().collect();
        let mut doomed = vec![false; self.entries.len()];
        for (at, entry) in self.entries.iter().enumerate().rev() {
            let Waiting::Payload { member, payload, .. } = entry else { continue };
            if only.is_none_or(|only| only == *member)
                && let Some(slot) = slot(payload)
            {
                doomed[at] = !newest.insert((*member, slot));
            }
        }
        let mut owed: HashMap<MemberId, u64> = HashMap::new();
        let mut dropped = 0;
        let entries = std::mem::take(&mut self.entries);
        for (mut entry, doomed) in entries.into_iter().zip(doomed) {
            if doomed {
                self.forget(&entry);
            }
            if let Waiting::Payload { member, skipped, .. } = &mut entry {
                if doomed {
                    dropped += 1;
                    *owed.entry(*member).or_default() += 1 + *skipped;
                    continue;
                }
                *skipped += owed.remove(member).unwrap_or(0);
            }
            self.entries.push_back(entry);
        }
        (dropped, only.and_then(|only| owed.remove(&only)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
