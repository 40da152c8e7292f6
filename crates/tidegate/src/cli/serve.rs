//! `tidegate serve`: configuration and supergraph from files, then the router until it is told to stop.
//! Owns reading those files; starting and stopping is the builder's.

use super::compose::{print_warnings, read_file};
use super::report::Findings;
use super::{Failure, wait};
use crate::builder::{StartError, Tidegate};
use crate::config::{Config, Loaded};
use crate::telemetry;
use graph::compose::SchemaSource;
use miette::miette;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration; without it `tidegate.yaml` is read where there is one.
    #[arg(short, long, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The supergraph; without it `supergraph.path` of the configuration.
    #[arg(short, long)]
    supergraph: Option<PathBuf>,
    /// Events SDL to add to a supergraph that another composer made; may be given several times.
    #[arg(long)]
    events: Vec<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let found = Path::new("tidegate.yaml");
    let file = args.config.as_deref().or_else(|| found.exists().then_some(found));
    let Loaded { config, warnings } = Config::load(file, &variables())?;
    telemetry::start(&config.log).map_err(|error| miette!("{error}"))?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let (path, supergraph) = read_supergraph(&args, &config)?;
    wait(async move {
        let started = Tidegate::builder().config(config).supergraph(supergraph.clone()).start().await;
        let running = started.map_err(|error| explain(error, &path, supergraph))?;
        running.until_stopped().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The environment, as far as it is text.
pub(super) fn variables() -> Vec<(String, String)> {
    let texts = std::env::vars_os().map(|(name, value)| (name.into_string(), value.into_string()));
    texts.filter_map(|(name, value)| Some((name.ok()?, value.ok()?))).collect()
}

/// What is wrong with a supergraph is shown in its own file.
fn explain(error: StartError, path: &Path, sdl: String) -> Failure {
    let StartError::Supergraph(mut diagnostics) = error else { return error.into() };
    let origin = path.display().to_string();
    for span in diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.span.as_mut()) {
        span.source.clone_from(&origin);
    }
    let summary = format!("{origin} cannot be used");
    let source = SchemaSource { name: "supergraph".into(), routing_url: None, sdl, origin };
    Findings::new(&summary, &diagnostics, &[source]).into()
}

/// The file's path and the text with the events added.
fn read_supergraph(args: &Args, config: &Config) -> Result<(PathBuf, String), Failure> {
    let configured = config.supergraph.path.as_ref().map(PathBuf::from);
    let path = args.supergraph.clone().or(configured).ok_or_else(|| {
        miette!(
            help = "name one with `-s supergraph.graphql` or `supergraph.path`; `tidegate compose` makes one",
            "there is no supergraph to serve"
        )
    })?;
    let sdl = read_file(&path)?;
    if args.events.is_empty() {
        return Ok((path, sdl));
    }
    let mut sources = Vec::new();
    for file in &args.events {
        // The stem names the subgraph: `events.graphql` is `events`.
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let origin = file.display().to_string();
        sources.push(SchemaSource { name, routing_url: None, sdl: read_file(file)?, origin });
    }
    match graph::compose::splice(&sdl, &sources) {
        Ok(composition) => {
            print_warnings(&composition.warnings, &sources);
            Ok((path, composition.sdl))
        }
        Err(errors) => {
            let summary = format!("the events cannot be added to {}", path.display());
            Err(Findings::new(&summary, &errors, &sources).into())
        }
    }
}
