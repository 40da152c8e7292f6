//! One core NATS source: its subscriptions merged into one queue and numbered.
//! Owns the pump task, which ends with the source; never reads a payload.

use super::link::{Link, Unconfirmed};
use super::signals::{Deed, Denials};
use crate::queue::{Bounds, Feeder, queue};
use crate::subject;
use engine::event::{Message, Position};
use engine::port::Source;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Moves messages from the client into the source's queue as they come, so that what is dropped is dropped
/// there, where it can be counted for the source it hit.
pub(super) struct Pump {
    link: Arc<Link>,
    subjects: Vec<String>,
    denials: Denials,
    doubts: watch::Receiver<u64>,
    /// Of each subject's newest message: the client keeps the order within one, and none between them.
    sequences: Vec<u128>,
    /// Most sources carry one subject: its text is kept once.
    last_subject: Arc<str>,
}

impl Pump {
    pub(super) fn new(
        link: Arc<Link>,
        subjects: Vec<String>,
        denials: Denials,
        doubts: watch::Receiver<u64>,
    ) -> Pump {
        let sequences = vec![0; subjects.len()];
        Pump { link, subjects, denials, doubts, sequences, last_subject: Arc::from("") }
    }

    /// Runs until the source is dropped, the server denies one of its subjects, or the client is gone.
    pub(super) fn start(
        mut self,
        streams: Vec<BoxStream<'static, async_nats::Message>>,
        bounds: Bounds,
        batch_events_max: usize,
    ) -> Box<dyn Source> {
        let metrics = self.link.metrics();
        let (feeder, source) = queue(self.link.provider(), &self.subjects, metrics, bounds, batch_events_max);
        tokio::spawn(async move {
            let mut merged: SelectAll<_> = streams
                .into_iter()
                .enumerate()
                .map(|(index, stream)| stream.map(move |message| (index, message)).boxed())
                .collect();
            let mut probe = std::future::pending().boxed();
            let reason = loop {
                tokio::select! {
                    () = feeder.closed() => return,
                    message = merged.next() => match message {
                        Some((index, message)) => self.take(index, message, &feeder),
                        None => break "the nats client has stopped".to_owned(),
                    },
                    denial = self.denials.recv() => {
                        match denial {
                            Ok(denial) if denial.concerns(Deed::Subscribe, &self.subjects) => {
                                break denial.text().to_owned();
                            }
                            Ok(_) => {}
                            Err(RecvError::Lagged(_)) => probe = self.probe(),
                            Err(RecvError::Closed) => break "the nats client has stopped".to_owned(),
                        }
                    }
                    Ok(()) = self.doubts.changed() => probe = self.probe(),
                    probed = &mut probe => {
                        probe = std::future::pending().boxed();
                        // A connection that was lost meanwhile subscribes again, and is denied again.
                        if let Err(Unconfirmed::Denied(reason)) = probed {
                            break reason;
                        }
                    }
                }
            };
            feeder.end(&reason);
        });
        Box::new(source)
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), Unconfirmed>> {
        let (link, subjects) = (Arc::clone(&self.link), self.subjects.clone());
        async move { link.probe(&subjects).await }.boxed()
    }

    fn take(&mut self, index: usize, message: async_nats::Message, feeder: &Feeder) {
        // The server delivers once per subscription; where subjects overlap, the first one that matches
        // counts.
        if self.subjects[..index].iter().any(|pattern| subject::matches(pattern, &message.subject)) {
            return;
        }
        self.sequences[index] += 1;
        if *self.last_subject != *message.subject {
            self.last_subject = Arc::from(message.subject.as_str());
        }
        let position =
            Position { partition: u32::try_from(index).unwrap_or(u32::MAX), sequence: self.sequences[index] };
        feeder.offer(convert(message, Arc::clone(&self.last_subject), position));
    }
}

/// A client's message as the engine takes it.
pub(super) fn convert(message: async_nats::Message, subject: Arc<str>, position: Position) -> Message {
    let headers = message.headers.iter().flat_map(|headers| headers.iter()).flat_map(|(name, values)| {
        values.iter().map(move |value| (name.to_string(), value.as_str().to_owned()))
    });
    Message { subject, key: None, headers: headers.collect(), payload: message.payload, position }
}
