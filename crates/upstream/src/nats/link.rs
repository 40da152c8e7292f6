//! One NATS connection as the rest of this folder uses it: whether it stands, proof that the server has what
//! we sent, and questions with their answers. Owns the client; never holds a message.

use super::signals::{Awaiting, Deed, Denial, Denials, Signals};
use crate::health::Health;
use crate::metrics::ProviderMetrics;
use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Request};
use bytes::Bytes;
use engine::port::{BrokerError, BrokerStatus};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, watch};

/// The client's event queue (128) drops what it cannot hold, so a waiter also asks the state itself now and
/// then.
const STATE_RECHECK: Duration = Duration::from_millis(250);
/// How long a denial may be behind the echo that follows it; seen: 0.03 ms.
const DENIAL_GRACE: Duration = Duration::from_millis(20);

/// Each probe may bring three denials, with its echo's, and the client's event queue holds 128.
const PROBES_MAX: usize = 32;

/// Why the server did not confirm.
#[derive(Debug)]
pub(super) enum Unconfirmed {
    Denied(String),
    /// The connection broke before the answer came.
    Lost,
}

/// A NATS client and what is known about its connection.
pub(super) struct Link {
    client: Client,
    signals: Arc<Signals>,
    /// Subjects that may be probed at once.
    probes: Semaphore,
}

impl Link {
    /// Starts the task that looks at the client now and then, until the link is dropped.
    pub(super) fn new(client: Client, signals: Arc<Signals>) -> Arc<Link> {
        let link = Arc::new(Link { client, signals, probes: Semaphore::new(PROBES_MAX) });
        let weak = Arc::downgrade(&link);
        link.signals.attend(move || weak.upgrade().is_some_and(|link| link.is_up()));
        let weak = Arc::downgrade(&link);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(STATE_RECHECK).await;
                let Some(link) = weak.upgrade() else { return };
                link.signals.check(link.is_up());
            }
        });
        link
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn provider(&self) -> &str {
        self.signals.health.provider()
    }

    pub(super) fn metrics(&self) -> Arc<ProviderMetrics> {
        Arc::clone(&self.signals.metrics)
    }

    pub(super) fn denials(&self) -> Denials {
        self.signals.denials.subscribe()
    }

    /// Whoever subscribes holds this until it is confirmed.
    pub(super) fn await_denials(&self, subjects: &[String]) -> Awaiting {
        self.signals.await_denials(subjects)
    }

    /// Changes when sources should `probe`.
    pub(super) fn doubts(&self) -> watch::Receiver<u64> {
        self.signals.doubts.subscribe()
    }

    pub(super) fn health(&self) -> &Health {
        &self.signals.health
    }

    /// Finds out whether the server would still let these be subscribed to: it tells a denial once, and the client
    /// loses what it cannot hold of many at once. What a probe is sent goes nowhere.
    pub(super) async fn probe(&self, subjects: &[String]) -> Result<(), Unconfirmed> {
        for subjects in subjects.chunks(PROBES_MAX) {
            let count = u32::try_from(subjects.len()).expect("a chunk is small");
            let _permits = self.probes.acquire_many(count).await.expect("the semaphore is never closed");
            let (mut denials, _awaiting) = (self.denials(), self.await_denials(subjects));
            for subject in subjects {
                let probe = self.client.subscribe(subject.clone()).await;
                drop(probe.map_err(|_| Unconfirmed::Lost)?);
            }
            self.confirm(&mut denials, |denial| denial.concerns(Deed::Subscribe, subjects)).await?;
        }
        Ok(())
    }

    /// Changes with each loss of the connection from now on.
    pub(super) fn losses(&self) -> watch::Receiver<u64> {
        self.signals.losses.subscribe()
    }

    /// Asks the client itself, which knows before its events tell.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Why the connection is down, for the operator; holds no secret.
    pub(super) fn reason(&self) -> String {
        self.signals.health.reason()
    }

    pub(super) fn status(&self) -> BrokerStatus {
        if self.is_up() { BrokerStatus::Up } else { BrokerStatus::Down { reason: self.reason() } }
    }

    /// Waits until the connection stands.
    pub(super) async fn connected(&self) {
        let mut turns = self.signals.turns.subscribe();
        while !self.is_up() {
            // Either outcome means: look again.
            drop(tokio::time::timeout(STATE_RECHECK, turns.changed()).await);
        }
    }

    /// Returns once the server has everything sent before the call, or says what it denied of it; `is_ours` knows
    /// what that can be.
    ///
    /// The client hears of a denial through another task than of the echo that follows it on the wire, so
    /// the echo may be seen first. Where an account is known to be restricted the denial is waited for.
    /// Elsewhere nobody pays for that wait, and a denial that is seen too late is logged and ends the
    /// source it concerns.
    pub(super) async fn confirm(
        &self,
        denials: &mut Denials,
        is_ours: impl Fn(&Denial) -> bool,
    ) -> Result<(), Unconfirmed> {
        self.echo(denials, &is_ours).await?;
        if !self.signals.is_restricted() {
            return Ok(());
        }
        let judge = |denial: Denial| is_ours(&denial).then(|| Err(denied(&denial)));
        let denied = self.unless(denials, judge, std::future::pending());
        tokio::time::timeout(DENIAL_GRACE, denied).await.unwrap_or(Ok(()))
    }

    /// The server handles one connection's commands in order, so a message to ourselves comes back after
    /// them. (The client's `flush` only empties our side of the socket.) Whatever the account may do, there
    /// is an answer: the message, or a denial of its own subject.
    async fn echo(
        &self,
        denials: &mut Denials,
        is_ours: impl Fn(&Denial) -> bool,
    ) -> Result<(), Unconfirmed> {
        let inbox = self.client.new_inbox();
        let ours = [inbox.clone()];
        let judge = |denial: Denial| {
            let is_echo = [Deed::Publish, Deed::Subscribe].iter().any(|deed| denial.concerns(*deed, &ours));
            if is_echo { Some(Ok(())) } else { is_ours(&denial).then(|| Err(denied(&denial))) }
        };
        let echoed = async {
            let mut echo = self.client.subscribe(inbox.clone()).await.map_err(|_| Unconfirmed::Lost)?;
            // Lets the server forget the echo's subscription as it delivers.
            echo.unsubscribe_after(1).await.map_err(|_| Unconfirmed::Lost)?;
            self.client.publish(inbox, Bytes::new()).await.map_err(|_| Unconfirmed::Lost)?;
            echo.next().await.map(drop).ok_or(Unconfirmed::Lost)
        };
        self.unless(denials, judge, echoed).await
    }

    /// Asks on a subject and waits for the answer, for as long as the connection lasts. The answer has an inbox of its
    /// own: the client's shared one keeps for ever what was never answered.
    pub(super) async fn ask(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<async_nats::Message, BrokerError> {
        let mut denials = self.denials();
        let inboxes = [self.client.new_inbox()];
        let subjects = [subject.to_owned()];
        let mut request = Request::new().payload(payload).timeout(None).inbox(inboxes[0].clone());
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        let judge = |denial: Denial| {
            let is_ours =
                denial.concerns(Deed::Publish, &subjects) || denial.concerns(Deed::Subscribe, &inboxes);
            is_ours.then(|| Err(denied(&denial)))
        };
        let asked = async { Ok(self.client.send_request(subject.to_owned(), request).await) };
        let answer =
            self.unless(&mut denials, judge, asked).await.map_err(|unconfirmed| match unconfirmed {
                Unconfirmed::Denied(text) => BrokerError::Refused(text),
                Unconfirmed::Lost => BrokerError::Unavailable(self.broken()),
            })?;
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BrokerError::NoResponders,
            RequestErrorKind::TimedOut => BrokerError::Timeout,
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                BrokerError::Refused(error.to_string())
            }
            RequestErrorKind::Other => BrokerError::Unavailable(self.broken()),
        })
    }

    /// What is said of a message whose confirmation never came.
    pub(super) fn broken(&self) -> String {
        let reason = self.reason();
        format!("{reason}; it broke before the server confirmed, so the message may or may not have arrived")
    }

    /// Does the work unless the connection is lost first, or a denial has something to say to it.
    async fn unless<T>(
        &self,
        denials: &mut Denials,
        judge: impl Fn(Denial) -> Option<Result<T, Unconfirmed>>,
        work: impl Future<Output = Result<T, Unconfirmed>>,
    ) -> Result<T, Unconfirmed> {
        let mut losses = self.losses();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                // In this order: a denial that is there precedes the answer that is there.
                biased;
                denial = denials.recv() => match denial.map(&judge) {
                    Ok(Some(outcome)) => return outcome,
                    Ok(None) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(Unconfirmed::Lost),
                },
                _ = losses.changed() => return Err(Unconfirmed::Lost),
                outcome = &mut work => return outcome,
            }
        }
    }
}

fn denied(denial: &Denial) -> Unconfirmed {
    Unconfirmed::Denied(denial.text().to_owned())
}

impl Drop for Link {
    fn drop(&mut self) {
        self.signals.closed().store(true, Ordering::Relaxed);
    }
}
