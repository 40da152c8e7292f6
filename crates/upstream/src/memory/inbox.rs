//! The queue between publishers and one source: bounded, in order, with publishers waiting at the bound.
//! Owns the bound and the stall rule; never knows who publishes.

use engine::event::Message;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

pub(super) struct Inbox {
    id: u64,
    subjects: Vec<String>,
    /// A message is placed first and its publisher waits afterwards, so the queue may exceed this by the
    /// publishers that wait; `2 ×` is the hard bound (a publisher may be cancelled while it waits).
    messages_max: usize,
    state: Mutex<State>,
    arrived: Notify,
    drained: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Message>,
    dropped: u64,
    stalled: bool,
    ended: bool,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Taken,
    /// In the queue, which is over its bound: the publisher waits.
    Full,
    Dropped,
}

impl Inbox {
    pub(super) fn new(id: u64, subjects: Vec<String>, messages_max: usize) -> Inbox {
        let (arrived, drained) = (Notify::new(), Notify::new());
        Inbox { id, subjects, messages_max, state: Mutex::default(), arrived, drained }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn subjects(&self) -> &[String] {
        &self.subjects
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offer(&self, message: Message) -> Offer {
        let mut state = self.state();
        let waiting = state.queue.len();
        if waiting >= 2 * self.messages_max || (state.stalled && waiting >= self.messages_max) {
            state.dropped += 1;
            return Offer::Dropped;
        }
        state.queue.push_back(message);
        drop(state);
        self.arrived.notify_one();
        if waiting < self.messages_max { Offer::Taken } else { Offer::Full }
    }

    /// Waits until the queue is within its bound, or nobody reads it any more.
    pub(super) async fn room(&self) {
        loop {
            let mut drained = pin!(self.drained.notified());
            drained.as_mut().enable();
            {
                let state = self.state();
                if state.queue.len() <= self.messages_max || state.stalled || state.ended {
                    return;
                }
            }
            drained.await;
        }
    }

    /// Publishers stop waiting until the source takes something. True for the one who found out.
    pub(super) fn stall(&self) -> bool {
        let mut state = self.state();
        // It may have drained since the publisher gave up.
        let first = !state.stalled && state.queue.len() > self.messages_max;
        state.stalled |= first;
        drop(state);
        self.drained.notify_waiters();
        first
    }

    /// Waits for messages and takes up to `max`; `None` once the inbox has ended and is empty. Cancel-safe:
    /// messages leave the queue only in the step that returns them.
    pub(super) async fn take(&self, max: usize) -> Option<Vec<Message>> {
        loop {
            {
                let mut state = self.state();
                if !state.queue.is_empty() {
                    state.stalled = false;
                    let count = state.queue.len().min(max);
                    let batch = state.queue.drain(..count).collect();
                    drop(state);
                    self.drained.notify_waiters();
                    return Some(batch);
                }
                if state.ended {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state().dropped)
    }

    pub(super) fn end(&self) {
        self.state().ended = true;
        self.arrived.notify_one();
        self.drained.notify_waiters();
    }
}
