//! The command line: which commands there are and how they end.
//! Owns arguments and exit codes (0 done, 1 failed, 2 wrong usage); each command's work is in its own file.

mod client;
mod compose;
mod config;
mod publish;
mod report;
mod serve;
mod sse;
mod subscribe;

use crate::config::Log;
use crate::telemetry;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;

/// A federated GraphQL router that turns broker events into live GraphQL.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a whole world to try: broker, subgraphs, router and a page, with events that move by themselves.
    Demo(crate::demo::Args),
    /// Run the router.
    Serve(serve::Args),
    /// Compose subgraph and events schemas into one supergraph.
    Compose(compose::Args),
    /// Publish an event through a running router.
    Publish(publish::Args),
    /// Follow a subscription of a running router, one JSON per line.
    Subscribe(subscribe::Args),
    /// Print the schema of tidegate.yaml, or check a file.
    #[command(subcommand)]
    Config(config::Command),
}

/// Why a command failed, ready to be shown.
type Failure = miette::Report;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    show_errors_for(std::io::stderr().is_terminal());
    let outcome = match cli.command {
        Command::Demo(args) => run_demo(args),
        Command::Serve(args) => serve::run(args),
        Command::Compose(args) => compose::run(&args),
        Command::Publish(args) => wait(publish::run(args)),
        Command::Subscribe(args) => wait(subscribe::run(args)),
        Command::Config(command) => config::run(&command),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("{failure:?}");
        ExitCode::FAILURE
    })
}

/// Messages are broken into lines for eyes only: a log that is searched needs them whole.
fn show_errors_for(terminal: bool) {
    let set = miette::set_hook(Box::new(move |_| {
        let shown = miette::MietteHandlerOpts::new().wrap_lines(terminal).show_related_errors_as_nested();
        Box::new(shown.build())
    }));
    if set.is_err() {
        tracing::debug!("errors are shown in a way that was set before");
    }
}

/// The demo prints what there is to see, so its log is quiet unless `LOG_LEVEL` says otherwise.
fn run_demo(args: crate::demo::Args) -> Result<ExitCode, Failure> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "warn".into());
    let log = Log { level, ..Log::default() };
    telemetry::start(&log).map_err(|error| miette::miette!("{error}"))?;
    wait(crate::demo::run(args)).map(|()| ExitCode::SUCCESS)
}

/// Runs a command's future on a runtime of its own.
fn wait<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| miette::miette!("the runtime cannot start: {error}"))?.block_on(command)
}

#[cfg(test)]
mod tests;
