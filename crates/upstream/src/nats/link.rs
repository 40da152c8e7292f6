//! The state of one NATS connection: up or down and why, what the server denied, and proof that it has what
//! we sent. Owns the log lines on loss and return; never holds a message.

use crate::metrics::ProviderMetrics;
use async_nats::connection::State;
use async_nats::{Client, ClientError, Event, ServerError};
use bytes::Bytes;
use futures::StreamExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// The client's event queue (128) drops what it cannot hold, so a waiter also asks the state itself now and
/// then.
const STATE_RECHECK: Duration = Duration::from_millis(250);
/// Denials waiting for one reader. They are rare, and each is answered by one reader at most.
const DENIALS_MAX: usize = 256;
/// How long a denial may be behind the echo that follows it; seen: 0.03 ms.
const DENIAL_GRACE: Duration = Duration::from_millis(20);

/// What the server denied, from now on.
pub(super) type Denials = broadcast::Receiver<Denial>;

/// A subject the server would not let us use, as its error says.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    subject: String,
    text: String,
}

impl Denial {
    /// Reads `Permissions Violation for Publish to "a.b"` and its sibling for subscriptions.
    fn parse(text: &str) -> Option<Denial> {
        let rest = text.trim_matches('\'').strip_prefix("Permissions Violation for ")?;
        let subject = rest.split('"').nth(1)?;
        Some(Denial {
            subject: subject.to_owned(),
            text: format!("the server's permissions forbid it: {rest}"),
        })
    }

    /// The text for the operator, if one of these subjects was denied.
    pub(super) fn concerns(&self, subjects: &[String]) -> Option<String> {
        subjects.contains(&self.subject).then(|| self.text.clone())
    }
}

/// Why the server did not confirm.
#[derive(Debug)]
pub(super) enum Unconfirmed {
    Denied(String),
    /// The connection broke before the answer came.
    Lost,
}

/// What the client's events say about the connection.
pub(super) struct Health {
    provider: String,
    servers: String,
    metrics: Arc<ProviderMetrics>,
    /// Wakes those who wait for the connection.
    turns: watch::Sender<()>,
    /// Counts losses, so that a waiter sees one that is already mended.
    losses: watch::Sender<u64>,
    denials: broadcast::Sender<Denial>,
    fault: Mutex<Option<String>>,
    told_down: AtomicBool,
    slow_consumer_events: AtomicU64,
    /// The server has denied something before.
    restricted: AtomicBool,
    closed: Arc<AtomicBool>,
}

impl Health {
    pub(super) fn new(provider: &str, servers: String, metrics: Arc<ProviderMetrics>) -> Health {
        Health {
            provider: provider.to_owned(),
            servers,
            metrics,
            turns: watch::Sender::new(()),
            losses: watch::Sender::new(0),
            denials: broadcast::Sender::new(DENIALS_MAX),
            fault: Mutex::default(),
            told_down: AtomicBool::new(false),
            slow_consumer_events: AtomicU64::new(0),
            restricted: AtomicBool::new(false),
            closed: Arc::default(),
        }
    }

    pub(super) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    pub(super) fn observe(&self, event: Event) {
        match event {
            Event::Connected => self.connected(),
            Event::Disconnected => {
                ProviderMetrics::grow(&self.metrics.connection_losses, 1);
                self.losses.send_modify(|losses| *losses += 1);
                self.down("the connection was lost");
            }
            // The client keeps what the system said to itself.
            Event::ClientError(ClientError::Other(text)) if text == "IO error" => {
                self.down("nothing answers at that address");
            }
            Event::ClientError(ClientError::Other(text)) => self.down(&text),
            Event::ClientError(error) => self.down(&error.to_string()),
            Event::ServerError(ServerError::AuthorizationViolation) => self.down("authorization violation"),
            Event::ServerError(ServerError::Other(text)) => self.server_error(&text),
            Event::ServerError(ServerError::SlowConsumer(_)) | Event::SlowConsumer(_) => self.slow_consumer(),
            Event::LameDuckMode => {
                tracing::info!(provider = self.provider, "the nats server is about to stop");
            }
            Event::Draining | Event::Closed => {}
        }
    }

    fn connected(&self) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
        ProviderMetrics::grow(&self.metrics.connections, 1);
        self.turns.send_replace(());
        let returned = self.told_down.swap(false, Ordering::Relaxed);
        let text = if returned { "nats is back: subscriptions are renewed" } else { "connected to nats" };
        tracing::info!(provider = self.provider, servers = self.servers, "{text}");
    }

    /// Notes the reason, and logs the first one of each outage.
    fn down(&self, reason: &str) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        if !self.told_down.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                provider = self.provider,
                servers = self.servers,
                reason,
                "no connection to nats: subscribers stay and get no events until it returns; trying on. \
                 Check that the server runs, that `url` names it, and its authentication and TLS settings"
            );
        }
    }

    fn server_error(&self, text: &str) {
        tracing::warn!(provider = self.provider, error = text, "the nats server refused something");
        if let Some(denial) = Denial::parse(text) {
            self.restricted.store(true, Ordering::Relaxed);
            // Nobody waits for it: the log line is all there is to do.
            drop(self.denials.send(denial));
        }
    }

    /// async-nats itself dropped a message; see `SUBSCRIPTION_CAPACITY`.
    fn slow_consumer(&self) {
        ProviderMetrics::grow(&self.metrics.messages_dropped, 1);
        let count = self.slow_consumer_events.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::error!(
                provider = self.provider,
                count,
                "the nats client lost messages: no CPU to read them"
            );
        }
    }
}

/// A NATS client and what is known about its connection.
pub(super) struct Link {
    client: Client,
    health: Arc<Health>,
}

impl Link {
    pub(super) fn new(client: Client, health: Arc<Health>) -> Link {
        Link { client, health }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn provider(&self) -> &str {
        &self.health.provider
    }

    pub(super) fn metrics(&self) -> &ProviderMetrics {
        &self.health.metrics
    }

    pub(super) fn denials(&self) -> Denials {
        self.health.denials.subscribe()
    }

    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Why the connection is down, for the operator; holds no secret.
    pub(super) fn reason(&self) -> String {
        let fault = self.health.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = fault.as_deref().unwrap_or("not connected yet");
        format!("no connection to {} ({fault})", self.health.servers)
    }

    /// Waits until the connection stands.
    pub(super) async fn connected(&self) {
        let mut turns = self.health.turns.subscribe();
        while !self.is_up() {
            // Either outcome means: look again.
            drop(tokio::time::timeout(STATE_RECHECK, turns.changed()).await);
        }
    }

    /// Returns once the server has everything sent before the call, or says what it denied of it.
    ///
    /// The client hears of a denial through another task than of the echo that follows it on the wire, so
    /// the echo may be seen first. Where an account is known to be restricted the denial is waited for.
    /// Elsewhere nobody pays for that wait, and a denial that is seen too late is logged and ends the
    /// source it concerns.
    pub(super) async fn confirm(
        &self,
        denials: &mut Denials,
        subjects: &[String],
    ) -> Result<(), Unconfirmed> {
        self.echo(denials, subjects).await?;
        if !self.health.restricted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let denied = async {
            loop {
                match denials.recv().await.map(|denial| denial.concerns(subjects)) {
                    Ok(Some(reason)) => return Err(Unconfirmed::Denied(reason)),
                    Ok(None) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(Unconfirmed::Lost),
                }
            }
        };
        tokio::time::timeout(DENIAL_GRACE, denied).await.unwrap_or(Ok(()))
    }

    /// The server handles one connection's commands in order, so a message to ourselves comes back after
    /// them. (The client's `flush` only empties our side of the socket.) Whatever the account may do, there
    /// is an answer: the message, or a denial of its own subject.
    async fn echo(&self, denials: &mut Denials, subjects: &[String]) -> Result<(), Unconfirmed> {
        let mut losses = self.health.losses.subscribe();
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.map_err(|_| Unconfirmed::Lost)?;
        // Lets the server forget the echo's subscription as it delivers.
        echo.unsubscribe_after(1).await.map_err(|_| Unconfirmed::Lost)?;
        self.client.publish(inbox.clone(), Bytes::new()).await.map_err(|_| Unconfirmed::Lost)?;
        let inbox = [inbox];
        loop {
            tokio::select! {
                // In this order: a denial that is there precedes the echo that is there.
                biased;
                denial = denials.recv() => match denial {
                    Ok(denial) if denial.concerns(&inbox).is_some() => return Ok(()),
                    Ok(denial) => {
                        if let Some(reason) = denial.concerns(subjects) {
                            return Err(Unconfirmed::Denied(reason));
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(Unconfirmed::Lost),
                },
                _ = losses.changed() => return Err(Unconfirmed::Lost),
                answer = echo.next() => return answer.map(drop).ok_or(Unconfirmed::Lost),
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.health.closed.store(true, Ordering::Relaxed);
    }
}
