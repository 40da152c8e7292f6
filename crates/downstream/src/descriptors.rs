//! What the operating system bounds: open files of the process, and silence of a peer.
//! Owns how many of the descriptors clients may take; never opens or closes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// How many refused connections are told so at once; more are dropped without a word.
pub(crate) const REFUSALS_MAX: usize = 64;

/// Kept back from clients: 64 refusals, 64 connections of operators, 64 idle ones to subgraphs, and as many
/// for brokers and files. Where clients could take the last descriptor, no probe would be answered and no
/// broker found again.
const RESERVED: usize = 256;

/// How many clients may be connected at once: what is configured, or what the process's open files leave.
/// Raises the soft limit as far as that needs and the hard one allows.
pub(crate) fn places(connections_max: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let mut open_files = limit.current;
    if let Some(raised) = raised(&limit, connections_max.saturating_add(RESERVED) as u64) {
        match setrlimit(Resource::Nofile, Rlimit { ..raised }) {
            Ok(()) => open_files = raised.current,
            Err(error) => tracing::debug!(%error, "the limit on open files stays as it is"),
        }
    }
    affordable(connections_max, open_files)
}

/// The limit to set; `None` = the present one is enough, or all there is.
fn raised(limit: &Rlimit, wanted: u64) -> Option<Rlimit> {
    let current = limit.current?;
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    (most > current).then_some(Rlimit { current: Some(most), maximum: limit.maximum })
}

fn affordable(connections_max: usize, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files.and_then(|files| usize::try_from(files).ok()) else {
        return connections_max;
    };
    // With so few that the reserve would leave nobody a place, a half each.
    let places = open_files.saturating_sub(RESERVED).max(open_files / 2);
    if places < connections_max {
        tracing::info!(
            connections_max,
            open_files,
            places,
            "fewer clients than `limits.connections_max` will be accepted: raise the hard limit on open \
             files (`ulimit -Hn`, LimitNOFILE= of systemd), or set the bound lower"
        );
    }
    places.min(connections_max)
}

/// Lets the kernel drop a connection whose peer acknowledges nothing, or keeps its window shut, for this long.
#[cfg(target_os = "linux")]
pub(crate) fn lose_when_silent(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

/// Elsewhere retransmission ends by the system's own count.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lose_when_silent(_: &TcpStream, _: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
