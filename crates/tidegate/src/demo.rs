//! `tidegate demo`: a whole federated shop, league and crew in one process, moving by itself.
//! Owns what is started and in which order; the router in it is the same as anybody's, through the public builder.

pub mod hooks;
pub mod script;
pub mod server;
pub mod subgraph;
pub mod token;
pub mod welcome;
pub mod world;

use crate::builder::{Builder, Running, Tidegate};
use crate::config::Config;
use crate::console::{self, ConsoleSettings};
use crate::terminal::say;
use graph::compose::{Composition, SchemaSource, compose};
use graph::diagnostic::Diagnostic;
use hooks::{Orders, Soccer};
use miette::{Context, IntoDiagnostic, miette};
use server::Server;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use subgraph::Subgraph;
use world::World;

/// The events subgraph: no address, only ties to the broker.
const EVENTS: &str = include_str!("../demo/events.graphql");

/// The HTTP subgraphs. With `--subgraphs-only` they listen from port 4001 on in this order, and
/// `examples/employees` counts on the first two.
const SUBGRAPHS: [(&str, &str); 7] = [
    ("employees", include_str!("../demo/employees.graphql")),
    ("availability", include_str!("../demo/availability.graphql")),
    ("customers", include_str!("../demo/customers.graphql")),
    ("orders", include_str!("../demo/orders.graphql")),
    ("products", include_str!("../demo/products.graphql")),
    ("matches", include_str!("../demo/matches.graphql")),
    ("teams", include_str!("../demo/teams.graphql")),
];

/// The provider that the events subgraph means, since it names none.
const PROVIDER: &str = "default";

/// Why the demo did not start, ready to be shown.
type Failure = miette::Report;

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Port of the page and of /graphql; 0 takes a free one.
    #[arg(long, default_value_t = 4000)]
    pub port: u16,
    /// Port of health and metrics; 0 takes a free one.
    #[arg(long, default_value_t = 8088)]
    pub admin_port: u16,
    /// Publish nothing but what mutations do.
    #[arg(long)]
    pub no_publish: bool,
    /// Start only the HTTP subgraphs, on fixed ports: what examples/employees is served from.
    #[arg(long, conflicts_with = "no_publish")]
    pub subgraphs_only: bool,
    /// The first of those ports.
    #[arg(long, default_value_t = 4001, requires = "subgraphs_only")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=65_000))]
    pub subgraphs_port: u16,
}

/// Runs until the process is told to stop.
pub async fn run(args: Args) -> Result<(), Failure> {
    let world = Arc::new(World::load());
    if args.subgraphs_only {
        return run_subgraphs(&world, args.subgraphs_port).await;
    }
    let servers = start_subgraphs(&world, None).await?;
    let running = start_router(&args, &world, &servers).await?;
    let script = match running.provider(PROVIDER) {
        Some(broker) if !args.no_publish => Some(tokio::spawn(script::play(world, broker))),
        _ => None,
    };
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    say(&welcome::text(running.address(), running.admin_address(), !args.no_publish, colour))?;
    running.until_stopped().await;
    if let Some(script) = script {
        script.abort();
    }
    Ok(())
}

async fn run_subgraphs(world: &Arc<World>, first_port: u16) -> Result<(), Failure> {
    let servers = start_subgraphs(world, Some(first_port)).await?;
    for server in &servers {
        say(&format!("{:<14} {}\n", server.subgraph.name, server.url()))?;
    }
    // A router that trusts the demo's tokens, as examples/orders does, is tried with these.
    say(&format!("\n{}", welcome::exports()))?;
    tokio::signal::ctrl_c().await.into_diagnostic()
}

/// The embedded HTTP subgraphs, all answering from one world.
pub fn subgraphs(world: &Arc<World>) -> Vec<Subgraph> {
    SUBGRAPHS.iter().map(|(name, sdl)| Subgraph::new(name, sdl, Arc::clone(world))).collect()
}

/// Starts them on free ports, or on consecutive ones.
async fn start_subgraphs(world: &Arc<World>, first_port: Option<u16>) -> Result<Vec<Server>, Failure> {
    let mut servers = Vec::new();
    for (subgraph, place) in subgraphs(world).into_iter().zip(0..) {
        let port = first_port.map_or(0, |first| first + place);
        let name = subgraph.name;
        let started = Server::start(subgraph, port).await.map_err(|error| {
            let help = "is another demo running? `--subgraphs-port` names the first of seven other ports";
            miette!(help = help, "subgraph `{name}` cannot listen on port {port}: {error}")
        });
        servers.push(started?);
    }
    Ok(servers)
}

async fn start_router(args: &Args, world: &Arc<World>, servers: &[Server]) -> Result<Running, Failure> {
    let composition = supergraph(servers).map_err(|found| miette!("the demo does not compose: {found:?}"))?;
    let settings = ConsoleSettings {
        title: "Tidegate demo".into(),
        tabs: welcome::tabs(),
        ..ConsoleSettings::default()
    };
    let router = Tidegate::builder()
        .config(config(args)?)
        .supergraph(composition.sdl)
        .hook(Orders { world: Arc::clone(world) })
        .hook(Soccer { world: Arc::clone(world) });
    let router = console::pages(&settings).into_iter().fold(router, Builder::page);
    let started = router.start().await.map_err(Failure::from);
    started.wrap_err("the demo's router did not start; `--port` and `--admin-port` choose other ports")
}

/// Composes in process, as `tidegate compose` would from files.
fn supergraph(servers: &[Server]) -> Result<Composition, Vec<Diagnostic>> {
    let http = servers.iter().map(|server| (server.subgraph.name, server.subgraph.sdl, Some(server.url())));
    let sources: Vec<SchemaSource> = http
        .chain([("events", EVENTS, None)])
        .map(|(name, sdl, routing_url)| SchemaSource {
            name: name.into(),
            routing_url,
            sdl: sdl.into(),
            origin: format!("demo/{name}.graphql"),
        })
        .collect();
    compose(&sources)
}

/// What a `tidegate.yaml` for this would say.
fn config(args: &Args) -> Result<Config, Failure> {
    let (port, admin_port, secret) = (args.port, args.admin_port, token::SECRET);
    let yaml = format!(
        "http: {{ port: {port} }}\n\
         admin: {{ port: {admin_port} }}\n\
         events: {{ providers: {{ memory: [{{ id: {PROVIDER} }}] }} }}\n\
         jwt: {{ secret: {secret}, algorithms: [HS256] }}\n\
         log: {{ level: warn }}\n"
    );
    Ok(Config::read(&yaml, "the demo's configuration", Path::new(""), &[])?.config)
}

#[cfg(test)]
mod tests;
