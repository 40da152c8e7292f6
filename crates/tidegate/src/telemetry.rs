//! Log lines to standard error, as JSON or for eyes.
//! Owns the subscriber's set-up; what is logged, and that no secret is, is each room's own.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;

/// Sets logging up for the process. A second call changes nothing: whoever embeds the router may have its
/// own.
pub fn start(log: &Log) -> Result<(), String> {
    // The NATS client repeats as news what the `upstream` room warns of once; a level of its own can be
    // named.
    let filter = EnvFilter::try_new(format!("async_nats=warn,{}", log.level)).map_err(|error| {
        format!("`log.level`: `{}` is no level ({error}); write `info`, or `info,engine=debug`", log.level)
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was set up before");
    }
    Ok(())
}
