//! How far one source has come in its stream, and from where its consumer is made again so that nothing is lost.
//! Pure; owns the judgement on each message: new, known already, or one before it is missing.

use async_nats::Subject;
use async_nats::datetime::DateTime;
use async_nats::jetstream::{consumer, stream};
use std::collections::VecDeque;
use std::time::Duration;

/// Where a consumer begins that is made now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Begin {
    /// Where the options say.
    Fresh,
    /// Behind this stream sequence.
    After(u64),
    /// With what was stored after this: sequences say nothing, the stream is another one.
    Since(DateTime),
    /// With the oldest message.
    Oldest,
}

/// What the last reader knew; the server may hear of its last acks after the next reader has asked.
#[derive(Debug, Clone)]
pub(super) struct Left {
    /// When the consumer was made: tells it from another one of that name.
    pub(super) consumer: DateTime,
    pub(super) acked: u64,
}

/// Where a consumer is to begin that was deleted and is not made again yet.
#[derive(Debug, Clone)]
pub(super) struct Vow {
    /// When the stream was made: tells it from another one of that name.
    pub(super) stream: DateTime,
    pub(super) begin: Begin,
}

/// What a delivered message is to this source.
#[derive(Debug, PartialEq)]
pub(super) enum Judgement {
    New,
    /// It waits to be acknowledged, or was never asked to be.
    Known,
    /// It was acknowledged, and the server does not know.
    Settled,
    /// The consumer delivered something before it that did not arrive.
    Hole,
}

/// Where a message was delivered from, as its reply subject says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) sequence: u64,
    pub(super) consumer_sequence: u64,
    pub(super) stored: DateTime,
}

struct Unacked {
    sequence: u64,
    /// `None` for one of a stream that is gone.
    reply: Option<Subject>,
}

pub(super) struct Progress {
    /// When the stream was made: tells it from another one of that name.
    stream: Option<DateTime>,
    /// When the consumer was made.
    consumer: Option<DateTime>,
    /// Of the consumer's newest message here.
    consumer_sequence: u64,
    /// Everything up to this stream sequence was handed over.
    seen: u64,
    /// Everything up to this one was acknowledged.
    acked: u64,
    /// When the newest message that was there at the beginning, or was seen since, was stored.
    stored: Option<DateTime>,
    /// Handed over and not acknowledged, in the order of handing over.
    unacked: VecDeque<Unacked>,
    begin: Begin,
    left: Option<Left>,
}

impl Progress {
    /// `left` is what an earlier source of the same durable consumer knew.
    pub(super) fn new(left: Option<Left>) -> Progress {
        Progress {
            stream: None,
            consumer: None,
            consumer_sequence: 0,
            seen: 0,
            acked: 0,
            stored: None,
            unacked: VecDeque::new(),
            begin: Begin::Fresh,
            left,
        }
    }

    /// Looks whether the stream is the one that was read so far.
    pub(super) fn meet(&mut self, created: DateTime, state: &stream::State) {
        let is_known = self.stream == Some(created);
        if is_known && state.last_sequence >= self.seen {
            return;
        }
        if self.stream.is_none() {
            // An empty stream says the year 1.
            self.stored = (state.last_sequence > 0).then_some(state.last_timestamp);
        } else {
            for message in &mut self.unacked {
                message.reply = None;
            }
            (self.seen, self.acked, self.consumer) = (0, 0, None);
            let after = |stored: DateTime| Begin::Since(stored + Duration::from_nanos(1));
            self.begin = self.stored.map_or(Begin::Oldest, after);
        }
        self.stream = Some(created);
    }

    /// Whether a durable consumer stands where this source left it: what comes next from it is what comes next.
    pub(super) fn fits(&self, found: &consumer::Info) -> bool {
        match self.consumer {
            None => found.num_ack_pending == 0,
            Some(created) => {
                let waiting = self.unacked.iter().filter(|message| message.reply.is_some()).count();
                found.created == created
                    && found.delivered.consumer_sequence == self.consumer_sequence
                    && found.num_ack_pending == waiting
            }
        }
    }

    /// Notes where a durable consumer begins that takes the place of `found`, which does not fit: an earlier
    /// reader left without acknowledging all it took.
    pub(super) fn replace(&mut self, found: &consumer::Info) {
        if self.consumer.is_none() && self.begin == Begin::Fresh {
            let left = self.left.as_ref().filter(|left| left.consumer == found.created);
            let acked = left.map_or(0, |left| left.acked);
            self.begin = Begin::After(acked.max(found.ack_floor.stream_sequence));
        }
    }

    /// Goes on with what an earlier source vowed and was cancelled at: between a deletion and what was to follow.
    /// Whether there is something to make good.
    pub(super) fn recall(&mut self, vow: Option<&Vow>) -> bool {
        let Some(vow) = vow.filter(|vow| self.stream == Some(vow.stream)) else { return false };
        if self.consumer.is_none() && self.begin == Begin::Fresh {
            self.begin = vow.begin;
        }
        true
    }

    /// What to write down in front of a deletion.
    pub(super) fn vow(&self) -> Option<Vow> {
        Some(Vow { stream: self.stream?, begin: self.begin(true) })
    }

    /// Where the next consumer begins; `is_durable`: from what was acknowledged, else from what was seen.
    pub(super) fn begin(&self, is_durable: bool) -> Begin {
        match self.consumer {
            Some(_) => Begin::After(if is_durable { self.acked } else { self.seen }),
            None => self.begin,
        }
    }

    /// Goes on with this consumer, which was made just now or fits.
    pub(super) fn adopt(&mut self, consumer: &consumer::Info) {
        if self.consumer.is_none() {
            // It has delivered nothing that was not acknowledged.
            self.seen = consumer.delivered.stream_sequence;
            self.acked = self.seen;
        }
        self.consumer = Some(consumer.created);
        self.consumer_sequence = consumer.delivered.consumer_sequence;
    }

    /// Judges a message, and takes note of it if it is new.
    pub(super) fn take(&mut self, delivery: Delivery, reply: Option<Subject>) -> Judgement {
        if delivery.consumer_sequence != self.consumer_sequence + 1 {
            return Judgement::Hole;
        }
        self.consumer_sequence = delivery.consumer_sequence;
        if delivery.sequence <= self.acked {
            return Judgement::Settled;
        }
        if delivery.sequence <= self.seen {
            return Judgement::Known;
        }
        self.seen = delivery.sequence;
        self.stored = Some(delivery.stored);
        if reply.is_some() {
            self.unacked.push_back(Unacked { sequence: delivery.sequence, reply });
        }
        Judgement::New
    }

    /// Everything up to the message of this sequence is done with: what to tell the server.
    pub(super) fn ack(&mut self, sequence: u64) -> Vec<Subject> {
        // Not by comparing: behind a change of the stream a sequence may stand there twice.
        let Some(at) = self.unacked.iter().position(|message| message.sequence == sequence) else {
            return Vec::new();
        };
        let replies: Vec<Subject> = self.unacked.drain(..=at).filter_map(|message| message.reply).collect();
        if !replies.is_empty() {
            self.acked = sequence;
        }
        replies
    }

    pub(super) fn left(&self) -> Option<Left> {
        Some(Left { consumer: self.consumer?, acked: self.acked })
    }
}

#[cfg(test)]
mod tests;
