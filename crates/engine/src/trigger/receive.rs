//! From broker bytes to events, and `on_receive`: what is no event is counted, logged and left out here.
//! Owns what makes an event bad; a bad event never ends a subscription.

use super::Receiver;
use super::round::Recipe;
use crate::decode::{Decode, Decoded, Undecoded};
use crate::event::{Event, Message, Position};
use crate::hook::fenced;
use crate::metrics::Metrics;
use crate::port::{Batch, Failure};
use crate::snapshot::Provider;
use graph::error::{Code, GraphqlError};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Log lines about bad events of one trigger before only each `LOGGED_EVERY`th is written; all are counted.
const LOGGED_FIRST: u64 = 10;
const LOGGED_EVERY: u64 = 1_000;

/// Counts and logs what is wrong with events.
pub(crate) struct Faults {
    provider: Provider,
    metrics: Arc<Metrics>,
    seen: u64,
    /// By root field: whether the event under way can be that field's. A field's groups need one check.
    verdicts: HashMap<Arc<str>, bool>,
    /// Shared by all events without one.
    no_envelope: Arc<Value>,
}

type Token = (Position, Arc<()>);

impl Faults {
    pub(crate) fn new(provider: Provider, metrics: Arc<Metrics>) -> Faults {
        Faults { provider, metrics, seen: 0, verdicts: HashMap::new(), no_envelope: Arc::default() }
    }

    /// Parses a batch. Each message, bad ones too, has a token for its ack.
    pub(crate) fn parse(&mut self, batch: Batch, bytes_max: usize) -> (Vec<(Event, Arc<()>)>, Vec<Token>) {
        self.metrics.events_received.add(&self.provider.labels(), batch.len() as u64);
        let (mut events, mut tokens) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for message in batch {
            let token = Arc::new(());
            tokens.push((message.position, token.clone()));
            match parse(&message, self.provider.decode, bytes_max) {
                Ok(decoded) => events.push((self.event(message, decoded), token)),
                Err(Undecoded { reason, detail }) => self.log(&message.subject, reason, &detail),
            }
        }
        (events, tokens)
    }

    fn event(&self, message: Message, Decoded { payload, envelope }: Decoded) -> Event {
        Event {
            provider: self.provider.id.clone(),
            subject: message.subject,
            position: message.position,
            key: message.key,
            envelope: if envelope.is_null() { self.no_envelope.clone() } else { Arc::new(envelope) },
            headers: Arc::new(message.headers),
            payload: Arc::new(payload),
        }
    }

    /// Forgets the verdicts on the event before.
    pub(crate) fn next_event(&mut self) {
        self.verdicts.clear();
    }

    /// Whether this event can be this group's field at all. Lesser faults are counted too, and the clients that asked
    /// for what is missing get an error at its path.
    pub(crate) fn passes(&mut self, recipe: &Recipe, event: &Event) -> bool {
        if let Some(verdict) = self.verdicts.get(&recipe.field) {
            return *verdict;
        }
        let faults = recipe.root().check(event.object());
        for fault in &faults {
            self.log(&event.subject, fault.reason(), &fault.to_string());
        }
        let passes = !faults.iter().any(graph::plan::EventFault::is_fatal);
        self.verdicts.insert(recipe.field.clone(), passes);
        passes
    }

    pub(crate) fn count(&self, reason: &'static str) {
        let [family, provider] = self.provider.labels();
        self.metrics.events_dropped.add(&[family, provider, reason], 1);
    }

    /// Messages that the source itself had to drop.
    pub(crate) fn count_lost(&mut self, lost: u64, subjects: &[String]) {
        if lost > 0 {
            let [family, provider] = self.provider.labels();
            self.metrics.events_dropped.add(&[family, provider, "source_overflow"], lost);
            tracing::warn!(family, provider, ?subjects, lost, "the source fell behind and lost events");
        }
    }

    fn log(&mut self, subject: &str, reason: &'static str, detail: &str) {
        self.count(reason);
        self.seen += 1;
        if self.seen <= LOGGED_FIRST || self.seen.is_multiple_of(LOGGED_EVERY) {
            let ([family, provider], bad) = (self.provider.labels(), self.seen);
            tracing::warn!(family, provider, subject, reason, detail, bad, "bad event");
        }
    }
}

fn parse(message: &Message, decode: Decode, bytes_max: usize) -> Result<Decoded, Undecoded> {
    let bytes = message.payload.len();
    if bytes > bytes_max {
        let detail = format!("{bytes} bytes; limits.event_bytes_max is {bytes_max}");
        return Err(Undecoded { reason: "payload_too_large", detail });
    }
    decode.decode(message)
}

/// A hook may put anything into an event, and what is no object is none.
fn objects(mut events: Vec<Event>, provider: &Provider, metrics: &Metrics) -> Vec<Event> {
    let given = events.len();
    events.retain(|event| event.payload.is_object());
    let dropped = given - events.len();
    if dropped > 0 {
        let [family, provider] = provider.labels();
        metrics.events_dropped.add(&[family, provider, "not_an_object"], dropped as u64);
        tracing::warn!(family, provider, dropped, "on_receive made events whose payload is no object");
    }
    events
}

/// What a batch became: events with the token each holds until it is delivered, or the end of the trigger.
pub(crate) type Received = Result<Vec<(Event, Arc<()>)>, GraphqlError>;

/// Runs the `on_receive` hooks over a batch, each over what the one before left.
pub(crate) async fn on_receive(
    receivers: Arc<Vec<Receiver>>,
    events: Vec<(Event, Arc<()>)>,
    provider: Provider,
    metrics: Arc<Metrics>,
) -> Received {
    let (mut events, tokens): (Vec<Event>, Vec<Arc<()>>) = events.into_iter().unzip();
    for receiver in receivers.iter() {
        if events.is_empty() {
            break;
        }
        tracing::trace!(target: "way", step = "Hook::on_receive");
        let asked = async { receiver.hook.hook.on_receive(events.clone()).await };
        match fenced(&receiver.hook, "on_receive", receiver.timeout, &metrics, asked).await {
            Ok(kept) => events = objects(kept, &provider, &metrics),
            Err(fault) => match receiver.on_failure {
                Failure::Pass => {}
                Failure::Drop => {
                    let [family, id] = provider.labels();
                    metrics.events_dropped.add(&[family, id, "hook_failed"], events.len() as u64);
                    events.clear();
                }
                Failure::Close => return Err(GraphqlError::new(Code::SubscriptionRefused, fault.reason())),
            },
        }
    }
    // A hook may drop, change or add events, so an ack can only mean the whole batch. Acks go in order: with the
    // batch's first position held by all that is left of it, none of the batch goes before all of it is delivered.
    let Some(first) = tokens.into_iter().next() else { return Ok(Vec::new()) };
    Ok(events.into_iter().map(|event| (event, first.clone())).collect())
}
