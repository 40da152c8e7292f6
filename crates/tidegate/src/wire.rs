//! Joins the rooms: configuration and supergraph → brokers, subgraphs, engine, listeners.
//! The only file that, with its folder, names every room; owns no behaviour once they are joined.

mod brokers;
mod clients;
mod error;
mod names;
mod upward;

use crate::admin::{self, Admin, Phase};
use crate::config::{Config, OverflowPolicy};
use crate::console;
use async_trait::async_trait;
use downstream::{Page, Server};
use engine::Engine;
use engine::decode::Decode;
use engine::outbox::Overflow;
use engine::port::{Admission, Hook, Refusal, Start};
use engine::snapshot::{Provider, Snapshot};
pub use error::{ProviderMissing, StartError, UnknownName};
use graph::events::{Root, Transport};
use graph::supergraph::Supergraph;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a router is made of.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) supergraph: Option<String>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) pages: Vec<Page>,
}

/// A router whose rooms are joined and whose listeners answer.
pub(crate) struct Joined {
    pub(crate) engine: Arc<Engine>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) server: Server,
    pub(crate) admin_address: Option<SocketAddr>,
    pub(crate) admin: Option<JoinHandle<()>>,
    pub(crate) phase: watch::Sender<Phase>,
}

/// Joins everything; nothing is left running where it fails.
pub(crate) async fn join(parts: Parts) -> Result<Joined, StartError> {
    let Parts { config, supergraph, mut hooks, mut pages } = parts;
    let sdl = supergraph.ok_or(StartError::NoSupergraph)?;
    let supergraph = Arc::new(Supergraph::load(&sdl).map_err(StartError::Supergraph)?);
    names::check(&config, &supergraph.subgraphs, &supergraph.bindings)?;
    let limits = config.engine_limits();

    let upstream_metrics = Arc::new(upstream::Metrics::default());
    let providers = brokers::providers(&config, &limits, &upstream_metrics).await?;
    if !config.subscriptions.enabled {
        hooks.insert(0, Arc::new(SubscriptionsOff));
    }
    let snapshot = Snapshot {
        subgraphs: upward::subgraphs(&config, &supergraph, &limits)?,
        overflow: overflow(&config, &supergraph),
        providers: providers.clone(),
        supergraph,
        hooks,
    };
    let is_configured = |transport, id: &str| snapshot.provider(transport, id).is_some();
    names::check_providers(&config, &snapshot.supergraph.bindings, is_configured)?;
    let is_memory = |transport, id: &str| {
        snapshot.provider(transport, id).is_some_and(|provider| provider.transport == Transport::Any)
    };
    let is_debezium = |transport, id: &str| {
        snapshot.provider(transport, id).is_some_and(|provider| provider.decode == Decode::Debezium)
    };
    let bindings = &snapshot.supergraph.bindings;
    let unserved = names::unserved(bindings, is_memory).into_iter();
    for told in unserved.chain(names::unheard(bindings, is_debezium)) {
        tracing::warn!("{told}");
    }

    // Both ports are taken before anything is served, so that a clash of one leaves no half of a router.
    let listener = bind("http.port", &config.http.host, config.http.port).await?;
    let admin_listener = match config.admin.enabled {
        true => Some(bind("admin.port", &config.admin.host, config.admin.port).await?),
        false => None,
    };
    if config.graphiql.enabled && pages.is_empty() {
        let settings = console::ConsoleSettings { endpoint: config.http.path.clone(), ..Default::default() };
        pages = console::pages(&settings);
    }
    let engine = Engine::new(snapshot, limits);
    let options = clients::options(&config, pages)?;
    let server = clients::serve(listener, options, Arc::clone(&engine))?;

    let (phase, watched) = watch::channel(Phase::Starting);
    let admin_address = admin_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let admin = admin_listener.map(|listener| {
        let admin = report_on(&config, &engine, &server, &providers, upstream_metrics, watched);
        tokio::spawn(admin::serve(listener, Arc::new(admin)))
    });
    phase.send_replace(Phase::Serving);
    Ok(Joined { engine, providers, server, admin_address, admin, phase })
}

fn report_on(
    config: &Config,
    engine: &Arc<Engine>,
    server: &Server,
    providers: &[Provider],
    upstream_metrics: Arc<upstream::Metrics>,
    phase: watch::Receiver<Phase>,
) -> Admin {
    let engine_metrics = Arc::clone(&engine.metrics);
    let downstream_metrics = server.metrics();
    let counted = server.metrics();
    Admin {
        engine: Arc::clone(engine),
        providers: providers.to_vec(),
        phase,
        metrics: vec![
            Box::new(move || engine_metrics.render()),
            Box::new(move || upstream_metrics.render()),
            Box::new(move || downstream_metrics.render()),
        ],
        connections: Box::new(move || counted.connections_active.load(Ordering::Relaxed)),
        token: config.admin.token.clone(),
    }
}

async fn bind(setting: &'static str, host: &str, port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((host, port)).await.map_err(|cause| StartError::Listen {
        setting,
        address: format!("{host}:{port}"),
        cause,
    })
}

/// The stated policy of every live field.
fn overflow(config: &Config, supergraph: &Supergraph) -> HashMap<String, Overflow> {
    let live = supergraph.bindings.iter().filter(|binding| binding.root == Root::Subscription);
    let stated = live.map(|binding| {
        let policy = config.subscriptions.overflow_of(&binding.field);
        let overflow = match policy {
            OverflowPolicy::Disconnect => Overflow::Disconnect,
            OverflowPolicy::Latest => Overflow::Latest,
            OverflowPolicy::Conflate => Overflow::Conflate,
        };
        (binding.field.clone(), overflow)
    });
    stated.collect()
}

/// `subscriptions.enabled: false`.
struct SubscriptionsOff;

#[async_trait]
impl Hook for SubscriptionsOff {
    fn name(&self) -> &str {
        "subscriptions.enabled"
    }

    async fn on_subscribe(&self, _: &Start) -> Result<Admission, Refusal> {
        Err(Refusal::new("subscriptions are switched off here"))
    }
}
