//! One stretch of reading a consumer, from opening it to whatever ends that: its inbox and its pull requests.
//! Owns what the server's statuses mean; never judges a message.

use super::consumer::Consumer;
use super::durables::Seat;
use super::progress::Progress;
use crate::nats::link::{Link, Unconfirmed};
use crate::nats::signals::{Deed, Denial, Denials};
use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use engine::port::BrokerError;
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

/// Messages asked for at once. The next request goes out when all of them are in the queue, so this many may wait
/// in front of it; a thousand round trips a second would move 512,000.
const PULL_MESSAGES: usize = 512;
/// Bytes asked for at once, if the server's largest message is not larger.
const PULL_BYTES: usize = 8 << 20;
/// A pull request is renewed when it has stood for so many heartbeats: five minutes by default.
const PULL_HEARTBEATS: u32 = 20;

/// What came next.
pub(super) enum Turn {
    Message(Message),
    /// The server has nothing, or the request was renewed.
    Nothing,
    /// Something that says nothing about this consumer.
    Unrelated,
    /// This stretch is over; the consumer has to be opened again.
    Over(Over),
}

#[derive(Debug)]
pub(super) enum Over {
    /// The connection was lost, which is told elsewhere.
    Lost,
    /// Something happened to the consumer; the text is for the operator.
    Broken(String),
    /// What no reopening mends.
    Denied(String),
}

pub(super) struct Session {
    /// The consumer's name.
    pub(super) consumer: String,
    messages: Subscriber,
    inbox: String,
    subject: String,
    /// Begins the subjects that its messages are acknowledged on.
    ack_prefix: String,
    request: Bytes,
    /// Messages that the request which stands may still bring.
    left: usize,
    heartbeat: Duration,
    heard: Instant,
    denials: Denials,
    losses: watch::Receiver<u64>,
}

impl Session {
    /// Opens the consumer and asks it for messages; returns once the server has the request.
    pub(super) async fn open(
        link: &Link,
        consumer: &Consumer,
        progress: &mut Progress,
        seat: Option<&mut Seat>,
        heartbeat: Duration,
    ) -> Result<Session, BrokerError> {
        let (mut denials, losses) = (link.denials(), link.losses());
        let name = consumer.open(progress, seat).await?;
        let stream = consumer.stream_name();
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        let inbox = link.client().new_inbox();
        let subscribed = link.client().subscribe(inbox.clone()).await;
        let messages = subscribed.map_err(|_| BrokerError::Unavailable(link.reason()))?;
        let mut session = Session {
            ack_prefix: format!("$JS.ACK.{stream}.{name}."),
            consumer: name,
            messages,
            request: request(link, heartbeat),
            left: 0,
            heartbeat,
            heard: Instant::now(),
            denials: link.denials(),
            losses,
            subject,
            inbox,
        };
        session.pull(link).await;
        let is_ours = |denial: &Denial| session.is_denied(denial);
        match link.confirm(&mut denials, is_ours).await {
            Ok(()) => Ok(session),
            Err(Unconfirmed::Denied(text)) => Err(BrokerError::Refused(text)),
            Err(Unconfirmed::Lost) => Err(BrokerError::Unavailable(link.reason())),
        }
    }

    /// Asks for more, once nothing is left of what was asked for.
    pub(super) async fn pull(&mut self, link: &Link) {
        if self.left > 0 {
            return;
        }
        self.left = PULL_MESSAGES;
        let (subject, inbox) = (self.subject.clone(), self.inbox.clone());
        // What fails here fails because the connection does, and that is heard of.
        drop(link.client().publish_with_reply(subject, inbox, self.request.clone()).await);
    }

    /// Waits for what comes next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Turn {
        let silent_at = self.heard + self.heartbeat * 2;
        tokio::select! {
            biased;
            _ = self.losses.changed() => Turn::Over(Over::Lost),
            denial = self.denials.recv() => match denial {
                Ok(denial) if self.is_denied(&denial) => Turn::Over(Over::Denied(denial.text().to_owned())),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Turn::Unrelated,
                Err(broadcast::error::RecvError::Closed) => Turn::Over(Over::Lost),
            },
            message = self.messages.next() => match message {
                Some(message) => self.hear(message),
                None => Turn::Over(Over::Denied("the nats client has stopped".into())),
            },
            () = sleep_until(silent_at) => Turn::Over(Over::Broken("the server fell silent".into())),
        }
    }

    /// Whether this takes away what it reads by: its inbox, its requests or its acknowledgements.
    fn is_denied(&self, denial: &Denial) -> bool {
        denial.concerns(Deed::Subscribe, std::slice::from_ref(&self.inbox))
            || denial.concerns(Deed::Publish, std::slice::from_ref(&self.subject))
            || denial.silences(&self.ack_prefix)
    }

    /// Silence counts from now: time that passed while nobody listened is not the server's.
    pub(super) fn listen(&mut self) {
        self.heard = Instant::now();
    }

    fn hear(&mut self, message: Message) -> Turn {
        self.listen();
        let about = message.description.as_deref().unwrap_or("without a reason");
        match message.status {
            None | Some(StatusCode::OK) => {
                self.left = self.left.saturating_sub(1);
                Turn::Message(message)
            }
            Some(StatusCode::IDLE_HEARTBEAT) => Turn::Nothing,
            // The request has stood its time, or the next message was one too many for it.
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => self.renew(),
            Some(StatusCode::REQUEST_TERMINATED)
                if about == "Batch Completed" || about.starts_with("Message Size Exceeds") =>
            {
                self.renew()
            }
            Some(StatusCode::NO_RESPONDERS) => {
                Turn::Over(Over::Broken("the consumer or its stream is gone".into()))
            }
            Some(status) => Turn::Over(Over::Broken(format!("the server says {status}: {about}"))),
        }
    }

    fn renew(&mut self) -> Turn {
        self.left = 0;
        Turn::Nothing
    }
}

/// The body of a pull request.
fn request(link: &Link, heartbeat: Duration) -> Bytes {
    // Twice its largest message: one that is over the bound would never come.
    let largest = link.client().server_info().max_payload.saturating_mul(2);
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let request = json!({
        "batch": PULL_MESSAGES,
        "max_bytes": PULL_BYTES.max(largest),
        "expires": nanoseconds(heartbeat * PULL_HEARTBEATS),
        "idle_heartbeat": nanoseconds(heartbeat),
    });
    Bytes::from(request.to_string())
}
