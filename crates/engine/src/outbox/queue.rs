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

    fn is_superseded_by(&self, member: MemberId, newer: &Payload) -> bool {
        match self {
            Waiting::Frame(_) => false,
            Waiting::Payload { member: owner, payload, .. } => {
                *owner == member && gives_way(payload, newer.key.as_ref())
            }
        }
    }
}

/// Whether a waiting payload may be dropped for a newer one of the same member and this key.
fn gives_way(older: &Payload, newer_key: Option<&Arc<str>>) -> bool {
    match older.overflow {
        Overflow::Disconnect => false,
        Overflow::Latest => true,
        Overflow::Conflate => older.key.is_some() && older.key.as_ref() == newer_key,
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
            let (count, lost) = self.supersede(member, &payload);
            dropped += count;
            skipped += lost;
        }
        if !self.payloads.fits(bytes, &self.bounds) {
            dropped += self.collapse();
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

    /// Drops what one new payload makes obsolete; returns how many, and the loss the new one has to report. A
    /// loss that was already written on a dropped payload moves to the member's next one, wherever that
    /// waits.
    fn supersede(&mut self, member: MemberId, newer: &Payload) -> (u64, u64) {
        let (mut dropped, mut owed) = (0, 0);
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain_mut(|entry| {
            if entry.is_superseded_by(member, newer) {
                self.forget(entry);
                let Waiting::Payload { skipped, .. } = entry else { return true };
                dropped += 1;
                owed += 1 + *skipped;
                return false;
            }
            if let Waiting::Payload { member: owner, skipped, .. } = entry
                && *owner == member
            {
                *skipped += std::mem::take(&mut owed);
            }
            true
        });
        self.entries = entries;
        (dropped, owed)
    }

    /// Makes room at the cost of every member whose policy allows it: keeps the newest of each, or of each
    /// entity. Costs the whole queue, so it comes only after `supersede` did not help.
    fn collapse(&mut self) -> u64 {
        let mut newest: HashSet<(MemberId, Option<Arc<str>>)> = HashSet::new();
        let mut doomed = vec![false; self.entries.len()];
        for (at, entry) in self.entries.iter().enumerate().rev() {
            let Waiting::Payload { member, payload, .. } = entry else { continue };
            let key = match (payload.overflow, &payload.key) {
                (Overflow::Latest, _) => None,
                (Overflow::Conflate, Some(key)) => Some(key.clone()),
                _ => continue,
            };
            doomed[at] = !newest.insert((*member, key));
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
        dropped
    }
}

#[cfg(test)]
mod tests;
