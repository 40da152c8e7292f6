//! From the engine to the owner loops: what a shard is told, and the bounded queue it keeps per connection.
//! Owns the overflow policies; never touches a socket. Invariant 5: a slow client can fill only its own
//! outbox.

use bytes::Bytes;
use futures::future::BoxFuture;
use graph::error::GraphqlError;
use std::sync::Arc;

mod queue;

pub use queue::{Bounds, Full, Outbox, Waiting};

/// One subscription's slot at its shard. Never reused for another subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// Which owner loop; small and dense, so groups can bucket by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub usize);

/// Where one subscription's frames go.
#[derive(Clone)]
pub struct Member {
    pub id: MemberId,
    pub shard: Arc<dyn Shard>,
}

/// An owner loop over connections. Its inbox is bounded (`shard_turns_max`) and emptied without ever waiting
/// for a client or for the engine, so waiting for room in it is waiting for CPU alone.
pub trait Shard: Send + Sync {
    fn id(&self) -> ShardId;

    /// Hands over a turn at once, or gives it back when the inbox is full.
    fn try_push(&self, turn: ShardTurn) -> Result<(), ShardTurn>;

    /// Waits for room, then hands over. A shard that is gone swallows the turn: its clients are gone too.
    fn push(&self, turn: ShardTurn) -> BoxFuture<'_, ()>;
}

/// What the engine tells a shard; turns of one trigger keep their order. A turn for a member that has ended
/// or left is late, not wrong: the shard ignores it.
#[derive(Debug, Clone)]
pub enum ShardTurn {
    /// The same payload to each of these members.
    Deliver { payload: Payload, members: Arc<[MemberId]> },
    /// These members missed this many events upstream of their outbox; their next payload says so.
    Skipped { members: Arc<[MemberId]>, events: u64 },
    /// The stream of each of these members ends after what was delivered before.
    End { members: Arc<[MemberId]>, end: End },
}

/// One encoded GraphQL response: `{"data":…}` with or without `errors`, never with `extensions`.
#[derive(Debug, Clone)]
pub struct Payload {
    pub json: Bytes,
    /// What to do where it does not fit.
    pub overflow: Overflow,
    /// The entity it is about, for `Overflow::Conflate`; `None` conflates with nothing.
    pub key: Option<Arc<str>>,
}

/// Why a stream ends; each protocol has a terminal frame for it.
#[derive(Debug, Clone)]
pub enum End {
    /// The source ended, or the operation did: `complete`.
    Complete,
    /// `error` with these, and no `complete` after it.
    Errors(Vec<GraphqlError>),
    /// The router stops. Where the protocol's connection has an end with a reason of its own, that one says it, since
    /// clients retry on it and take a `complete` for the end of the stream for good.
    Drain,
}

/// What happens to a subscription whose outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// The connection is closed with a code that clients retry on (1013).
    #[default]
    Disconnect,
    /// What waits is dropped for the newest; the client is told how many it lost.
    Latest,
    /// The newest of each entity is kept; the client is told how many it lost.
    Conflate,
}
