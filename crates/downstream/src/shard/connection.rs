//! One socket: direct non-blocking sends, and the outbox behind what the kernel would not take.
//! Owns the order of bytes on the wire; never decides what they are or when the connection ends.

use super::protocol::{Body, Protocol};
use super::wire::Wire;
use super::{ConnectionId, Mailbox, Seat};
use bytes::Bytes;
use engine::outbox::{Bounds, Full, MemberId, Outbox, Payload, Waiting};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How much of a backlog goes into one write: two events in one halve the cost, ten cut it to an eighth.
const COALESCED_BYTES: usize = 64 << 10;

/// A connection that lives on a shard.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) wire: Wire,
    pub(super) protocol: Protocol,
    /// Bytes that came while it was not read; empty and without memory otherwise.
    pub(super) incoming: Vec<u8>,
    /// By the client's ids.
    pub(super) operations: HashMap<Box<str>, MemberId>,
    /// Operations on their way through the engine.
    pub(super) inflight: usize,
    /// Not read, until an operation in flight comes back.
    pub(super) is_paused: bool,
    /// Frames wait for others to share a write with, until its turn to be read is over.
    pub(super) is_corked: bool,
    pub(super) closing: Option<Closing>,
    /// The router stops, and this connection ends with what it still has to answer.
    pub(super) is_leaving: bool,
    /// Of a stream that was reserved.
    pub(super) reservation: Option<Box<Reservation>>,
    /// The tick at which something is due.
    pub(super) due: u64,
    /// The tick at which it is looked at next, at the latest when that is due; 0 = never.
    pub(super) next_look: u64,
    /// The tick of the last write.
    pub(super) last_write: u64,
    backlog: Option<Box<Backlog>>,
    _seat: Arc<Seat>,
}

/// What a client shows to use its stream.
pub(super) struct Reservation {
    pub(super) token: Box<str>,
    /// The one stream it stands for has been opened.
    pub(super) is_taken: bool,
}

/// The last frame is on its way.
pub(super) struct Closing {
    /// How long its client may take nothing of what still waits.
    pub(super) patience: Duration,
    /// All of it has left.
    pub(super) is_flushed: bool,
    /// Nothing more is expected of the client.
    pub(super) is_peer_done: bool,
    /// The client broke the framing: what it still sends is read and dropped, since closing a socket with
    /// unread bytes resets it, and a reset may take our last frame along.
    pub(super) is_deaf: bool,
}

struct Backlog {
    /// Bytes of a write that the kernel took only in part; these go first.
    partial: Bytes,
    outbox: Outbox,
    /// Nothing keeps it from being sent but that more may come.
    is_collecting: bool,
}

impl Backlog {
    /// The first payload.
    fn begin(&mut self, member: MemberId, lead: &Arc<[u8]>, payload: &Payload, skipped: u64) {
        let queued = self.outbox.push(member, lead, payload.clone(), skipped);
        debug_assert!(queued.is_ok(), "one entry always fits an empty queue");
    }
}

/// Why something could not be sent.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The outbox is full and its policies make no room.
    Full {
        /// Events that could not even be queued.
        lost: u64,
    },
    /// The socket is gone.
    Lost,
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Trouble::Lost
    }
}

/// What a shard lends to each write: one scratch buffer, the bounds, the clock, and its tally.
pub(super) struct Pen {
    pub(super) scratch: Vec<u8>,
    pub(super) bounds: Bounds,
    /// Payloads wait for others to share a write with, instead of being sent at once.
    pub(super) is_collecting: bool,
    pub(super) now: u64,
    pub(super) tally: Tally,
}

/// Counted here, added to the shared metrics once per loop: an atomic per delivery would be shared by all
/// shards.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, wire: Wire, protocol: Protocol, seat: Arc<Seat>) -> Self {
        Connection {
            id,
            wire,
            protocol,
            incoming: Vec::new(),
            operations: HashMap::new(),
            inflight: 0,
            is_paused: false,
            is_corked: false,
            closing: None,
            is_leaving: false,
            reservation: None,
            due: 0,
            next_look: 0,
            last_write: 0,
            backlog: None,
            _seat: seat,
        }
    }

    /// Has the shard told of what no readiness tells.
    pub(super) fn on_change(connection: Option<&Connection>, mailbox: &Arc<Mailbox>) {
        if let Some(Connection { id, wire: Wire::Pipe(inlet), .. }) = connection {
            let (id, mailbox) = (*id, mailbox.clone());
            inlet.on_change(Box::new(move || mailbox.nudge(id)));
        }
    }

    /// Whether everything was handed to the kernel.
    pub(super) fn is_flushed(&mut self) -> io::Result<bool> {
        Ok(self.backlog.is_none() && self.wire.flush()?)
    }

    /// Whether something waits for the client to take what went before.
    pub(super) fn is_blocked(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.is_collecting)
    }

    /// Whether anything waits, for whatever reason.
    pub(super) fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    /// Payloads that wait.
    pub(super) fn unsent(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.outbox.payloads() as u64)
    }

    /// A reserved stream is there: its head goes out, and behind it, as one chunk, what was written meanwhile.
    pub(super) fn open(
        &mut self,
        wire: Wire,
        head: Vec<u8>,
        body: Body,
        pen: &mut Pen,
    ) -> Result<(), Trouble> {
        let mut queued = body.form.opening().to_vec();
        if let Some(mut backlog) = self.backlog.take() {
            queued.extend_from_slice(&backlog.partial);
            while !backlog.outbox.is_empty() {
                self.coalesce(&mut backlog.outbox, pen);
                queued.extend_from_slice(&pen.scratch);
            }
        }
        self.wire = wire;
        self.protocol = Protocol::Body(body);
        self.send([&head[..], &body.chunk(&queued)].concat().into(), pen)
    }

    /// Sends a payload to one member: at once, or by its outbox. True = it was the first of those that wait to share a
    /// write, so somebody has to see to it.
    pub(super) fn deliver(
        &mut self,
        member: MemberId,
        lead: &Arc<[u8]>,
        payload: &Payload,
        skipped: u64,
        pen: &mut Pen,
    ) -> Result<bool, Trouble> {
        let has_room = |backlog: &Backlog| backlog.outbox.has_room(member, lead, payload);
        if self.backlog.as_ref().is_some_and(|backlog| backlog.is_collecting && !has_room(backlog)) {
            // It is not the client that is slow.
            self.flush(pen)?;
        }
        if let Some(backlog) = &mut self.backlog {
            let full = |Full| Trouble::Full { lost: 1 + skipped };
            pen.tally.dropped += backlog.outbox.push(member, lead, payload.clone(), skipped).map_err(full)?;
            if backlog.is_collecting && backlog.outbox.bytes() >= COALESCED_BYTES {
                self.flush(pen)?;
            }
            return Ok(false);
        }
        if pen.is_collecting {
            let backlog = self.backlog(pen);
            backlog.is_collecting = true;
            backlog.begin(member, lead, payload, skipped);
            return Ok(true);
        }
        pen.scratch.clear();
        self.protocol.push_payload(&mut pen.scratch, lead, &payload.json, skipped);
        let sent = self.write(&pen.scratch, pen.now)?;
        pen.tally.bytes += sent as u64;
        if sent == pen.scratch.len() {
            pen.tally.frames += 1;
            return Ok(false);
        }
        let backlog = self.backlog(pen);
        if sent == 0 {
            backlog.begin(member, lead, payload, skipped);
        } else {
            backlog.partial = Bytes::copy_from_slice(&pen.scratch[sent..]);
            pen.tally.frames += 1;
        }
        Ok(false)
    }

    /// Sends a frame of the protocol, behind whatever waits; what only waits for company leaves with it.
    pub(super) fn send(&mut self, frame: Bytes, pen: &mut Pen) -> Result<(), Trouble> {
        if frame.is_empty() {
            return Ok(());
        }
        if self.is_corked && self.backlog.is_none() {
            self.backlog(pen).is_collecting = true;
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.outbox.push_frame(frame).map_err(|Full| Trouble::Full { lost: 0 })?;
            return if backlog.is_collecting && !self.is_corked { self.flush(pen) } else { Ok(()) };
        }
        let sent = self.write(&frame, pen.now)?;
        pen.tally.frames += 1;
        pen.tally.bytes += sent as u64;
        if sent < frame.len() {
            self.backlog(pen).partial = frame.slice(sent..);
        }
        Ok(())
    }

    /// Sends the connection's last frame: behind what waits, or where that does not fit or must not matter,
    /// instead of it. (What the kernel took in part is always ended first, or the frame would be read as its
    /// rest.)
    pub(super) fn send_last(&mut self, frame: Bytes, is_abrupt: bool, pen: &mut Pen) -> Result<(), Trouble> {
        if is_abrupt && let Some(backlog) = &mut self.backlog {
            backlog.outbox.clear();
        }
        match self.send(frame.clone(), pen) {
            Err(Trouble::Full { .. }) => {
                if let Some(backlog) = &mut self.backlog {
                    backlog.outbox.clear();
                }
                self.send(frame, pen)
            }
            outcome => outcome,
        }
    }

    /// Writes the backlog as far as the kernel takes it, many frames in one write.
    pub(super) fn flush(&mut self, pen: &mut Pen) -> Result<(), Trouble> {
        if !self.wire.flush()? {
            return Ok(());
        }
        while let Some(mut backlog) = self.backlog.take() {
            backlog.is_collecting = false;
            if backlog.partial.is_empty() {
                self.coalesce(&mut backlog.outbox, pen);
                if pen.scratch.is_empty() {
                    return Ok(());
                }
                let sent = self.write(&pen.scratch, pen.now)?;
                pen.tally.bytes += sent as u64;
                backlog.partial = Bytes::copy_from_slice(&pen.scratch[sent..]);
            } else {
                let sent = self.write(&backlog.partial, pen.now)?;
                pen.tally.bytes += sent as u64;
                backlog.partial = backlog.partial.slice(sent..);
            }
            let is_blocked = !backlog.partial.is_empty();
            self.backlog = Some(backlog);
            if is_blocked {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Forgets what waits for an operation that its client has ended.
    pub(super) fn forget(&mut self, member: MemberId) {
        if let Some(backlog) = &mut self.backlog {
            backlog.outbox.remove(member);
        }
    }

    fn coalesce(&self, outbox: &mut Outbox, pen: &mut Pen) {
        pen.scratch.clear();
        while pen.scratch.len() < COALESCED_BYTES {
            let Some(waiting) = outbox.pop() else { break };
            pen.tally.frames += 1;
            match waiting {
                Waiting::Frame(frame) => pen.scratch.extend_from_slice(&frame),
                Waiting::Payload { lead, payload, skipped, .. } => {
                    self.protocol.push_payload(&mut pen.scratch, &lead, &payload.json, skipped);
                }
            }
        }
    }

    fn backlog(&mut self, pen: &Pen) -> &mut Backlog {
        self.backlog.get_or_insert_with(|| {
            let outbox = Outbox::new(pen.bounds);
            Box::new(Backlog { partial: Bytes::new(), outbox, is_collecting: false })
        })
    }

    /// One non-blocking send; how much was taken.
    fn write(&mut self, bytes: &[u8], now: u64) -> io::Result<usize> {
        tracing::trace!(target: "way", step = "write");
        let sent = self.wire.write(bytes)?;
        if sent > 0 {
            self.last_write = now;
        }
        Ok(sent)
    }
}
