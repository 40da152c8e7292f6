//! The loop of one shard: readiness, turns, ticks. Nothing in it waits for a client or for the engine.
//! Owns the connections and members of the shard; asynchronous work runs on the runtime and comes back as a
//! turn.

mod beginning;
mod draining;
mod ending;
mod operations;
mod reading;
mod shared;

use super::connection::{Connection, Pen, Tally, Trouble};
use super::deadlines::Deadlines;
use super::members::Members;
use super::{ConnectionId, Mailbox, Surroundings, Turn};
use crate::metrics::Metrics;
use bytes::Bytes;
use draining::Draining;
use engine::outbox::{Bounds, MemberId, Payload, ShardTurn};
use mio::{Events, Poll, Token};
use slab::Slab;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The waker's token; connections have the tokens of their slots.
pub(super) const BELL: Token = Token(usize::MAX);

/// Readiness events taken at once.
const EVENTS_MAX: usize = 1_024;

/// Turns taken before sockets are looked at again.
const TURNS_MAX: usize = 256;

/// Bytes read at once; lent to each connection in turn.
const READ_BYTES: usize = 64 << 10;

/// The shortest and the longest tick of the timer wheel.
const TICK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Ticks made up for at once: fewer than lie between two pings.
const LATE_TICKS_MAX: u32 = 4;

/// The receiving end of a mailbox.
pub(super) struct Inbox {
    pub(super) receiver: mpsc::Receiver<Turn>,
    pub(super) nudged: Arc<Mutex<Vec<ConnectionId>>>,
    pub(super) is_rung: Arc<AtomicBool>,
}

pub(super) struct Owner {
    poll: Poll,
    inbox: Inbox,
    mailbox: Arc<Mailbox>,
    around: Arc<Surroundings>,
    connections: Slab<Connection>,
    generation: u64,
    members: Members,
    deadlines: Deadlines,
    tick: Duration,
    pen: Pen,
    reading: Vec<u8>,
    /// Connections with more to read than one turn takes.
    unfinished: Vec<ConnectionId>,
    /// Connections whose payloads wait to share a write, and until when.
    collecting: (Vec<ConnectionId>, Option<Instant>),
    /// Streams that were reserved, by their tokens.
    reserved: HashMap<Box<str>, ConnectionId>,
    /// Of these, those whose client has not come.
    unopened: usize,
    has_more_turns: bool,
    draining: Option<Draining>,
    is_stopped: bool,
}

impl Owner {
    pub(super) fn new(poll: Poll, inbox: Inbox, mailbox: Arc<Mailbox>, around: Arc<Surroundings>) -> Owner {
        let timings = &around.timings;
        let waits = [timings.connection_init, timings.ping, timings.heartbeat, timings.multipart_heartbeat];
        let shortest = waits.into_iter().fold(timings.close, Duration::min);
        let pen = Pen {
            scratch: Vec::with_capacity(READ_BYTES),
            bounds: Bounds {
                frames_max: around.limits.outbox_frames_max,
                bytes_max: around.limits.outbox_bytes_max,
                subscription_frames_max: around.limits.subscription_frames_max,
            },
            is_collecting: !timings.flush.is_zero(),
            now: 0,
            tally: Tally::default(),
        };
        Owner {
            poll,
            inbox,
            members: Members::new(mailbox.id),
            mailbox,
            connections: Slab::new(),
            generation: 0,
            deadlines: Deadlines::new(),
            tick: (shortest / 8).clamp(TICK.0, TICK.1),
            around,
            pen,
            reading: vec![0; READ_BYTES],
            unfinished: Vec::new(),
            collecting: (Vec::new(), None),
            reserved: HashMap::new(),
            unopened: 0,
            has_more_turns: false,
            draining: None,
            is_stopped: false,
        }
    }

    /// Runs until `Turn::Stop`.
    pub(super) fn run(mut self) {
        let runtime = self.around.runtime.clone();
        let _entered = runtime.enter();
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut next_tick = Instant::now() + self.tick;
        while !self.is_stopped {
            let is_idle = self.unfinished.is_empty() && !self.has_more_turns;
            let drains = self.draining.as_ref().and_then(Draining::next);
            let next = [self.collecting.1, drains].into_iter().flatten().fold(next_tick, Instant::min);
            let until_next = next.saturating_duration_since(Instant::now());
            let patience = if is_idle { until_next } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(patience))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a shard's poll failed");
            }
            for event in &events {
                if event.token() != BELL {
                    // An error alone, as a reset, is found by reading.
                    let is_readable = event.is_readable() || event.is_read_closed() || event.is_error();
                    self.on_ready(event.token().0, is_readable, event.is_writable());
                }
            }
            self.take_turns();
            self.take_nudges();
            for connection in std::mem::take(&mut self.unfinished) {
                self.guarded(connection, |owner| owner.read(connection));
            }
            if self.collecting.1.is_some_and(|flush| Instant::now() >= flush) {
                self.collecting.1 = None;
                for connection in std::mem::take(&mut self.collecting.0) {
                    self.guarded(connection, |owner| owner.flush(connection));
                }
            }
            self.drain_due();
            // What the process slept through counts against no client: nobody could be heard meanwhile.
            next_tick =
                next_tick.max(Instant::now().checked_sub(self.tick * LATE_TICKS_MAX).unwrap_or(next_tick));
            while Instant::now() >= next_tick {
                next_tick += self.tick;
                self.on_tick();
            }
            self.publish_tally();
        }
    }

    fn take_nudges(&mut self) {
        let nudged = std::mem::take(&mut *self.inbox.nudged.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in nudged {
            self.guarded(connection, |owner| owner.flush(connection));
            self.guarded(connection, |owner| owner.read(connection));
        }
    }

    fn on_ready(&mut self, slot: usize, is_readable: bool, is_writable: bool) {
        let Some(connection) = self.connections.get(slot).map(|connection| connection.id) else { return };
        if is_writable {
            self.guarded(connection, |owner| owner.flush(connection));
        }
        if is_readable {
            self.guarded(connection, |owner| owner.read(connection));
        }
    }

    /// A panic ends the connection it is about and no other (invariant 12).
    fn guarded(&mut self, connection: ConnectionId, work: impl FnOnce(&mut Owner)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("a panic ended one connection");
            self.reading.resize(READ_BYTES, 0);
            self.lose(connection, "panic");
        }
    }

    fn take_turns(&mut self) {
        // First: a turn that comes after this rings again.
        self.inbox.is_rung.store(false, Ordering::SeqCst);
        self.has_more_turns = true;
        for _ in 0..TURNS_MAX {
            match self.inbox.receiver.try_recv() {
                Ok(turn) => {
                    if catch_unwind(AssertUnwindSafe(|| self.take_turn(turn))).is_err() {
                        tracing::error!("a panic ended one turn of a shard");
                    }
                }
                Err(_) => {
                    self.has_more_turns = false;
                    return;
                }
            }
        }
    }

    fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Engine(ShardTurn::Deliver { payload, members }) => self.deliver(&payload, &members),
            Turn::Engine(ShardTurn::Skipped { members, events }) => {
                for &member in members.iter() {
                    if let Some(entry) = self.members.find(member) {
                        entry.skipped += events;
                    }
                }
            }
            Turn::Engine(ShardTurn::End { members, end }) => {
                for &member in members.iter() {
                    self.end(member, &end);
                }
            }
            Turn::Adopt(adoption) => self.adopt(*adoption),
            Turn::Authenticated { connection, verdict } => self.authenticated(connection, verdict),
            Turn::Joining { connection, member } => {
                if let Some(entry) = self.members.find(member) {
                    entry.is_live = true;
                }
                self.settled(connection);
                self.leave_if_answered(connection);
            }
            Turn::Finished { connection, member, outcome, is_joining } => {
                self.finished(member, outcome);
                if !is_joining {
                    self.settled(connection);
                }
                self.leave_if_answered(connection);
            }
            Turn::Shared(order) => self.order(order),
            Turn::Drain(drain) => self.drain(drain),
            Turn::Stop => self.is_stopped = true,
        }
    }

    /// The hot path: one payload to each member, at once where its kernel buffer has room.
    fn deliver(&mut self, payload: &Payload, members: &[MemberId]) {
        for &member in members {
            let Some(entry) = self.members.find(member) else { continue };
            let Some(connection) = self.connections.get_mut(entry.connection.slot) else { continue };
            let skipped = std::mem::take(&mut entry.skipped);
            let sent = connection.deliver(member, &entry.lead, payload, skipped, &mut self.pen);
            match sent {
                Ok(false) => {}
                Ok(true) => {
                    self.collecting.0.push(entry.connection);
                    let flush = self.around.timings.flush;
                    self.collecting.1.get_or_insert_with(|| Instant::now() + flush);
                }
                Err(trouble) => {
                    let connection = entry.connection;
                    self.meet(connection, &trouble);
                }
            }
        }
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
    }

    /// Sends a frame of the protocol.
    fn send(&mut self, id: ConnectionId, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
        else {
            return;
        };
        if let Err(trouble) = connection.send(frame, &mut self.pen) {
            self.meet(id, &trouble);
        }
    }

    fn flush(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
        else {
            return;
        };
        match connection.flush(&mut self.pen) {
            Err(trouble) => self.meet(id, &trouble),
            Ok(()) => self.finish_if_flushed(id),
        }
    }

    fn meet(&mut self, id: ConnectionId, trouble: &Trouble) {
        match trouble {
            Trouble::Full { lost } => {
                let waiting = self.find(id).map_or(0, |connection| connection.unsent());
                self.close_slow(id, waiting + lost);
            }
            Trouble::Lost => self.lose(id, "connection_lost"),
        }
    }

    /// Looks at a connection again after this long, to the tick, instead of when it was to be before.
    fn wake_after(&mut self, id: ConnectionId, wait: Duration) {
        let ticks = wait.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        let due = self.deadlines.now() + u64::try_from(ticks).unwrap_or(u64::MAX / 2);
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
        else {
            return;
        };
        connection.due = due;
        // A look that comes earlier finds the new time, and asks again.
        if connection.next_look == 0 || due < connection.next_look {
            connection.next_look = self.deadlines.ask(id, due);
        }
    }

    fn publish_tally(&mut self) {
        let tally = std::mem::take(&mut self.pen.tally);
        Metrics::grow(&self.around.metrics.frames_sent, tally.frames);
        Metrics::grow(&self.around.metrics.bytes_sent, tally.bytes);
        Metrics::grow(&self.around.metrics.payloads_dropped, tally.dropped);
    }
}
