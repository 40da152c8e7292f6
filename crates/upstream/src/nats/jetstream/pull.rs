//! The task of one JetStream source: moves messages from its session to its queue as there is room, and tells the
//! server what was acknowledged. Owns opening the session again for ever; ends only with the source.

use super::consumer::Consumer;
use super::durables::Claim;
use super::progress::{Delivery, Judgement, Progress};
use super::session::{Over, Session, Turn};
use crate::nats::link::Link;
use crate::nats::source::convert;
use crate::queue::Feeder;
use crate::reconnect;
use async_nats::Subject;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use engine::event::Position;
use engine::port::BrokerError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const ACK: Bytes = Bytes::from_static(b"+ACK");

pub(super) struct Pull {
    link: Arc<Link>,
    consumer: Consumer,
    progress: Progress,
    feeder: Feeder,
    /// The newest sequence that the engine is done with.
    acks: watch::Receiver<u64>,
    heartbeat: Duration,
    context: Context,
    /// Most sources carry one subject: its text is kept once.
    last_subject: Arc<str>,
    /// Openings in a row that brought no message.
    attempts: usize,
    /// The stream could not be read on, and nothing has come since.
    is_troubled: bool,
}

impl Pull {
    pub(super) fn new(
        link: Arc<Link>,
        consumer: Consumer,
        progress: Progress,
        feeder: Feeder,
        acks: watch::Receiver<u64>,
        heartbeat: Duration,
    ) -> Pull {
        let context = jetstream::new(link.client().clone());
        Pull {
            link,
            consumer,
            progress,
            feeder,
            acks,
            heartbeat,
            context,
            last_subject: Arc::from(""),
            attempts: 0,
            is_troubled: false,
        }
    }

    /// Runs until the source is dropped, or the server denies what it needs.
    pub(super) async fn run(mut self, mut session: Session, mut claim: Option<Claim>) {
        loop {
            let over = self.read(&mut session).await;
            let consumer = session.consumer.clone();
            // First, so that the server hears that nobody listens before it is asked for the consumer again.
            drop(session);
            self.consumer.forget(&consumer).await;
            match over {
                None => break,
                Some(Over::Denied(reason)) => {
                    self.feeder.end(&reason);
                    break;
                }
                Some(Over::Lost) => {}
                Some(Over::Broken(reason)) => self.warn(&reason),
            }
            match self.reopen(&mut claim).await {
                Some(opened) => session = opened,
                None => break,
            }
        }
        self.tell().await;
        if self.is_troubled {
            // Nothing is read again: the source is gone.
            self.link.health().heal(self.consumer.stream_name());
        }
        if let Some(mut claim) = claim {
            claim.leave(self.progress.left());
        }
    }

    /// Reads one session. `None` = the source was dropped.
    async fn read(&mut self, session: &mut Session) -> Option<Over> {
        loop {
            session.pull(&self.link).await;
            let turn = tokio::select! {
                () = self.feeder.closed() => return None,
                _ = self.acks.changed() => {
                    self.tell().await;
                    continue;
                }
                turn = session.next() => turn,
            };
            match turn {
                Turn::Unrelated => {}
                Turn::Nothing => self.recover(),
                Turn::Over(over) => return Some(over),
                Turn::Message(message) => {
                    if let Some(over) = self.take(message).await? {
                        return Some(over);
                    }
                    session.listen();
                }
            }
        }
    }

    /// Hands one message over and waits for room where there is none. `None` = the source was dropped.
    async fn take(&mut self, message: async_nats::Message) -> Option<Option<Over>> {
        let message = jetstream::Message { message, context: self.context.clone() };
        let delivery = message.info().map(|delivered| Delivery {
            sequence: delivered.stream_sequence,
            consumer_sequence: delivered.consumer_sequence,
            stored: delivered.published,
        });
        let Ok(delivery) = delivery else {
            return Some(Some(Over::Broken("a message came without its place in the stream".into())));
        };
        let message = message.message;
        let reply = message.reply.clone().filter(|_| self.consumer.is_durable());
        match self.progress.take(delivery, reply.clone()) {
            Judgement::Hole => return Some(Some(Over::Broken("a message is missing".into()))),
            Judgement::Known => return Some(None),
            Judgement::Settled => {
                self.publish(reply.into_iter().collect()).await;
                return Some(None);
            }
            Judgement::New => {}
        }
        self.recover();
        if *self.last_subject != *message.subject {
            self.last_subject = Arc::from(message.subject.as_str());
        }
        let position = Position { partition: 0, sequence: delivery.sequence.into() };
        let message = convert(message, Arc::clone(&self.last_subject), position);
        self.hand_over(message).await.then_some(None)
    }

    async fn hand_over(&mut self, message: engine::event::Message) -> bool {
        let feeder = self.feeder.clone();
        let mut put = std::pin::pin!(feeder.put(message));
        loop {
            tokio::select! {
                put = &mut put => return put,
                // What waits for room waits for these, and a source that is gone is seen by `put`.
                Ok(()) = self.acks.changed() => self.tell().await,
            }
        }
    }

    /// Tells the server what the engine is done with.
    async fn tell(&mut self) {
        let sequence = *self.acks.borrow_and_update();
        let replies = self.progress.ack(sequence);
        self.publish(replies).await;
    }

    /// What cannot be told now is found out when the consumer is opened again.
    async fn publish(&self, replies: Vec<Subject>) {
        for reply in replies {
            if !self.link.is_up() {
                return;
            }
            drop(self.link.client().publish(reply, ACK).await);
        }
    }

    /// Opens a new session as soon as that works. `None` = the source was dropped.
    async fn reopen(&mut self, claim: &mut Option<Claim>) -> Option<Session> {
        loop {
            if self.attempts > 0 {
                let pause = reconnect::delay(self.attempts, reconnect::random());
                tokio::select! {
                    () = self.feeder.closed() => return None,
                    () = tokio::time::sleep(pause) => {}
                }
            }
            self.attempts += 1;
            let open = async {
                self.link.connected().await;
                let seat = claim.as_deref_mut();
                Session::open(&self.link, &self.consumer, &mut self.progress, seat, self.heartbeat).await
            };
            let opened = tokio::select! {
                () = self.feeder.closed() => return None,
                opened = open => opened,
            };
            match opened {
                Ok(session) => return Some(session),
                // The connection's own log line tells of it.
                Err(BrokerError::Unavailable(_)) if !self.link.is_up() => {}
                Err(error) => self.warn(&error.to_string()),
            }
        }
    }

    /// The server speaks of the consumer again, with a message or with a heartbeat.
    fn recover(&mut self) {
        self.attempts = 0;
        let (provider, stream) = (self.link.provider(), self.consumer.stream_name());
        if std::mem::take(&mut self.is_troubled)
            && let Some(sources) = self.link.health().heal(stream)
        {
            tracing::info!(provider, stream, sources, "the stream is read again");
        }
    }

    /// One line for trouble that lasts, and for all sources of the stream.
    fn warn(&mut self, reason: &str) {
        let (provider, stream) = (self.link.provider(), self.consumer.stream_name());
        if !std::mem::replace(&mut self.is_troubled, true) && self.link.health().trouble(stream) {
            let subjects = self.consumer.subjects();
            tracing::warn!(
                provider,
                stream,
                ?subjects,
                reason,
                "the stream cannot be read on just now: subscribers stay, and get what they missed \
                 once it can"
            );
        }
    }
}
