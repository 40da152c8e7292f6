//! What the client's events say: that the connection turned, was lost, and what the server denied.
//! Owns what only NATS has beside the shared `Health`; never asks the client for anything.

use crate::health::Health;
use crate::metrics::ProviderMetrics;
use async_nats::{ClientError, Event, ServerError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};

/// Denials waiting for one reader. They are rare, and each is answered by one reader at most.
const DENIALS_MAX: usize = 256;

/// Subscriptions of our own that only this process knows; their denial says nothing about a source.
const INBOX: &str = "_INBOX.";
/// All sources ask the server at once when they doubt, so this much time passes before they do again.
const DOUBT_PAUSE: Duration = Duration::from_secs(5);
/// A change of permissions may deny thousands of subjects.
const DENIAL_LOG_PAUSE: Duration = Duration::from_secs(10);

/// What the server denied, from now on.
pub(super) type Denials = broadcast::Receiver<Denial>;

/// What somebody wanted to do with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Publish,
    Subscribe,
}

/// A subject the server would not let us use, as its error says.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    deed: Deed,
    subject: String,
    text: String,
}

impl Denial {
    /// Reads `Permissions Violation for Publish to "a.b"` and its sibling for subscriptions.
    fn parse(text: &str) -> Option<Denial> {
        let rest = text.trim_matches('\'').strip_prefix("Permissions Violation for ")?;
        let deed = if rest.starts_with("Subscription") { Deed::Subscribe } else { Deed::Publish };
        let subject = rest.split('"').nth(1)?;
        Some(Denial {
            deed,
            subject: subject.to_owned(),
            text: format!("the server's permissions forbid it: {rest}"),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether this was denied on one of these subjects.
    pub(super) fn concerns(&self, deed: Deed, subjects: &[String]) -> bool {
        self.deed == deed && subjects.contains(&self.subject)
    }

    /// Whether publishing was denied on a subject that begins so.
    pub(super) fn silences(&self, prefix: &str) -> bool {
        self.deed == Deed::Publish && self.subject.starts_with(prefix)
    }
}

/// Whether something was denied that a source had, and when sources were last sent to find out what else.
#[derive(Default)]
struct Doubt {
    is_raised: bool,
    at: Option<Instant>,
}

/// What the log knows of denials.
#[derive(Default)]
struct Denied {
    told_at: Option<Instant>,
    untold: u64,
}

/// Somebody who waits for the denial of some subjects.
pub(super) struct Awaiting {
    signals: Arc<Signals>,
    subjects: Vec<String>,
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        let mut awaited = lock(&self.signals.awaited);
        for subject in &self.subjects {
            if let Some(count) = awaited.get_mut(subject) {
                *count -= 1;
                if *count == 0 {
                    awaited.remove(subject);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the client's events say about the connection.
pub(super) struct Signals {
    pub(super) health: Health,
    pub(super) metrics: Arc<ProviderMetrics>,
    /// Wakes those who wait for the connection.
    pub(super) turns: watch::Sender<()>,
    /// Counts losses, so that a waiter sees one that is already mended.
    pub(super) losses: watch::Sender<u64>,
    pub(super) denials: broadcast::Sender<Denial>,
    slow_consumer_events: AtomicU64,
    /// The server has denied something before.
    restricted: AtomicBool,
    /// Subjects that are asked for just now, and by how many: their denial has somebody who waits for it.
    awaited: Mutex<HashMap<String, usize>>,
    /// Grows when sources have to find out whether the server still has them.
    pub(super) doubts: watch::Sender<u64>,
    doubt: Mutex<Doubt>,
    denied: Mutex<Denied>,
    /// Whether the client says that the connection stands, once there is one to ask.
    state: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    closed: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn new(provider: &str, servers: String, metrics: Arc<ProviderMetrics>) -> Signals {
        let help = "Check that the server runs, that `url` names it, and its authentication and TLS settings";
        Signals {
            health: Health::new(provider, "nats", servers, help, Arc::clone(&metrics)),
            metrics,
            turns: watch::Sender::new(()),
            losses: watch::Sender::new(0),
            denials: broadcast::Sender::new(DENIALS_MAX),
            slow_consumer_events: AtomicU64::new(0),
            restricted: AtomicBool::new(false),
            awaited: Mutex::default(),
            doubts: watch::Sender::new(0),
            doubt: Mutex::default(),
            denied: Mutex::default(),
            state: OnceLock::new(),
            closed: Arc::default(),
        }
    }

    /// Set once nobody holds the link any more.
    pub(super) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    pub(super) fn is_restricted(&self) -> bool {
        self.restricted.load(Ordering::Relaxed)
    }

    /// Whom to ask whether the connection stands.
    pub(super) fn attend(&self, state: impl Fn() -> bool + Send + Sync + 'static) {
        // Only the first one has anything to say.
        drop(self.state.set(Box::new(state)));
    }

    /// Whoever asks for these subjects hears of their denial itself, until the result is dropped.
    pub(super) fn await_denials(self: &Arc<Self>, subjects: &[String]) -> Awaiting {
        let mut awaited = lock(&self.awaited);
        for subject in subjects {
            *awaited.entry(subject.clone()).or_default() += 1;
        }
        Awaiting { signals: Arc::clone(self), subjects: subjects.to_vec() }
    }

    /// To be called now and then: the client's events may be lost, what it says when it is asked is not.
    pub(super) fn check(&self, stands: bool) {
        match (stands, self.health.is_up()) {
            (true, false) => {
                self.health.up();
                self.turns.send_replace(());
            }
            (false, true) => self.lose(),
            _ => {}
        }
        let mut doubt = lock(&self.doubt);
        if doubt.is_raised && doubt.at.is_none_or(|at| at.elapsed() >= DOUBT_PAUSE) {
            *doubt = Doubt { is_raised: false, at: Some(Instant::now()) };
            self.doubts.send_modify(|doubts| *doubts += 1);
        }
    }

    pub(super) fn observe(&self, event: Event) {
        match event {
            Event::Connected => {
                // The event may have waited while the connection was lost again: `check` knows better.
                if self.state.get().is_none_or(|stands| stands()) {
                    self.health.up();
                }
                self.turns.send_replace(());
            }
            Event::Disconnected => {
                self.lose();
            }
            // It says no more, but its servers do: see `tried`.
            Event::ClientError(ClientError::Other(text)) if text == "IO error" => {}
            Event::ClientError(ClientError::Other(text)) => self.down(&text),
            Event::ClientError(error) => self.down(&error.to_string()),
            Event::ServerError(ServerError::AuthorizationViolation) => self.down("authorization violation"),
            Event::ServerError(ServerError::Other(text)) => self.server_error(&text),
            Event::ServerError(ServerError::SlowConsumer(_)) | Event::SlowConsumer(_) => self.slow_consumer(),
            Event::LameDuckMode => {
                tracing::info!(provider = self.health.provider(), "the nats server is about to stop");
            }
            Event::Draining | Event::Closed => {}
        }
    }

    /// What the last try at each server brought, asked before the next.
    pub(super) fn tried(&self, servers: &[async_nats::Server]) {
        let faults = servers.iter().filter_map(|server| server.last_error.as_deref());
        let mut faults: Vec<&str> =
            faults.map(|fault| fault.strip_prefix("IO error: ").unwrap_or(fault)).collect();
        faults.dedup();
        if !faults.is_empty() {
            self.down(&faults.join("; "));
        }
    }

    fn lose(&self) {
        self.losses.send_modify(|losses| *losses += 1);
        self.down("the connection was lost");
    }

    fn down(&self, reason: &str) {
        if !self.closed.load(Ordering::Relaxed) {
            self.health.down(reason);
        }
    }

    fn server_error(&self, text: &str) {
        let Some(denial) = Denial::parse(text) else {
            tracing::warn!(
                provider = self.health.provider(),
                error = text,
                "the nats server refused something"
            );
            return;
        };
        self.restricted.store(true, Ordering::Relaxed);
        self.log_denial(text);
        if denial.deed == Deed::Subscribe
            && !denial.subject.starts_with(INBOX)
            && !lock(&self.awaited).contains_key(&denial.subject)
        {
            lock(&self.doubt).is_raised = true;
        }
        // Nobody waits for it: the log line is all there is to do.
        drop(self.denials.send(denial));
    }

    /// Whoever is denied something is told of it, and says so: here one line in a while is enough.
    fn log_denial(&self, error: &str) {
        let provider = self.health.provider();
        let mut denied = lock(&self.denied);
        if denied.told_at.is_some_and(|at| at.elapsed() < DENIAL_LOG_PAUSE) {
            denied.untold += 1;
            tracing::debug!(provider, error, "the nats server refused something");
            return;
        }
        let untold = std::mem::take(&mut denied.untold);
        denied.told_at = Some(Instant::now());
        tracing::warn!(provider, error, untold, "the nats server refused something");
    }

    /// async-nats itself dropped a message; see `SUBSCRIPTION_CAPACITY`.
    fn slow_consumer(&self) {
        ProviderMetrics::grow(&self.metrics.messages_dropped, 1);
        let count = self.slow_consumer_events.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::error!(
                provider = self.health.provider(),
                count,
                "the nats client lost messages: no CPU to read them"
            );
        }
    }
}
