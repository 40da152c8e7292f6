//! Who listens to which channel or pattern, and what the server has to be asked for so that they hear it.
//! Owns the counting of listeners and the delivery to each; pure but for the sources' queues, never talks to a server.

use super::glob;
use crate::queue::Feeder;
use bytes::Bytes;
use engine::event::{Message, Position};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a name is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// `SUBSCRIBE`: the name is a channel as it stands.
    Channel,
    /// `PSUBSCRIBE`: the name is a pattern.
    Pattern,
}

/// What the server is to be asked: to begin or to end one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) begins: bool,
    /// Tells an answer for an earlier subscription of the same name from the one that counts.
    generation: u64,
}

/// Told once: everything is subscribed, or why not.
pub(super) type Confirmation = oneshot::Sender<Result<(), String>>;

/// A source that joins. Its names are all different.
pub(super) struct Join {
    pub(super) ticket: u64,
    pub(super) kind: Kind,
    pub(super) names: Vec<String>,
    pub(super) feeder: Feeder,
    pub(super) confirmation: Confirmation,
}

struct Listener {
    kind: Kind,
    names: Vec<String>,
    feeder: Feeder,
    /// `None` once it was told.
    confirmation: Option<Confirmation>,
    sequence: u128,
}

struct Subscription {
    generation: u64,
    is_confirmed: bool,
    tickets: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Board {
    channels: HashMap<String, Subscription>,
    patterns: HashMap<String, Subscription>,
    listeners: HashMap<u64, Listener>,
    generation: u64,
}

/// The calls of one renewal whose answers are still to come.
pub(super) struct Renewal {
    generation: u64,
    left: usize,
}

impl Renewal {
    /// Of what `renew` returned.
    pub(super) fn new(calls: &[Call]) -> Renewal {
        Renewal { generation: calls.first().map_or(0, |call| call.generation), left: calls.len() }
    }

    /// Joins and leaves that came since are somebody else's: a busy provider always has some of them.
    pub(super) fn answered(&mut self, call: &Call) {
        if call.begins && call.generation == self.generation {
            self.left = self.left.saturating_sub(1);
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }
}

impl Board {
    pub(super) fn join(&mut self, join: Join) -> Vec<Call> {
        let Join { ticket, kind, names, feeder, confirmation } = join;
        let mut calls = Vec::new();
        for name in &names {
            let next = self.generation + 1;
            let subscription = self.of(kind).entry(name.clone()).or_insert_with(|| {
                calls.push(Call { kind, name: name.clone(), begins: true, generation: next });
                Subscription { generation: next, is_confirmed: false, tickets: Vec::new() }
            });
            subscription.tickets.push(ticket);
            self.generation = next;
        }
        let confirmation = Some(confirmation);
        self.listeners.insert(ticket, Listener { kind, names, feeder, confirmation, sequence: 0 });
        self.tell(ticket);
        calls
    }

    /// A source is gone; the last one of a name ends its subscription.
    pub(super) fn leave(&mut self, ticket: u64) -> Vec<Call> {
        let Some(Listener { kind, names, .. }) = self.listeners.remove(&ticket) else { return Vec::new() };
        let mut calls = Vec::new();
        for name in names {
            let Some(subscription) = self.of(kind).get_mut(&name) else { continue };
            subscription.tickets.retain(|other| *other != ticket);
            if subscription.tickets.is_empty() {
                let generation = subscription.generation;
                self.of(kind).remove(&name);
                calls.push(Call { kind, name, begins: false, generation });
            }
        }
        calls
    }

    /// The connection is gone, and with it every subscription.
    pub(super) fn lose(&mut self) {
        let all = self.channels.values_mut().chain(self.patterns.values_mut());
        all.for_each(|subscription| subscription.is_confirmed = false);
    }

    /// Everything that a new connection has to subscribe to.
    pub(super) fn renew(&mut self) -> Vec<Call> {
        self.generation += 1;
        let Board { channels, patterns, generation, .. } = self;
        let generation = *generation;
        let channels = channels.iter_mut().map(|entry| (Kind::Channel, entry));
        let patterns = patterns.iter_mut().map(|entry| (Kind::Pattern, entry));
        let calls = channels.chain(patterns).map(|(kind, (name, subscription))| {
            subscription.generation = generation;
            Call { kind, name: name.clone(), begins: true, generation }
        });
        calls.collect()
    }

    /// The server has the subscription.
    pub(super) fn confirm(&mut self, call: &Call) {
        let Some(tickets) = self.meant(call).map(|subscription| {
            subscription.is_confirmed = true;
            subscription.tickets.clone()
        }) else {
            return;
        };
        tickets.into_iter().for_each(|ticket| self.tell(ticket));
    }

    /// The server will not have the subscription: whoever waits is told, and a source that had it before ends.
    pub(super) fn refuse(&mut self, call: &Call, reason: &str) -> Vec<Call> {
        let tickets = self.meant(call).map(|subscription| std::mem::take(&mut subscription.tickets));
        let Some(tickets) = tickets else { return Vec::new() };
        self.of(call.kind).remove(&call.name);
        let mut calls = Vec::new();
        for ticket in tickets {
            if let Some(listener) = self.listeners.get_mut(&ticket) {
                match listener.confirmation.take() {
                    // Whoever gave up waiting needs no answer.
                    Some(confirmation) => drop(confirmation.send(Err(reason.to_owned()))),
                    None => listener.feeder.end(reason),
                }
            }
            calls.extend(self.leave(ticket));
        }
        calls
    }

    /// Hands a message to every source that has the subscription it came by.
    pub(super) fn deliver(&mut self, pattern: Option<&str>, channel: &Arc<str>, payload: &Bytes) {
        let subscription = match pattern {
            None => self.channels.get(&**channel),
            Some(pattern) => self.patterns.get(pattern),
        };
        let Some(subscription) = subscription else { return };
        for ticket in &subscription.tickets {
            let Some(listener) = self.listeners.get_mut(ticket) else { continue };
            if pattern.is_some_and(|pattern| listener.has_by_another(pattern, channel)) {
                continue;
            }
            listener.sequence += 1;
            let position = Position { partition: 0, sequence: listener.sequence };
            listener.feeder.offer(Message {
                subject: Arc::clone(channel),
                key: None,
                payload: payload.clone(),
                headers: Vec::new(),
                position,
            });
        }
    }

    /// The subscription that an answer is about, unless there is another of that name by now.
    fn meant(&mut self, call: &Call) -> Option<&mut Subscription> {
        let subscription = self.of(call.kind).get_mut(&call.name);
        subscription.filter(|subscription| subscription.generation == call.generation)
    }

    /// Tells a source that waits, once everything it asked for is confirmed.
    fn tell(&mut self, ticket: u64) {
        let Board { channels, patterns, listeners, .. } = self;
        let Some(listener) = listeners.get_mut(&ticket) else { return };
        let subscriptions = if listener.kind == Kind::Channel { channels } else { patterns };
        if listener.names.iter().all(|name| subscriptions.get(name).is_some_and(|s| s.is_confirmed))
            && let Some(confirmation) = listener.confirmation.take()
        {
            // Whoever gave up waiting needs no answer.
            drop(confirmation.send(Ok(())));
        }
    }

    fn of(&mut self, kind: Kind) -> &mut HashMap<String, Subscription> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
        }
    }
}

impl Listener {
    /// The server sends a message once per pattern that covers its channel: where a source's own patterns overlap, the
    /// first one counts.
    fn has_by_another(&self, pattern: &str, channel: &str) -> bool {
        let before = self.names.iter().take_while(|name| *name != pattern);
        before.into_iter().any(|name| glob::matches(name.as_bytes(), channel.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
