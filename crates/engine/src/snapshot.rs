//! One immutable supergraph with its brokers, subgraphs and hooks, swapped whole.
//! Owns the look-ups; never changes once built.

use crate::decode::Decode;
use crate::outbox::Overflow;
use crate::port::{Broker, Hook, Subgraph};
use graph::events::Transport;
use graph::supergraph::Supergraph;
use std::collections::HashMap;
use std::sync::Arc;

/// What one generation of schema and configuration means. `Engine::swap` puts a new one in place.
pub struct Snapshot {
    pub supergraph: Arc<Supergraph>,
    /// By subgraph name as in the supergraph.
    pub subgraphs: HashMap<String, Arc<dyn Subgraph>>,
    pub providers: Vec<Provider>,
    pub hooks: Vec<Arc<dyn Hook>>,
    /// By root field name; others get the default.
    pub overflow: HashMap<String, Overflow>,
}

/// A configured provider: `events.providers.<family>[].id`.
#[derive(Clone)]
pub struct Provider {
    pub id: Arc<str>,
    /// `Any` = takes the place of a provider of any family (the `memory` provider).
    pub transport: Transport,
    /// What its messages are wrapped in.
    pub decode: Decode,
    pub broker: Arc<dyn Broker>,
}

impl Provider {
    /// The key under `events.providers`: an id is unique only within it.
    pub fn family(&self) -> &'static str {
        match self.transport {
            Transport::Any => "memory",
            named => named.as_str(),
        }
    }

    /// What tells it from others in metrics.
    pub(crate) fn labels(&self) -> [&str; 2] {
        [self.family(), &self.id]
    }
}

impl Snapshot {
    /// The provider a binding names: its own family first, then one that stands in for any.
    pub fn provider(&self, transport: Transport, id: &str) -> Option<&Provider> {
        let named = || self.providers.iter().filter(|provider| &*provider.id == id);
        named()
            .find(|provider| provider.transport == transport || transport == Transport::Any)
            .or_else(|| named().find(|provider| provider.transport == Transport::Any))
    }
}
