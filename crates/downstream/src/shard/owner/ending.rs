//! How connections end: close handshakes, losses, deadlines.
//! Owns that every end is counted once under its reason, and frees the connection's operations at once.

use super::Owner;
use crate::form::Form;
use crate::frame::{Close, Opcode, encode};
use crate::shard::connection::Closing;
use crate::shard::members::Entry;
use crate::shard::protocol::{Body, Protocol, lagged, text};
use crate::shard::{ConnectionId, Wire};
use crate::websocket::Phase;
use bytes::Bytes;
use engine::outbox::MemberId;
use std::time::Duration;

/// Pings without an answer after which a client is dead.
const PINGS_UNANSWERED_MAX: u32 = 2;

impl Owner {
    /// Ends a connection with its last frame; the first close wins. Abrupt = what waits is dropped for it.
    pub(super) fn close(&mut self, id: ConnectionId, close: Close, is_abrupt: bool) {
        self.close_after(id, Vec::new(), close, is_abrupt);
    }

    /// The client reads too slowly, and this many events were not sent.
    pub(super) fn close_slow(&mut self, id: ConnectionId, unsent: u64) {
        let Some(connection) = self.find(id) else { return };
        let mut words = Vec::new();
        if let Protocol::Body(body) = &connection.protocol {
            for client_id in connection.operations.keys() {
                words.extend_from_slice(&body.errors(client_id, &[lagged(unsent)]));
            }
        }
        // 1013, "try again later": clients retry on it.
        let reason = format!("slow consumer: {unsent} events were not sent");
        self.close_after(id, words, Close::new(1013, reason, "slow_consumer"), true);
    }

    fn close_after(&mut self, id: ConnectionId, mut words: Vec<u8>, close: Close, is_abrupt: bool) {
        let (hurried, patient) = (self.around.timings.close, self.around.timings.unacknowledged);
        let is_hurried = is_abrupt || self.draining.is_some();
        let Some(connection) = self.find(id).filter(|connection| connection.closing.is_none()) else {
            return;
        };
        // A result is read to its end at any pace, unless its client was too slow before, or the router stops.
        let is_result = matches!(connection.protocol, Protocol::Body(_)) && !is_hurried;
        let patience = if is_result { patient } else { hurried };
        words.extend_from_slice(&connection.protocol.close(&close));
        connection.closing =
            Some(Closing { patience, is_flushed: false, is_peer_done: false, is_deaf: false });
        if std::mem::take(&mut connection.is_paused) {
            self.unfinished.push(id);
        }
        self.around.metrics.closes.add(&[close.label], 1);
        self.release(id, close.label);
        self.wake_after(id, self.around.timings.close);
        let Some(connection) = self.connections.get_mut(id.slot) else { return };
        match connection.send_last(words.into(), is_abrupt, &mut self.pen) {
            Ok(()) => self.finish_if_flushed(id),
            Err(_) => self.lose(id, "connection_lost"),
        }
    }

    /// What the peer still sends makes no sense any more.
    pub(super) fn stop_listening(&mut self, id: ConnectionId) {
        if let Some(closing) = self.find(id).and_then(|connection| connection.closing.as_mut()) {
            closing.is_deaf = true;
        }
        self.finish_if_flushed(id);
    }

    /// The peer has said its last word: no need to wait for it.
    pub(super) fn expect_nothing_more(&mut self, id: ConnectionId) {
        if let Some(closing) = self.find(id).and_then(|connection| connection.closing.as_mut()) {
            closing.is_peer_done = true;
        }
        self.finish_if_flushed(id);
    }

    /// Ends an operation with its last frame; where that does not fit, it ends with its connection. A body of one ends
    /// with it, in the same write: between two, a client that has what it wanted may have let go, and take the end for
    /// a loss.
    pub(super) fn conclude(
        &mut self,
        member: MemberId,
        label: &'static str,
        frame: impl FnOnce(&Protocol, &Entry) -> Bytes,
    ) {
        let Some(entry) = self.members.find(member) else { return };
        let id = entry.connection;
        let found = self.connections.get_mut(id.slot).filter(|connection| connection.id == id);
        let Some(connection) = found else { return };
        let frame = frame(&connection.protocol, entry);
        let is_over = connection.protocol.is_of_one();
        let is_alone = is_over && !connection.has_backlog();
        if !is_alone && let Err(trouble) = connection.send(frame.clone(), &mut self.pen) {
            return self.meet(id, &trouble);
        }
        connection.operations.remove(&entry.client_id);
        let protocol = connection.protocol.label();
        if let Some(entry) = self.members.remove(member) {
            self.note_end(protocol, &entry.client_id, label);
        }
        if is_over {
            let words = if is_alone { frame.into() } else { Vec::new() };
            self.close_after(id, words, Close::new(1000, "", label), false);
        }
    }

    /// Once the last frame is with the kernel: says so to the peer, and lets go where nothing more is
    /// expected.
    pub(super) fn finish_if_flushed(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        match connection.is_flushed() {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return self.lose(id, "connection_lost"),
        }
        let Some(closing) = &mut connection.closing else { return };
        let was_flushed = std::mem::replace(&mut closing.is_flushed, true);
        // What does not come by a socket of its own cannot be read out.
        let is_over = closing.is_peer_done || !connection.wire.is_socket();
        let is_last = is_over || closing.is_deaf || matches!(connection.protocol, Protocol::Body(_));
        if is_last && connection.wire.finish().is_err() {
            return self.lose(id, "connection_lost");
        }
        if is_over {
            self.lose(id, "closed");
        } else if !was_flushed {
            self.wake_after(id, self.around.timings.close);
        }
    }

    /// Lets go of a connection now.
    pub(super) fn lose(&mut self, id: ConnectionId, reason: &'static str) {
        if self.find(id).is_none() {
            return;
        }
        self.release(id, reason);
        let mut connection = self.connections.remove(id.slot);
        if let Some(reservation) = &connection.reservation {
            self.reserved.remove(&reservation.token);
            self.unopened -= usize::from(matches!(connection.wire, Wire::Reserved));
        }
        if connection.closing.is_none() {
            tracing::debug!(protocol = connection.protocol.label(), reason, "a connection ended");
            self.around.metrics.closes.add(&[reason], 1);
        }
        if let Err(error) = connection.wire.deregister(self.poll.registry()) {
            tracing::debug!(%error, "a lost connection could not be deregistered");
        }
    }

    /// Frees the connection's operations; dropping a joined one leaves its trigger.
    fn release(&mut self, id: ConnectionId, reason: &'static str) {
        let Some(connection) = self.find(id) else { return };
        let protocol = connection.protocol.label();
        for member in std::mem::take(&mut connection.operations).into_values() {
            if let Some(entry) = self.members.remove(member) {
                self.note_end(protocol, &entry.client_id, reason);
            }
        }
    }

    /// Every end of an operation comes by here, once.
    pub(super) fn note_end(&mut self, protocol: &'static str, client_id: &str, reason: &'static str) {
        tracing::debug!(protocol, reason, id = client_id, "a stream ended");
        self.around.metrics.streams_ended.add(&[protocol, reason], 1);
    }

    pub(super) fn on_tick(&mut self) {
        let due = self.deadlines.advance();
        self.pen.now = self.deadlines.now();
        for id in due {
            self.guarded(id, |owner| owner.on_deadline(id));
        }
    }

    /// How long a body of this form may be silent.
    pub(super) fn heartbeat(&self, form: Form) -> Duration {
        match form {
            Form::EventStream | Form::SharedEventStream => self.around.timings.heartbeat,
            Form::Multipart(_) => self.around.timings.multipart_heartbeat,
        }
    }

    fn on_deadline(&mut self, id: ConnectionId) {
        let now = self.deadlines.now();
        // An earlier look was asked for since.
        let Some(connection) = self.connections.get_mut(id.slot) else { return };
        if connection.id != id || connection.next_look != now {
            return;
        }
        connection.next_look = 0;
        if now < connection.due {
            connection.next_look = self.deadlines.ask(id, connection.due);
            return;
        }
        let silent = self.tick * u32::try_from(now - connection.last_write).unwrap_or(u32::MAX);
        if let Some(closing) = &connection.closing {
            if closing.is_flushed {
                return self.lose(id, "closed");
            }
            if let Some(rest) = closing.patience.checked_sub(silent).filter(|rest| !rest.is_zero()) {
                return self.wake_after(id, rest);
            }
            tracing::debug!("a connection was cut before its client took its last bytes");
            return self.lose(id, "stalled");
        }
        match &connection.protocol {
            Protocol::Body(_) if matches!(connection.wire, Wire::Reserved) => {
                self.lose(id, "never_opened");
            }
            Protocol::Body(body) => {
                let body = *body;
                self.beat(id, body, silent);
            }
            Protocol::WebSocket(web_socket) => match web_socket.phase {
                Phase::Opened => {
                    let text = "Connection initialisation timeout";
                    self.close(id, Close::new(4408, text, "init_timeout"), false);
                }
                // The verification has its own time limit.
                Phase::Authenticating => self.wake_after(id, self.around.timings.ping),
                Phase::Acknowledged => self.ping(id),
            },
        }
    }

    /// Keeps a quiet body alive, and lets go of one whose client takes nothing: within HTTP/2 no socket tells of that.
    fn beat(&mut self, id: ConnectionId, body: Body, silent: Duration) {
        let heartbeat = self.heartbeat(body.form);
        if self.find(id).is_some_and(|connection| connection.is_blocked()) {
            let patience = self.around.timings.unacknowledged;
            return match silent >= patience {
                true => self.lose(id, "stalled"),
                false => self.wake_after(id, heartbeat.min(patience - silent)),
            };
        }
        if silent < heartbeat {
            return self.wake_after(id, heartbeat - silent);
        }
        self.send(id, body.chunk(body.form.heartbeat()));
        self.wake_after(id, heartbeat);
    }

    fn ping(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        let is_paused = connection.is_paused;
        let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return };
        if web_socket.pings_unanswered >= PINGS_UNANSWERED_MAX {
            return self.lose(id, "ping_timeout");
        }
        let keep_alive = web_socket.dialect.keep_alive();
        // A connection that is not read cannot be heard.
        if !is_paused {
            web_socket.pings_unanswered += 1;
            self.send(id, encode(Opcode::Ping, b"").into());
        }
        if let Some(keep_alive) = keep_alive {
            self.send(id, text(keep_alive));
        }
        self.wake_after(id, self.around.timings.ping);
    }
}
