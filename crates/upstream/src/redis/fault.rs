//! What an error of the client means: the server refused, it is not able just now, the key is elsewhere, or it is gone.
//! Owns the distinction; never retries.

use super::dial::Dial;
use super::url::Node;
use engine::port::BrokerError;
use redis::{ErrorKind, RedisError};

/// Replies of a server that will do later what it does not now.
const PASSING: [&str; 9] = [
    "LOADING",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "BUSY",
    "NOREPLICAS",
    "UNBLOCKED",
    "UNKILLABLE",
];

/// An error, by what is to be done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server's word on the command; it stays the same when asked again.
    Refused(String),
    /// The server's word on its own state.
    Unable(String),
    /// Another node of the cluster has the key.
    Elsewhere(Node),
    /// The connection broke, or was never made.
    Lost(String),
}

/// Judges an error that `asked` has answered with.
pub(super) fn fault(dial: &Dial, error: &RedisError, asked: &Node) -> Fault {
    let text = dial.text(error);
    if let Some((address, _)) = error.redirect_node() {
        let node = if dial.is_cluster { Node::redirected(address, asked) } else { None };
        return match node {
            Some(node) => Fault::Elsewhere(node),
            None => {
                Fault::Refused(format!("{text}: this is a cluster, and the provider is not set to be one"))
            }
        };
    }
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
            Some(code) if PASSING.contains(&code) => Fault::Unable(text),
            _ => Fault::Refused(text),
        },
        _ => Fault::Lost(text),
    }
}

impl Fault {
    pub(super) fn into_error(self) -> BrokerError {
        match self {
            Fault::Refused(text) => BrokerError::Refused(text),
            Fault::Unable(text) | Fault::Lost(text) => BrokerError::Unavailable(text),
            Fault::Elsewhere(node) => BrokerError::Unavailable(format!("the key has moved to {node}")),
        }
    }
}
