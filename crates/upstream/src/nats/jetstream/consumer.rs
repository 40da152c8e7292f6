//! One source's consumer at the server: its name, its configuration, and making it (again) where it should begin.
//! Owns the decision to keep or to replace what is there; never reads a message.

use super::api::Api;
use super::durables::Seat;
use super::progress::{Begin, Progress};
use crate::{Start, reconnect};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, Info, pull};
use async_nats::jetstream::stream::RetentionPolicy;
use engine::port::BrokerError;
use graph::events::Stream;
use std::time::Duration;

/// How long the server keeps a consumer that is not durable and that nobody reads: longer than a reconnect,
/// and than the engine's queue stays full.
const EPHEMERAL_THRESHOLD: Duration = Duration::from_secs(300);
/// What was taken and not acknowledged within this time comes again. Longer than an event takes in a router
/// that is not stuck; what comes again all the same is known by its sequence and left out.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// The queue in front of the engine and the engine's own bounds hold what is not acknowledged; a second bound at
/// the server (1,000 by default) could only stall a source below them.
const ACK_PENDING_MAX: i64 = -1;

struct Durable {
    name: String,
    threshold: Duration,
}

pub(super) struct Consumer {
    api: Api,
    subjects: Vec<String>,
    durable: Option<Durable>,
    description: String,
    start: Start,
}

impl Consumer {
    pub(super) fn new(
        api: Api,
        stream: &Stream,
        subjects: &[String],
        instance: &str,
        start: Start,
    ) -> Consumer {
        let durable = stream.consumer_name.as_ref().map(|name| Durable {
            name: durable_name(name, instance, subjects),
            threshold: Duration::from_secs(stream.consumer_inactive_threshold_seconds.into()),
        });
        let description = format!("tidegate {instance}").trim_end().to_owned();
        Consumer { api, subjects: subjects.to_vec(), durable, description, start }
    }

    /// The durable consumer's name, and how long the server keeps it without a reader.
    pub(super) fn durable(&self) -> Option<(&str, Duration)> {
        self.durable.as_ref().map(|durable| (durable.name.as_str(), durable.threshold))
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durable.is_some()
    }

    pub(super) fn stream_name(&self) -> &str {
        self.api.stream_name()
    }

    pub(super) fn subjects(&self) -> &[String] {
        &self.subjects
    }

    /// Lets the server forget a consumer that is not durable.
    pub(super) async fn forget(&self, name: &str) {
        if self.durable.is_none() {
            self.api.forget(name).await;
        }
    }

    /// Finds or makes the consumer, so that what it delivers next is what comes next. Returns its name. A
    /// durable one has a seat, which lives on where this is cancelled.
    pub(super) async fn open(
        &self,
        progress: &mut Progress,
        seat: Option<&mut Seat>,
    ) -> Result<String, BrokerError> {
        let stream = self.api.stream().await?;
        progress.meet(stream.created, &stream.state);
        let retention = stream.config.retention;
        let (Some(Durable { name, .. }), Some(seat)) = (&self.durable, seat) else {
            let name = format!("tidegate-{:016x}", reconnect::random());
            progress.adopt(&self.make(&name, progress.begin(false), retention).await?);
            return Ok(name);
        };
        let is_owed = progress.recall(seat.vow.as_ref());
        let made = match self.api.consumer(name).await? {
            Some(found) if progress.fits(&found) => found,
            Some(found) => {
                progress.replace(&found);
                seat.vow = progress.vow();
                self.replace(name, progress.begin(true), retention).await?
            }
            None => {
                let made = self.make(name, progress.begin(true), retention).await?;
                if is_owed && retention == RetentionPolicy::Interest {
                    self.api.delete(&stand_in(name)).await?;
                }
                made
            }
        };
        seat.vow = None;
        progress.adopt(&made);
        Ok(name.clone())
    }

    /// Delivers again, in order and at once, what was taken and not acknowledged. Left to itself the server would
    /// bring it after `ACK_WAIT`, behind what is newer.
    async fn replace(
        &self,
        name: &str,
        begin: Begin,
        retention: RetentionPolicy,
    ) -> Result<Info, BrokerError> {
        // A stream that keeps messages only for its consumers would lose them between the two.
        let stand_in = stand_in(name);
        let needs_stand_in = retention == RetentionPolicy::Interest;
        if needs_stand_in {
            let config = self.config(&stand_in, begin, retention);
            let config = pull::Config { inactive_threshold: EPHEMERAL_THRESHOLD, ..config };
            // One may be left of a router that died between the two.
            self.api.delete(&stand_in).await?;
            self.api.create(&stand_in, config).await?;
        }
        self.api.delete(name).await?;
        let made = self.make(name, begin, retention).await;
        if needs_stand_in && made.is_ok() {
            self.api.delete(&stand_in).await?;
        }
        made
    }

    async fn make(&self, name: &str, begin: Begin, retention: RetentionPolicy) -> Result<Info, BrokerError> {
        self.api.create(name, self.config(name, begin, retention)).await
    }

    fn config(&self, name: &str, begin: Begin, retention: RetentionPolicy) -> pull::Config {
        let (filter_subject, filter_subjects) = match self.subjects.as_slice() {
            // Servers before 2.10 know only this one.
            [subject] => (subject.clone(), Vec::new()),
            subjects => (String::new(), subjects.to_vec()),
        };
        let config = pull::Config {
            description: Some(self.description.clone()),
            deliver_policy: self.deliver(begin, retention),
            filter_subject,
            filter_subjects,
            ..pull::Config::default()
        };
        match &self.durable {
            Some(durable) => pull::Config {
                durable_name: Some(name.to_owned()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: ACK_PENDING_MAX,
                inactive_threshold: durable.threshold,
                ..config
            },
            None => pull::Config {
                name: Some(name.to_owned()),
                ack_policy: AckPolicy::None,
                inactive_threshold: EPHEMERAL_THRESHOLD,
                memory_storage: true,
                num_replicas: 1,
                ..config
            },
        }
    }

    fn deliver(&self, begin: Begin, retention: RetentionPolicy) -> DeliverPolicy {
        let from = |start_sequence| DeliverPolicy::ByStartSequence { start_sequence };
        match (begin, self.start) {
            // Takes no other policy, and holds only what nobody has acknowledged.
            (Begin::After(_) | Begin::Since(_), _) if retention == RetentionPolicy::WorkQueue => {
                DeliverPolicy::All
            }
            (Begin::After(sequence), _) => from(sequence + 1),
            (Begin::Since(start_time), _) => DeliverPolicy::ByStartTime { start_time },
            (Begin::Oldest, _) | (Begin::Fresh, Start::Earliest) => DeliverPolicy::All,
            (Begin::Fresh, Start::Latest) => DeliverPolicy::New,
            // Larger ones are refused with the options.
            (Begin::Fresh, Start::At(at)) => from(u64::try_from(at).unwrap_or(u64::MAX).max(1)),
        }
    }
}

/// The name of the consumer that holds messages between the deletion of another one and its return.
fn stand_in(name: &str) -> String {
    format!("{name}-stand-in")
}

/// `<name>-<hash>`: the same for the same router and subjects, and for no others. The subjects are sorted already.
fn durable_name(name: &str, instance: &str, subjects: &[String]) -> String {
    let parts = std::iter::once(instance).chain(subjects.iter().map(String::as_str));
    // FNV-1a: the standard library's hash may change with its version, and the consumer would be lost.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{name}-{hash:016x}")
}

#[cfg(test)]
mod tests;
