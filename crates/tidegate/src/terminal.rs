//! Standard output, for what was asked for.
//! Owns what happens when nobody reads on; never writes to standard error, where logs and failures go.

use miette::{IntoDiagnostic, WrapErr};
use std::io::{ErrorKind, Write};

/// Writes text as it is. A reader that has gone away (`tidegate config schema | head`) is no failure.
pub(crate) fn say(text: &str) -> miette::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).into_diagnostic().wrap_err("standard output cannot be written")
        }
        _ => Ok(()),
    }
}
