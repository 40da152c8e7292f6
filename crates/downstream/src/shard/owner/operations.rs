//! The operations of connections: authenticate, start, finish, leave, end.
//! Owns that each is answered exactly once and leaves nothing behind, in whatever order its events come.

use super::Owner;
use crate::auth::AuthFailure;
use crate::backend::{self, Outcome};
use crate::frame::Close;
use crate::shard::protocol::{Protocol, text};
use crate::shard::{ConnectionId, Turn, Work};
use crate::websocket::Phase;
use engine::Identity;
use engine::outbox::{End, Member, MemberId};
use futures::FutureExt;
use graph::error::{Code, GraphqlError};
use std::panic::AssertUnwindSafe;

impl Owner {
    /// Verifies the caller of a WebSocket beside the loop.
    pub(super) fn authenticate(&mut self, connection: ConnectionId, mut identity: Identity) {
        let (around, mailbox) = (self.around.clone(), self.mailbox.clone());
        self.around.runtime.spawn(async move {
            let verified = around.authenticator.authenticate(&identity.headers, &identity.init_payload);
            let verdict = match AssertUnwindSafe(verified).catch_unwind().await {
                Ok(Ok(claims)) => {
                    identity.claims = claims.into();
                    Ok(identity)
                }
                Ok(Err(failure)) => Err(failure),
                Err(_) => Err(AuthFailure::KeysUnavailable),
            };
            mailbox.send(Turn::Authenticated { connection, verdict }).await;
        });
    }

    pub(super) fn authenticated(&mut self, id: ConnectionId, verdict: Result<Identity, AuthFailure>) {
        if let Err(failure) = &verdict {
            self.around.metrics.auth_failures.add(&[failure.as_str()], 1);
        }
        let Some(connection) = self.find(id).filter(|connection| connection.closing.is_none()) else {
            return;
        };
        let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return };
        let dialect = web_socket.dialect;
        let close = match verdict {
            Ok(identity) => {
                web_socket.identity = identity;
                web_socket.phase = Phase::Acknowledged;
                let held = web_socket.held.take();
                dialect.acknowledgement().iter().for_each(|message| self.send(id, text(message)));
                self.wake_after(id, self.around.timings.ping);
                if let Some(message) = held {
                    self.release_held(id, &message);
                }
                return;
            }
            // Not the caller's doing, so a code that clients retry on.
            Err(failure @ AuthFailure::KeysUnavailable) => {
                Close::new(1013, failure.message(), "auth_unavailable")
            }
            // graphql-ws documents 4403 for a refused connection_init, and its client asks for new parameters
            // (so for a fresh token) before it tries again; 4401 it takes as final, and the protocol has that
            // for a `subscribe` before the acknowledgement.
            Err(_) => Close::new(4403, "Forbidden", "forbidden"),
        };
        if let Some(refusal) = dialect.refusal(&close.reason) {
            self.send(id, text(&refusal));
        }
        self.close(id, close, false);
    }

    fn release_held(&mut self, id: ConnectionId, message: &str) {
        if let Some(connection) = self.find(id) {
            connection.is_paused = false;
        }
        self.step(id, message);
        if self.find(id).is_some_and(|connection| !connection.is_paused) {
            self.resume(id);
        }
    }

    /// Starts an operation. Its member exists from here on: events may come before the engine's answer does.
    pub(super) fn start(&mut self, id: ConnectionId, client_id: &str, work: Work) {
        let limits = self.around.limits.clone();
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
        else {
            return;
        };
        if connection.is_leaving {
            // Its close is about to say why, and has clients send this again elsewhere.
            return;
        }
        let lead = connection.protocol.lead(client_id);
        let has_room = connection.operations.len() < limits.subscriptions_per_connection_max;
        let member = if has_room { self.members.insert(id, client_id, lead) } else { None };
        let Some((member, left)) = member else {
            let text = format!(
                "this connection has {} operations already (subscriptions_per_connection_max)",
                connection.operations.len()
            );
            let end = End::Errors(vec![GraphqlError::new(Code::TooManySubscriptions, text)]);
            let (refusal, is_of_one) =
                (connection.protocol.end(client_id, &end), connection.protocol.is_of_one());
            let protocol = connection.protocol.label();
            self.note_end(protocol, client_id, "error");
            self.send(id, refusal);
            if is_of_one {
                self.close(id, Close::new(1000, "", "error"), false);
            }
            return;
        };
        connection.operations.insert(client_id.into(), member);
        connection.inflight += 1;
        connection.is_paused = connection.inflight >= limits.operations_inflight_per_connection_max;
        let (backend, mailbox) = (self.around.backend.clone(), self.mailbox.clone());
        let target = Member { id: member, shard: mailbox.clone() };
        self.around.runtime.spawn(async move {
            let mut is_joining = false;
            let joining = async {
                is_joining = true;
                mailbox.send(Turn::Joining { connection: id, member }).await;
            };
            let run = async {
                let call = match work {
                    Work::Call(call) => call,
                    Work::Request { request, identity, allows_mutation } => {
                        backend::prepare(backend, request, identity, allows_mutation).await?
                    }
                };
                backend::run(call, target, left, joining).await
            };
            let outcome = backend::guarded(run).await;
            mailbox.send(Turn::Finished { connection: id, member, outcome, is_joining }).await;
        });
    }

    /// One operation fewer that costs work. A subscription that only waits for its source, maybe for as long as a
    /// broker is away, is bounded by `subscriptions_per_connection_max` alone: its connection is read on.
    pub(super) fn settled(&mut self, id: ConnectionId) {
        let inflight_max = self.around.limits.operations_inflight_per_connection_max;
        if let Some(connection) = self.find(id) {
            connection.inflight -= 1;
            if connection.is_paused && connection.inflight < inflight_max {
                self.resume(id);
            }
        }
    }

    /// The engine's answer. Where the operation is gone by now, dropping the outcome leaves the subscription.
    pub(super) fn finished(&mut self, member: MemberId, outcome: Outcome) {
        match outcome {
            Outcome::Joined(joined) => {
                if let Some(entry) = self.members.find(member) {
                    entry.joined = Some(joined);
                }
            }
            Outcome::Refused(errors) => self.conclude(member, "error", |protocol, entry| {
                protocol.refusal(&entry.client_id, &entry.lead, errors)
            }),
            Outcome::Response(response) => self.conclude(member, "complete", |protocol, entry| {
                protocol.response(&entry.client_id, &entry.lead, &response)
            }),
        }
    }

    /// The engine ended an operation: its terminal frame goes out behind what waits.
    pub(super) fn end(&mut self, member: MemberId, end: &End) {
        let label = match end {
            End::Complete => "complete",
            End::Errors(_) => "error",
            End::Drain => "drain",
        };
        let completes = self.draining.as_ref().is_none_or(|draining| draining.completes_event_streams);
        self.conclude(member, label, |protocol, entry| match end {
            End::Drain => protocol.drain(&entry.client_id, completes),
            End::Complete | End::Errors(_) => protocol.end(&entry.client_id, end),
        });
    }

    /// The client ended an operation; an unknown id is one that crossed with our own end of it. Where its protocol has
    /// a `reply` to that, it follows what was sent before.
    pub(super) fn leave(&mut self, id: ConnectionId, client_id: &str, reply: Option<String>) {
        let Some(connection) = self.find(id) else { return };
        let Some(member) = connection.operations.remove(client_id) else { return };
        connection.forget(member);
        let protocol = connection.protocol.label();
        if self.members.remove(member).is_some() {
            self.note_end(protocol, client_id, "client_left");
        }
        if let Some(reply) = reply {
            self.send(id, text(&reply));
        }
        self.leave_if_answered(id);
    }
}
