//! How connections begin: handed over by the HTTP side, with their head and what their client sent behind its request.
//! Owns their place in the shard and its first deadline; what they go on with is `reading`'s and `operations`'.

use super::Owner;
use crate::frame::Close;
use crate::seat::Seat;
use crate::shard::connection::Connection;
use crate::shard::protocol::{Body, Protocol, WebSocket};
use crate::shard::{Adoption, ConnectionId, StreamKind, Wire, Work};
use crate::websocket::Dialect;
use mio::Token;
use std::sync::Arc;

impl Owner {
    pub(super) fn adopt(&mut self, adoption: Adoption) {
        let Adoption { wire, head, leftover, stream_kind, seat } = adoption;
        match stream_kind {
            StreamKind::WebSocket { dialect, identity } => {
                let shown = dialect.unwrap_or(Dialect::TransportWs);
                let protocol = Protocol::WebSocket(Box::new(WebSocket::new(shown, identity)));
                let Some(id) = self.insert(wire, protocol, seat) else { return };
                self.guarded(id, |owner| owner.begin_websocket(id, head, dialect, &leftover));
            }
            StreamKind::Body { form, is_chunked, work } => {
                let body = Body { form, is_chunked };
                let Some(id) = self.insert(wire, Protocol::Body(body), seat) else { return };
                self.guarded(id, |owner| owner.begin_body(id, head, body, work));
            }
            StreamKind::Shared { reserved, is_chunked } => {
                self.guarded(reserved, |owner| owner.open(reserved, wire, head, is_chunked));
            }
        }
    }

    /// A new connection; `None` = it could not be watched.
    pub(super) fn insert(
        &mut self,
        mut wire: Wire,
        protocol: Protocol,
        seat: Arc<Seat>,
    ) -> Option<ConnectionId> {
        let vacant = self.connections.vacant_entry();
        let slot = vacant.key();
        if let Err(error) = wire.register(self.poll.registry(), Token(slot)) {
            tracing::error!(%error, "a connection could not be watched and is dropped");
            return None;
        }
        self.generation += 1;
        let id = ConnectionId { slot, generation: self.generation };
        self.around.metrics.connections.add(&[protocol.label()], 1);
        let connection = vacant.insert(Connection::new(id, wire, protocol, seat));
        Connection::on_change(Some(connection), &self.mailbox);
        Some(id)
    }

    fn begin_websocket(
        &mut self,
        id: ConnectionId,
        head: Vec<u8>,
        dialect: Option<Dialect>,
        leftover: &[u8],
    ) {
        self.send(id, head.into());
        self.wake_after(id, self.around.timings.connection_init);
        if dialect.is_none() {
            self.close(id, Close::new(4406, "Subprotocol not acceptable", "subprotocol"), false);
        }
        self.received(id, &mut leftover.to_vec());
        self.begun(id);
    }

    fn begin_body(&mut self, id: ConnectionId, mut head: Vec<u8>, body: Body, work: Work) {
        head.extend_from_slice(&body.chunk(body.form.opening()));
        self.send(id, head.into());
        self.wake_after(id, self.heartbeat(body.form));
        self.start(id, "", work);
        self.begun(id);
    }

    fn begun(&mut self, id: ConnectionId) {
        // What came with the request may wait under TLS already, and then no readiness tells of it.
        self.unfinished.push(id);
        if self.draining.is_some() {
            self.drain_one(id);
        }
    }
}
