//! How connections end: close handshakes, losses, deadlines, drain.
//! Owns that every end is counted once under its reason, and frees the connection's operations at once.

use super::Owner;
use crate::frame::{Close, Opcode, encode};
use crate::shard::ConnectionId;
use crate::shard::connection::Closing;
use crate::shard::protocol::{Protocol, lagged};
use crate::sse;
use crate::websocket::Phase;
use bytes::Bytes;
use engine::outbox::End;
use std::net::Shutdown;

/// Pings without an answer after which a client is dead.
const PINGS_UNANSWERED_MAX: u32 = 2;

impl Owner {
    /// Ends a connection with its last frame; the first close wins. Abrupt = what waits is dropped for it.
    pub(super) fn close(&mut self, id: ConnectionId, close: Close, is_abrupt: bool) {
        let Some(connection) = self.find(id).filter(|connection| connection.closing.is_none()) else {
            return;
        };
        let frame = match &connection.protocol {
            Protocol::WebSocket(_) => Bytes::from(close.frame()),
            Protocol::EventStream if is_abrupt => lagged(),
            Protocol::EventStream => Bytes::new(),
        };
        connection.closing = Some(Closing { until: 0, is_peer_done: false, is_deaf: false });
        if std::mem::take(&mut connection.is_paused) {
            self.unfinished.push(id);
        }
        self.around.metrics.closes.add(&[close.label], 1);
        self.release(id);
        self.wake_after(id, self.around.timings.close);
        let Some(connection) = self.connections.get_mut(id.slot) else { return };
        if let Some(closing) = &mut connection.closing {
            closing.until = connection.due;
        }
        match connection.send_last(frame, is_abrupt, &mut self.pen) {
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

    /// An event stream ends with its one operation.
    pub(super) fn close_if_over(&mut self, id: ConnectionId, label: &'static str) {
        let is_over = |protocol: &Protocol| matches!(protocol, Protocol::EventStream);
        if self.find(id).is_some_and(|connection| is_over(&connection.protocol)) {
            self.close(id, Close::new(1000, "", label), false);
        }
    }

    /// Once the last frame is with the kernel: says so to the peer, and lets go where nothing more is
    /// expected.
    pub(super) fn finish_if_flushed(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id).filter(|connection| connection.is_flushed()) else { return };
        let Some(closing) = &connection.closing else { return };
        let is_over = closing.is_peer_done;
        let is_last = is_over || closing.is_deaf || matches!(connection.protocol, Protocol::EventStream);
        if is_last && connection.stream.shutdown(Shutdown::Write).is_err() {
            return self.lose(id, "connection_lost");
        }
        if is_over {
            self.lose(id, "closed");
        }
    }

    /// Lets go of a connection now.
    pub(super) fn lose(&mut self, id: ConnectionId, reason: &'static str) {
        if self.find(id).is_none() {
            return;
        }
        self.release(id);
        let mut connection = self.connections.remove(id.slot);
        if connection.closing.is_none() {
            self.around.metrics.closes.add(&[reason], 1);
        }
        if let Err(error) = self.poll.registry().deregister(&mut connection.stream) {
            tracing::debug!(%error, "a lost connection could not be deregistered");
        }
    }

    /// Frees the connection's operations; dropping a joined one leaves its trigger.
    fn release(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        for member in std::mem::take(&mut connection.operations).into_values() {
            self.members.remove(member);
        }
    }

    pub(super) fn drain(&mut self) {
        self.is_draining = true;
        let all: Vec<ConnectionId> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        for id in all {
            self.guarded(id, |owner| owner.drain_one(id));
        }
    }

    /// 1012, "service restart", and for event streams an end without `complete`: clients retry on both.
    pub(super) fn drain_one(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        let members: Vec<_> = connection.operations.values().copied().collect();
        for member in members {
            self.end(member, &End::Drain);
        }
        self.close(id, Close::new(1012, "Service restart", "drain"), false);
    }

    pub(super) fn on_tick(&mut self) {
        let due = self.deadlines.advance();
        self.pen.now = self.deadlines.now();
        for id in due {
            self.guarded(id, |owner| owner.on_deadline(id));
        }
    }

    fn on_deadline(&mut self, id: ConnectionId) {
        let now = self.deadlines.now();
        let heartbeat = self.around.timings.heartbeat;
        let Some(connection) = self.find(id) else { return };
        if now < connection.due {
            let due = connection.due;
            return self.deadlines.ask(id, due);
        }
        if let Some(closing) = &connection.closing {
            debug_assert!(now >= closing.until, "`due` is never before the end of patience");
            return self.lose(id, "closed");
        }
        let last_write = connection.last_write;
        match &mut connection.protocol {
            Protocol::EventStream => {
                let silent = self.tick * u32::try_from(now - last_write).unwrap_or(u32::MAX);
                if silent >= heartbeat {
                    self.send(id, Bytes::from_static(sse::HEARTBEAT));
                    self.wake_after(id, heartbeat);
                } else {
                    self.wake_after(id, heartbeat - silent);
                }
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

    fn ping(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        let is_paused = connection.is_paused;
        let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return };
        if web_socket.pings_unanswered >= PINGS_UNANSWERED_MAX {
            return self.lose(id, "ping_timeout");
        }
        // A connection that is not read cannot be heard.
        if !is_paused {
            web_socket.pings_unanswered += 1;
            self.send(id, encode(Opcode::Ping, b"").into());
        }
        self.wake_after(id, self.around.timings.ping);
    }
}
