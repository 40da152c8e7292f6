//! A running server: start, count, drain.
//! Owns the order of both; what happens in between belongs to accept and the shards.

use crate::accept;
use crate::backend::{self, Backend};
use crate::descriptors;
use crate::guard::Origins;
use crate::metrics::Metrics;
use crate::options::{Drain, Options};
use crate::seat::Seats;
use crate::shard::{SHARDS_MAX, ShardThread, Surroundings, Turn};
use crate::site::Site;
use engine::outbox::ShardId;
use engine::{Engine, Limits};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long the engine may take to end what clients have left.
const ENGINE_PATIENCE: Duration = Duration::from_secs(1);

/// A listening server; dropping it stops accepting and lets open connections be, `drain` ends it in order.
pub struct Server {
    address: SocketAddr,
    backend: Arc<dyn Backend>,
    metrics: Arc<Metrics>,
    seats: Arc<Seats>,
    shards: Vec<ShardThread>,
    accepting: JoinHandle<()>,
    /// Looks for a new certificate.
    watching: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// Serves the engine's operations on a bound listener. Must be called within a tokio runtime; fails where the
/// listener cannot be watched or a shard's thread cannot start.
pub fn serve(listener: std::net::TcpListener, engine: Arc<Engine>, options: Options) -> io::Result<Server> {
    let limits = engine.limits.clone();
    serve_backend(listener, backend::of_engine(engine), limits, options)
}

pub(crate) fn serve_backend(
    listener: std::net::TcpListener,
    backend: Arc<dyn Backend>,
    limits: Arc<Limits>,
    options: Options,
) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let metrics = Arc::new(Metrics::default());
    let shard_count = options.shards.clamp(1, SHARDS_MAX);
    let around = Arc::new(Surroundings {
        backend: backend.clone(),
        authenticator: options.authenticator.clone(),
        limits: limits.clone(),
        metrics: metrics.clone(),
        timings: options.timings.clone(),
        runtime: tokio::runtime::Handle::current(),
        shards: shard_count,
    });
    let spawn = |id| ShardThread::spawn(ShardId(id), around.clone());
    let shards = (0..shard_count).map(spawn).collect::<io::Result<Vec<_>>>()?;
    let seats = Seats::new(metrics.clone(), descriptors::places(limits.connections_max));
    let site = Arc::new(Site {
        backend: backend.clone(),
        authenticator: options.authenticator,
        origins: Origins::new(&options.allowed_origins),
        path: options.path,
        pages: options.pages.into_iter().map(|page| (page.path.clone(), page)).collect(),
        limits,
        metrics: metrics.clone(),
        timings: options.timings,
        seats: seats.clone(),
        shards: shards.iter().map(|shard| shard.mailbox.clone()).collect(),
        turn: AtomicUsize::new(0),
        tls: options.tls.clone(),
        http2: options.http2,
    });
    let (stop, stopped) = watch::channel(false);
    let accepting = tokio::spawn(accept::accept(listener, site, stopped));
    let watching = options.tls.map(|tls| tokio::spawn(tls.watch()));
    Ok(Server { address, backend, metrics, seats, shards, accepting, watching, stop })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Open client connections.
    pub fn connections(&self) -> usize {
        self.seats.taken()
    }

    #[cfg(test)]
    pub(crate) async fn all_gone(&self) {
        self.seats.all_free().await;
    }

    /// The room's numbers; `Metrics::render` writes them for Prometheus.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Stops accepting, ends every connection with its terminal frame, spread over the window and each after what it
    /// still has to answer, and returns once all are gone, or when patience is over.
    pub async fn drain(self, drain: Drain) {
        let deadline = Instant::now() + drain.within;
        self.stop.send_replace(true);
        if self.accepting.await.is_err() {
            tracing::error!("accepting connections ended in a panic");
        }
        if let Some(watching) = &self.watching {
            watching.abort();
        }
        for shard in &self.shards {
            shard.mailbox.send(Turn::Drain(drain)).await;
        }
        if timeout_at(deadline, self.seats.all_free()).await.is_err() {
            tracing::warn!(connections = self.seats.taken(), "connections left at the end of the drain");
        }
        // Its triggers have nobody left; what is still under way must not be cut before its client is.
        if timeout_at(deadline + ENGINE_PATIENCE, self.backend.drain()).await.is_err() {
            tracing::warn!("the engine did not drain in time");
        }
        for shard in &self.shards {
            shard.mailbox.send(Turn::Stop).await;
        }
        let joined = tokio::task::spawn_blocking(move || self.shards.into_iter().for_each(ShardThread::join));
        if joined.await.is_err() {
            tracing::error!("the shards could not be joined");
        }
    }
}

#[cfg(test)]
mod tests;
