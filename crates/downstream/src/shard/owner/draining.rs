//! The router stops: connections end one after the other, each after what it still has to answer.
//! Owns their order in time; how one ends is `ending`'s.

use super::Owner;
use crate::frame::Close;
use crate::options::Drain;
use crate::shard::ConnectionId;
use engine::outbox::End;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Connections that wait for their turn to end.
pub(super) struct Draining {
    waiting: VecDeque<ConnectionId>,
    total: usize,
    began: Instant,
    spread: Duration,
    pub(super) completes_event_streams: bool,
}

impl Draining {
    /// When the next one has its turn: evenly over the window, the first at once. `None` = all have had theirs.
    pub(super) fn next(&self) -> Option<Instant> {
        let ended = self.total - self.waiting.len();
        let share = ended as f64 / self.total.max(1) as f64;
        (!self.waiting.is_empty()).then(|| self.began + self.spread.mul_f64(share))
    }
}

impl Owner {
    pub(super) fn drain(&mut self, drain: Drain) {
        let waiting: VecDeque<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        self.draining = Some(Draining {
            total: waiting.len(),
            waiting,
            began: Instant::now(),
            spread: drain.spread,
            completes_event_streams: drain.completes_event_streams,
        });
    }

    /// Ends those whose turn has come.
    pub(super) fn drain_due(&mut self) {
        let now = Instant::now();
        while let Some(draining) = &mut self.draining
            && draining.next().is_some_and(|next| next <= now)
            && let Some(id) = draining.waiting.pop_front()
        {
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
