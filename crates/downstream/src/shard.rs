//! One owner loop over many connections: an operating system thread, a poll, and a bounded inbox of turns.
//! Owns the way in: what a shard can be told, and waking it. The loop itself is `owner`, a socket is
//! `connection`.

mod connection;
mod deadlines;
mod members;
mod owner;
mod protocol;
pub(crate) mod shared;
mod wire;

use crate::auth::{AuthFailure, Authenticator};
use crate::backend::{Backend, Call, Outcome};
use crate::form::Form;
use crate::metrics::Metrics;
use crate::options::{Drain, Timings};
use crate::seat::Seat;
use crate::websocket::Dialect;
use bytes::Bytes;
use engine::outbox::{MemberId, Shard, ShardId, ShardTurn};
use engine::{Identity, Limits};
use futures::future::BoxFuture;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

pub(crate) use members::SHARDS_MAX;
pub(crate) use wire::Wire;

/// What a shard is told.
pub(crate) enum Turn {
    Engine(ShardTurn),
    Adopt(Box<Adoption>),
    Authenticated {
        connection: ConnectionId,
        verdict: Result<Identity, AuthFailure>,
    },
    /// A subscription is prepared and waits for its source.
    Joining {
        connection: ConnectionId,
        member: MemberId,
    },
    Finished {
        connection: ConnectionId,
        member: MemberId,
        outcome: Outcome,
        /// `Joining` came before.
        is_joining: bool,
    },
    /// What HTTP requests ask of a stream that several operations share.
    Shared(shared::Order),
    /// End every connection, each after what waits for it, spread over a while.
    Drain(Drain),
    /// End now.
    Stop,
}

/// A connection handed over by the HTTP side.
pub(crate) struct Adoption {
    pub(crate) wire: Wire,
    /// The response head, where it has not been written yet.
    pub(crate) head: Vec<u8>,
    /// Bytes the client sent after its request.
    pub(crate) leftover: Bytes,
    pub(crate) stream_kind: StreamKind,
    /// The place it takes; a stream within an HTTP/2 connection has its share in that one's.
    pub(crate) seat: Arc<Seat>,
}

/// What the connection becomes.
pub(crate) enum StreamKind {
    /// Without a sub-protocol that both know, closed with 4406. The identity is of its handshake.
    WebSocket { dialect: Option<Dialect>, identity: Identity },
    /// A response body for one operation.
    Body { form: Form, is_chunked: bool, work: Work },
    /// The event stream that was reserved under this id.
    Shared { reserved: ConnectionId, is_chunked: bool },
}

/// An operation to run.
pub(crate) enum Work {
    Request {
        request: Value,
        identity: Identity,
        allows_mutation: bool,
    },
    /// Prepared already, by the request it came with.
    Call(Box<dyn Call>),
}

/// A connection's place at its shard; the generation tells later users of the same slot apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
}

/// What every shard works with.
pub(crate) struct Surroundings {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) timings: Timings,
    pub(crate) runtime: tokio::runtime::Handle,
    /// How many shards share the bounds of the whole.
    pub(crate) shards: usize,
}

/// The way into a shard, for the engine and for our own tasks.
pub(crate) struct Mailbox {
    id: ShardId,
    sender: mpsc::Sender<Turn>,
    /// Connections whose wire has no readiness of its own, and has news.
    nudged: Arc<Mutex<Vec<ConnectionId>>>,
    bell: Bell,
}

/// Wakes the shard's poll, once for any number of turns.
struct Bell {
    waker: mio::Waker,
    is_rung: Arc<AtomicBool>,
}

impl Bell {
    fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a shard could not be woken; its next tick will find the turn");
        }
    }
}

impl Mailbox {
    pub(crate) async fn send(&self, turn: Turn) {
        // A shard that is gone swallows the turn: its clients are gone too.
        if self.sender.send(turn).await.is_ok() {
            self.bell.ring();
        }
    }

    /// Has a connection read and flushed, as readiness of a socket would.
    fn nudge(&self, connection: ConnectionId) {
        self.nudged.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.bell.ring();
    }
}

impl Shard for Mailbox {
    fn id(&self) -> ShardId {
        self.id
    }

    fn try_push(&self, turn: ShardTurn) -> Result<(), ShardTurn> {
        tracing::trace!(target: "way", step = "Outbox::push");
        match self.sender.try_send(Turn::Engine(turn)) {
            Ok(()) => {
                self.bell.ring();
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(Turn::Engine(turn))) => Err(turn),
            Err(_) => Ok(()),
        }
    }

    fn push(&self, turn: ShardTurn) -> BoxFuture<'_, ()> {
        tracing::trace!(target: "way", step = "Outbox::push");
        Box::pin(self.send(Turn::Engine(turn)))
    }
}

/// A running shard.
pub(crate) struct ShardThread {
    pub(crate) mailbox: Arc<Mailbox>,
    thread: std::thread::JoinHandle<()>,
}

impl ShardThread {
    /// Starts the thread.
    pub(crate) fn spawn(id: ShardId, around: Arc<Surroundings>) -> std::io::Result<ShardThread> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), owner::BELL)?;
        let is_rung = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel(around.limits.shard_turns_max.max(1));
        let nudged = Arc::new(Mutex::default());
        let bell = Bell { waker, is_rung: is_rung.clone() };
        let mailbox = Arc::new(Mailbox { id, sender, nudged: nudged.clone(), bell });
        let inbox = owner::Inbox { receiver, nudged, is_rung };
        let owner = owner::Owner::new(poll, inbox, mailbox.clone(), around);
        let name = format!("shard-{}", id.0);
        let thread = std::thread::Builder::new().name(name).spawn(move || owner.run())?;
        Ok(ShardThread { mailbox, thread })
    }

    /// Waits for the thread; call after `Turn::Stop`.
    pub(crate) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a shard ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests;
