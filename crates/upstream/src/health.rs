//! Whether one provider's connection stands: what `/health/ready`, the gauge `broker_up` and the log say of it.
//! Owns the one log line of an outage and of its end; never connects.

use crate::metrics::ProviderMetrics;
use engine::port::BrokerStatus;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known about the connection of one provider. Begins down.
pub(crate) struct Health {
    provider: String,
    /// The family, as the log calls it: `nats`, `kafka`, `redis`.
    family: &'static str,
    /// Addresses without credentials.
    servers: String,
    /// What an operator should look at, for the log.
    help: &'static str,
    metrics: Arc<ProviderMetrics>,
    state: Mutex<State>,
    /// Those in trouble, by its kind.
    troubles: Mutex<HashMap<String, Troubled>>,
}

/// How many are in one kind of trouble, and how many have been since it began.
#[derive(Default)]
struct Troubled {
    now: usize,
    ever: usize,
}

#[derive(Default)]
struct State {
    is_up: bool,
    fault: Option<String>,
    /// The outage that lasts has been logged.
    told: bool,
}

impl Health {
    pub(crate) fn new(
        provider: &str,
        family: &'static str,
        servers: String,
        help: &'static str,
        metrics: Arc<ProviderMetrics>,
    ) -> Health {
        let provider = provider.to_owned();
        Health {
            provider,
            family,
            servers,
            help,
            metrics,
            state: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    pub(crate) fn metrics(&self) -> &ProviderMetrics {
        &self.metrics
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state().is_up
    }

    /// The connection stands. Counted and logged where it did not.
    pub(crate) fn up(&self) {
        let mut state = self.state();
        let State { is_up, told, .. } =
            std::mem::replace(&mut *state, State { is_up: true, fault: None, told: false });
        // Under the lock: the gauge would keep the older word of two that come at once.
        self.metrics.up.store(true, Ordering::Relaxed);
        drop(state);
        if is_up {
            return;
        }
        ProviderMetrics::grow(&self.metrics.connections, 1);
        let (provider, servers, family) = (&self.provider, &self.servers, self.family);
        match told {
            true => tracing::info!(provider, servers, "{family} is back: subscriptions go on"),
            false => tracing::info!(provider, servers, "connected to {family}"),
        }
    }

    /// There is no connection. The first word of each outage is logged, with what to look at.
    pub(crate) fn down(&self, reason: &str) {
        let mut state = self.state();
        let was_up = std::mem::replace(&mut state.is_up, false);
        let told = std::mem::replace(&mut state.told, true);
        state.fault = Some(reason.to_owned());
        self.metrics.up.store(false, Ordering::Relaxed);
        drop(state);
        if was_up {
            ProviderMetrics::grow(&self.metrics.connection_losses, 1);
        }
        if !told {
            let (provider, servers, family, help) = (&self.provider, &self.servers, self.family, self.help);
            tracing::warn!(
                provider,
                servers,
                reason,
                "no connection to {family}: subscribers stay and get no events until it returns; trying on. \
                 {help}"
            );
        }
    }

    /// One more is in this kind of trouble. True for the first, who logs it for all.
    pub(crate) fn trouble(&self, kind: &str) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled = troubles.entry(kind.to_owned()).or_default();
        troubled.now += 1;
        troubled.ever += 1;
        troubled.ever == 1
    }

    /// One is out of it. For the last, how many there were.
    pub(crate) fn heal(&self, kind: &str) -> Option<usize> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled = troubles.get_mut(kind)?;
        troubled.now = troubled.now.saturating_sub(1);
        let is_last = troubled.now == 0;
        is_last.then(|| troubles.remove(kind).map_or(0, |troubled| troubled.ever))
    }

    /// Why the connection is down, for the operator; holds no secret.
    pub(crate) fn reason(&self) -> String {
        let state = self.state();
        let fault = state.fault.as_deref().unwrap_or("not connected yet");
        format!("no connection to {} ({fault})", self.servers)
    }

    pub(crate) fn status(&self) -> BrokerStatus {
        if self.is_up() { BrokerStatus::Up } else { BrokerStatus::Down { reason: self.reason() } }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
