//! A coarse timer wheel: which connections to look at in this tick.
//! Owns slots of tokens; an entry is never moved, whoever is woken too early asks again. Pure.

use super::ConnectionId;

const SLOTS: usize = 64;

/// One pending entry per connection; a look-up costs nothing until its tick comes.
pub(super) struct Deadlines {
    slots: Vec<Vec<ConnectionId>>,
    now: u64,
}

impl Deadlines {
    pub(super) fn new() -> Deadlines {
        Deadlines { slots: (0..SLOTS).map(|_| Vec::new()).collect(), now: 0 }
    }

    /// The current tick.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Asks to be told at tick `at`, or earlier where that is further away than the wheel reaches; at which tick it is.
    pub(super) fn ask(&mut self, connection: ConnectionId, at: u64) -> u64 {
        let at = at.clamp(self.now + 1, self.now + SLOTS as u64 - 1);
        self.slots[at as usize % SLOTS].push(connection);
        at
    }

    /// Moves one tick on; whom to look at now.
    pub(super) fn advance(&mut self) -> Vec<ConnectionId> {
        self.now += 1;
        std::mem::take(&mut self.slots[self.now as usize % SLOTS])
    }
}
