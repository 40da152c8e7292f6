//! Event streams that are reserved first, opened later, and shared by operations that come in requests of their own.
//! Owns the tokens; the stream itself is a connection like any other.

use super::Owner;
use crate::form::Form;
use crate::seat::Seat;
use crate::shard::Work;
use crate::shard::connection::{Connection, Reservation};
use crate::shard::protocol::{Body, Protocol};
use crate::shard::shared::{Answer, Order, Refused};
use crate::shard::{ConnectionId, Wire};
use std::sync::Arc;

/// Whoever asked may have gone; then there is nobody left to tell.
fn tell<T>(answer: Answer<T>, outcome: Result<T, Refused>) {
    if answer.send(outcome).is_err() {
        tracing::debug!("nobody waited for the answer of a shared stream");
    }
}

impl Owner {
    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Reserve { token, seat, answer } => tell(answer, self.reserve(token, seat)),
            Order::Open { token, answer } => {
                let claimed = self.claim(&token);
                let id = claimed.ok();
                if answer.send(claimed).is_err() {
                    self.unclaim(id);
                }
            }
            Order::Start { token, client_id, call, answer } => {
                let id = self.stream_for(&token, &client_id);
                tell(answer, id.map(|_| ()));
                if let Ok(id) = id {
                    self.start(id, &client_id, Work::Call(call));
                }
            }
            Order::Leave { token, client_id, answer } => {
                let id = self.reserved.get(&token).copied().ok_or(Refused::Unknown);
                if let Ok(id) = id {
                    self.leave(id, &client_id, None);
                }
                tell(answer, id.map(|_| ()));
            }
        }
    }

    fn reserve(&mut self, token: Box<str>, seat: Arc<Seat>) -> Result<(), Refused> {
        if self.draining.is_some() {
            return Err(Refused::Draining);
        }
        if self.unopened >= self.around.limits.reserved_streams_max.div_ceil(self.around.shards) {
            self.around.metrics.refusals.add(&["reserved_streams"], 1);
            return Err(Refused::TooManyReserved);
        }
        // In chunks only once it is opened: before, nobody knows by which version of HTTP that will be.
        let protocol = Protocol::Body(Body { form: Form::SharedEventStream, is_chunked: false });
        let id = self.insert(Wire::Reserved, protocol, seat).ok_or(Refused::Unknown)?;
        self.unopened += 1;
        self.reserved.insert(token.clone(), id);
        if let Some(connection) = self.find(id) {
            connection.reservation = Some(Box::new(Reservation { token, is_taken: false }));
        }
        self.wake_after(id, self.around.timings.reservation);
        Ok(())
    }

    fn claim(&mut self, token: &str) -> Result<ConnectionId, Refused> {
        let id = self.reserved.get(token).copied().ok_or(Refused::Unknown)?;
        let connection = self.find(id).ok_or(Refused::Unknown)?;
        let reservation = connection.reservation.as_mut().ok_or(Refused::Unknown)?;
        match std::mem::replace(&mut reservation.is_taken, true) {
            true => Err(Refused::Taken),
            false => Ok(id),
        }
    }

    /// Whoever claimed it has gone before it was told so.
    fn unclaim(&mut self, id: Option<ConnectionId>) {
        if let Some(reservation) = id.and_then(|id| self.find(id)?.reservation.as_mut()) {
            reservation.is_taken = false;
        }
    }

    /// The stream, where it can take one more operation under this id.
    fn stream_for(&mut self, token: &str, client_id: &str) -> Result<ConnectionId, Refused> {
        let limits = self.around.limits.clone();
        let id = self.reserved.get(token).copied().ok_or(Refused::Unknown)?;
        let connection = self.find(id).filter(|found| found.closing.is_none()).ok_or(Refused::Unknown)?;
        if connection.is_leaving {
            Err(Refused::Draining)
        } else if connection.operations.contains_key(client_id) {
            Err(Refused::Duplicate)
        } else if connection.operations.len() >= limits.subscriptions_per_connection_max
            || connection.inflight >= limits.operations_inflight_per_connection_max
        {
            Err(Refused::TooMany)
        } else {
            Ok(id)
        }
    }

    /// The stream's client is here.
    pub(super) fn open(&mut self, id: ConnectionId, mut wire: Wire, head: Vec<u8>, is_chunked: bool) {
        let slot = mio::Token(id.slot);
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
        else {
            // Forgotten since it was claimed; its client finds the connection closed, and reserves another.
            return;
        };
        if let Err(error) = wire.register(self.poll.registry(), slot) {
            tracing::error!(%error, "a connection could not be watched and is dropped");
            return self.lose(id, "connection_lost");
        }
        let body = Body { form: Form::SharedEventStream, is_chunked };
        self.unopened -= 1;
        match connection.open(wire, head, body, &mut self.pen) {
            Err(trouble) => self.meet(id, &trouble),
            Ok(()) => {
                Connection::on_change(self.connections.get(id.slot), &self.mailbox);
                // What it sent behind its request may wait under TLS already.
                self.unfinished.push(id);
                self.opened(id, body);
            }
        }
    }

    /// It goes on, or has its end behind it already: more results came than may wait.
    fn opened(&mut self, id: ConnectionId, body: Body) {
        let Some(connection) = self.find(id) else { return };
        if connection.closing.is_none() {
            return self.wake_after(id, self.around.timings.heartbeat);
        }
        self.send(id, body.end());
        self.flush(id);
    }
}
