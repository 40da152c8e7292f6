//! The router as a library: put in a configuration, a supergraph and hooks, start it, stop it.
//! Owns the life of one router in a process; how its rooms are joined is `wire`'s.

use crate::admin::Phase;
use crate::config::{Config, Shutdown};
use crate::wire::{self, Joined, Parts};
pub use crate::wire::{ProviderMissing, StartError, UnknownName};
use downstream::Page;
use engine::Engine;
use engine::port::{Broker, Hook};
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a stop waits for brokers to take back what they keep for this process.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A federated GraphQL router that turns broker events into live GraphQL.
///
/// ```no_run
/// use tidegate::{Admission, Hook, Refusal, Start, Tidegate, async_trait};
///
/// struct MembersOnly;
///
/// #[async_trait]
/// impl Hook for MembersOnly {
///     fn name(&self) -> &str {
///         "members-only"
///     }
///
///     async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
///         match start.identity.is_authenticated() {
///             true => Ok(Admission::allow()),
///             false => Err(Refusal::new("sign in first")),
///         }
///     }
/// }
///
/// # async fn run(sdl: String) -> Result<(), Box<dyn std::error::Error>> {
/// let router = Tidegate::builder().supergraph(sdl).hook(MembersOnly).start().await?;
/// router.until_stopped().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Tidegate;

impl Tidegate {
    /// A router with the default configuration, no supergraph and no hooks.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// Collects what a router is made of.
#[derive(Default)]
pub struct Builder {
    parts: Parts,
}

impl Builder {
    /// The settings; `Config::load` reads them from a file and the environment.
    #[must_use]
    pub fn config(mut self, config: Config) -> Builder {
        self.parts.config = config;
        self
    }

    /// Join-spec SDL, as `tidegate compose` writes it.
    #[must_use]
    pub fn supergraph(mut self, sdl: impl Into<String>) -> Builder {
        self.parts.supergraph = Some(sdl.into());
        self
    }

    /// Plugs a hook in; several are asked in the order in which they came.
    #[must_use]
    pub fn hook(mut self, hook: impl Hook + 'static) -> Builder {
        self.parts.hooks.push(Arc::new(hook));
        self
    }

    /// Serves a file at its own path beside GraphQL. With any, `graphiql.enabled` adds none of its own.
    #[must_use]
    pub fn page(mut self, page: Page) -> Builder {
        self.parts.pages.push(page);
        self
    }

    /// Binds both listeners, starts connecting to brokers, and serves. A broker that is away does not stop
    /// this:
    /// `/health/ready` tells. Must be called within a tokio runtime.
    pub async fn start(self) -> Result<Running, StartError> {
        let shutdown = self.parts.config.shutdown.clone();
        let joined = wire::join(self.parts).await?;
        tracing::info!(address = %joined.server.address(), "serving");
        if let Some(address) = joined.admin_address {
            tracing::info!(%address, "serving health, metrics and publishing to this machine's operators");
        }
        Ok(Running { joined, shutdown })
    }
}

/// A router that serves. Dropping it leaves it serving until the process ends; `stop` is how it ends.
pub struct Running {
    joined: Joined,
    shutdown: Shutdown,
}

impl Running {
    /// Where clients connect; with `http.port: 0` this is how to learn the port.
    pub fn address(&self) -> SocketAddr {
        self.joined.server.address()
    }

    /// Where health and metrics are; `None` with `admin.enabled: false`.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.joined.admin_address
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.joined.engine
    }

    /// The broker of a provider, by its id, for whoever publishes from within the process.
    pub fn provider(&self, id: &str) -> Option<Arc<dyn Broker>> {
        let mut providers = self.joined.providers.iter();
        providers.find(|provider| &*provider.id == id).map(|provider| Arc::clone(&provider.broker))
    }

    /// Waits for SIGTERM or SIGINT, then stops as `stop` does. A second signal stops at once.
    pub async fn until_stopped(self) {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("signals cannot be listened to, so nothing but killing the process stops it");
            return std::future::pending().await;
        };
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let signal = told().await;
        let Shutdown { delay, spread, timeout, .. } = &self.shutdown;
        tracing::info!(signal, %delay, %spread, %timeout, "draining; a second signal stops at once");
        tokio::select! {
            () = self.stop() => tracing::info!("stopped"),
            signal = told() => tracing::warn!(signal, "stopped without waiting for clients"),
        }
    }

    /// Stops being ready, goes on for `shutdown.delay`, then sends every stream its terminal frame over
    /// `shutdown.spread`, and waits up to `shutdown.timeout` for clients.
    pub async fn stop(self) {
        let Joined { phase, server, admin, providers, .. } = self.joined;
        phase.send_replace(Phase::Draining);
        tokio::time::sleep(self.shutdown.delay.0).await;
        server.drain(self.shutdown.drain()).await;
        let closing = join_all(providers.iter().map(|provider| provider.broker.close()));
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("a broker did not take back in time what it keeps for this router");
        }
        // The last to go, so that a prober sees `draining` and not a refused connection.
        if let Some(admin) = admin {
            admin.abort();
            // An aborted task says so; what matters is that its port is free from here on.
            drop(admin.await);
        }
    }
}

#[cfg(test)]
mod tests;
