//! What the client's errors mean to a reader and to a publisher, and what an operator is told of them.
//! Owns the reading of rskafka's errors; decides nothing.

use rskafka::BackoffError;
use rskafka::client::error::{Error, ProtocolError, RequestError};
use std::time::Duration;

/// Why a call to the cluster came to nothing. The texts are for the operator and hold no secret.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// No answer: the connection broke, could not be made, or was silent for too long.
    Lost(String),
    /// Another broker leads the partition now, or none does yet. Nothing was done.
    Moved(ProtocolError),
    /// The topic or partition does not exist.
    Missing,
    /// The partition does not have this offset.
    OutOfRange,
    /// A transaction's marker, which rskafka 0.6 does not know how to read. It is one offset, and no record.
    Marker,
    /// What lies at this offset cannot be read.
    Unreadable(String),
    /// It will not work until somebody changes a setting.
    Denied(String),
    /// The broker said no.
    Answered(ProtocolError),
}

impl Fault {
    pub(super) fn late(limit: Duration) -> Fault {
        Fault::Lost(format!("no answer within {} ms", limit.as_millis()))
    }

    /// For the operator.
    pub(super) fn text(&self) -> String {
        match self {
            Fault::Lost(text) | Fault::Unreadable(text) | Fault::Denied(text) => text.clone(),
            Fault::Moved(code) | Fault::Answered(code) => format!("the broker answered {code}"),
            Fault::Missing => "the topic or partition does not exist".into(),
            Fault::OutOfRange => "the partition does not have this offset".into(),
            Fault::Marker => "a transaction's marker".into(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        read(&error)
    }
}

fn read(error: &Error) -> Fault {
    match error {
        // Our client never retries by itself (see `connect`), so the first error is the source of this one.
        Error::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => {
            source.downcast_ref::<Error>().map_or_else(|| Fault::Lost(plain(&source.to_string())), read)
        }
        Error::ServerError { protocol_error, .. } => of_code(*protocol_error),
        Error::Request(error @ (RequestError::ReadError(_) | RequestError::ReadVersionedError(_)))
        | Error::Request(error @ RequestError::TooMuchData { .. }) => unreadable(&error.to_string()),
        // rskafka says the same of an answer about the partition's leader; only a record has a time.
        Error::InvalidResponse(text) if text.contains("imestamp") => Fault::Unreadable(text.clone()),
        error => Fault::Lost(plain(&error.to_string())),
    }
}

fn of_code(code: ProtocolError) -> Fault {
    use ProtocolError as Code;
    match code {
        Code::OffsetOutOfRange => Fault::OutOfRange,
        Code::UnknownTopicOrPartition => Fault::Missing,
        Code::NotLeaderOrFollower
        | Code::LeaderNotAvailable
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::OffsetNotAvailable
        | Code::ReplicaNotAvailable => Fault::Moved(code),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            Fault::Denied(format!("the cluster's permissions forbid it: {code}"))
        }
        Code::UnsupportedCompressionType => Fault::Denied(format!(
            "{code}: older brokers do not give a topic with `compression.type=zstd` to this client; set \
             `compression.type=producer`, which keeps what producers have compressed"
        )),
        code => Fault::Answered(code),
    }
}

fn unreadable(text: &str) -> Fault {
    if text.contains("control batch record") { Fault::Marker } else { Fault::Unreadable(text.to_owned()) }
}

/// The last cause: what stands before it says only that nothing was tried again.
fn plain(text: &str) -> String {
    text.rsplit("Source: ").next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests;
