//! The router stops: connections end one after the other, each after what it still has to answer.
//! Owns their order in time; how one ends is `ending`'s.

use super::Owner;
use crate::frame::Close;
use crate::options::Drain;
use crate::shard::ConnectionId;
use engine::outbox::End;
use std::collections::VecDeque;

/// Connections that wait for their turn to end.
pub(super) struct Draining {
    waiting: VecDeque<ConnectionId>,
    total: u64,
    began: u64,
    /// Over so many ticks.
    ticks: u64,
    pub(super) completes_event_streams: bool,
}

impl Owner {
    pub(super) fn drain(&mut self, drain: Drain) {
        let waiting: VecDeque<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        let ticks = drain.spread.as_nanos() / self.tick.as_nanos().max(1);
        self.draining = Some(Draining {
            total: waiting.len() as u64,
            waiting,
            began: self.deadlines.now(),
            ticks: u64::try_from(ticks).unwrap_or(u64::MAX),
            completes_event_streams: drain.completes_event_streams,
        });
        self.drain_due();
    }

    /// Ends those whose turn has come: evenly over the window, the first at once.
    pub(super) fn drain_due(&mut self) {
        let now = self.deadlines.now();
        loop {
            let Some(draining) = &mut self.draining else { return };
            let ended = draining.total - draining.waiting.len() as u64;
            let passed = now - draining.began;
            // The one that is next has its turn at `ended / total` of the window.
            if passed < draining.ticks && ended * draining.ticks > passed * draining.total {
                return;
            }
            let Some(id) = draining.waiting.pop_front() else { return };
            self.guarded(id, |owner| owner.drain_one(id));
        }
    }

    /// Ends a connection's subscriptions, and the connection once its other operations are answered.
    pub(super) fn drain_one(&mut self, id: ConnectionId) {
        if let Some(connection) = self.find(id) {
            connection.is_leaving = true;
            self.leave_if_answered(id);
        }
    }

    /// Goes on with that whenever one of them is answered, or turns out to be a subscription.
    pub(super) fn leave_if_answered(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id).filter(|connection| connection.is_leaving) else { return };
        let members: Vec<_> = connection.operations.values().copied().collect();
        for member in members {
            if self.members.find(member).is_some_and(|entry| entry.is_live) {
                self.end(member, &End::Drain);
            }
        }
        if self.find(id).is_some_and(|connection| connection.operations.is_empty()) {
            // "Service restart": clients retry on it.
            self.close(id, Close::new(1012, "Service restart", "drain"), false);
        }
    }
}
