//! Log lines to standard error, as JSON or for eyes.
//! Owns the subscriber's set-up; what is logged, and that no secret is, is each room's own.

use crate::config::{LEVEL_HELP, Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::filter::EnvFilter;

/// Sets logging up for the process. A second call changes nothing: whoever embeds the router may have its
/// own.
pub fn start(log: &Log) -> Result<(), String> {
    if let Some(fault) = log.level_fault() {
        return Err(format!("{fault}; {LEVEL_HELP}"));
    }
    // The clients repeat as news what the `upstream` room warns of once; a level of their own can be named.
    let filter = EnvFilter::try_new(format!("async_nats=warn,rskafka=off,{}", log.level))
        .map_err(|error| format!("`log.level`: `{}` cannot be read ({error}); {LEVEL_HELP}", log.level))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // <https://no-color.org>: any text but none at all.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let started = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal() && !no_colour).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was set up before");
    }
    Ok(())
}
