//! What HTTP requests ask of an event stream that several operations share: graphql-sse's single connection mode.
//! Owns the orders and their answers; the shard that keeps the stream carries them out.

use super::ConnectionId;
use crate::backend::Call;
use crate::seat::Seat;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One order. Each is answered, but for a shard that is gone.
pub(crate) enum Order {
    /// Keeps a place for a stream.
    Reserve { token: Box<str>, seat: Arc<Seat>, answer: Answer<()> },
    /// Its client is here; the connection follows.
    Open { token: Box<str>, answer: Answer<ConnectionId> },
    /// Runs an operation whose results go into the stream.
    Start { token: Box<str>, client_id: String, call: Box<dyn Call>, answer: Answer<()> },
    /// Ends one.
    Leave { token: Box<str>, client_id: String, answer: Answer<()> },
}

pub(crate) type Answer<T> = oneshot::Sender<Result<T, Refused>>;

/// Why an order cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No stream has this token, or no longer.
    Unknown,
    /// A stream has been opened with it already.
    Taken,
    /// An operation runs under this id.
    Duplicate,
    TooMany,
    /// So many streams are reserved and not opened.
    TooManyReserved,
    Draining,
}
