//! The way from a shard into the body of an HTTP/2 response: to the shard it is a socket with a small buffer, to
//! the HTTP library a body.
//! Owns the bytes in between and the news of room and loss; never decides what they are.

use bytes::Bytes;
use http_body::Frame;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What waits at most between a shard and the library; behind it the connection's outbox fills, as behind a socket.
const BYTES_MAX: usize = 64 << 10;

/// Tells the writer that there is room again, or that the reader has gone.
pub(crate) type Nudge = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    end: Option<End>,
    is_reader_gone: bool,
    is_writer_waiting: bool,
    reader: Option<Waker>,
    nudge: Option<Nudge>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
}

/// The shard's end. Dropped before `finish`, the body breaks off, and the client sees its stream reset.
pub(crate) struct Inlet(Arc<Mutex<State>>);

/// The library's end, a response body.
pub(crate) struct Outlet(Arc<Mutex<State>>);

/// A new pipe.
pub(crate) fn pipe() -> (Inlet, Outlet) {
    let state = Arc::new(Mutex::new(State::default()));
    (Inlet(state.clone()), Outlet(state))
}

/// A panic between two plain assignments is not possible, so a poisoned lock still guards whole state.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inlet {
    /// Whom to tell. What happened before is found by the next write.
    pub(crate) fn on_change(&self, nudge: Nudge) {
        lock(&self.0).nudge = Some(nudge);
    }

    /// Takes what there is room for, as a socket would.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        if state.is_reader_gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(BYTES_MAX - state.bytes);
        state.is_writer_waiting = taken < bytes.len();
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.chunks.push_back(Bytes::copy_from_slice(&bytes[..taken]));
        state.bytes += taken;
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(taken)
    }

    pub(crate) fn is_reader_gone(&self) -> bool {
        lock(&self.0).is_reader_gone
    }

    /// The body ends behind what was written.
    pub(crate) fn finish(&self) {
        self.end(End::Whole);
    }

    fn end(&self, end: End) {
        let mut state = lock(&self.0);
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.end(End::Cut);
    }
}

impl http_body::Body for Outlet {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut state = lock(&self.0);
        if state.end == Some(End::Cut) {
            return Poll::Ready(Some(Err(ErrorKind::ConnectionAborted.into())));
        }
        let Some(chunk) = state.chunks.pop_front() else {
            if state.end.is_some() {
                return Poll::Ready(None);
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.bytes -= chunk.len();
        // Half empty, so that writer and reader do not wake each other for every chunk.
        if state.is_writer_waiting && state.bytes <= BYTES_MAX / 2 {
            state.is_writer_waiting = false;
            state.nudge.iter().for_each(|nudge| nudge());
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_reader_gone = true;
        state.chunks.clear();
        state.bytes = 0;
        state.nudge.iter().for_each(|nudge| nudge());
    }
}

#[cfg(test)]
mod tests;
