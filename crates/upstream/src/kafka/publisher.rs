//! Publishing: the partition, one record, and the broker's acknowledgement.
//! Owns the connections to publish on, bounded; never sends a record twice that may have arrived.

use super::fault::Fault;
use super::link::{Link, Live};
use super::partitioner;
use super::place::now;
use crate::reconnect;
use engine::port::{BrokerError, Outgoing};
use rskafka::client::error::ProtocolError;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// Partitions with a connection to publish on: topics may be rendered from what clients send. Beyond it, the one used
/// least recently is closed.
const LINES_MAX: usize = 256;
/// A connection quiet for longer is first asked for a sign of life. rskafka cannot tell whether a record had left
/// before the connection broke, so one that broke while idle must be found before a record is given to it.
const QUIET_MAX: Duration = Duration::from_secs(1);
/// How long that may take: a connection that is silent for longer is given up for a new one.
const SIGN_MAX: Duration = Duration::from_secs(1);
/// How long a new connection may take. Publishers of one partition wait for it together.
const OPEN_MAX: Duration = Duration::from_secs(3);

/// Sends the records of one provider.
pub(super) struct Publisher {
    link: Arc<Link>,
    /// Records without a key take turns.
    round: AtomicUsize,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// The client that these were made by.
    turn: u64,
    by_partition: HashMap<(String, i32), (Instant, Arc<Line>)>,
}

/// The connection to one partition's leader, opened by whoever needs it first.
type Line = tokio::sync::Mutex<Option<Open>>;

struct Open {
    client: Arc<PartitionClient>,
    used: Instant,
}

/// A record on its way. Dropped before the broker has answered, at a deadline most of all, it takes its connection out
/// of use: what has gone silent is given no more records.
struct Sending<'a> {
    publisher: &'a Publisher,
    line: Arc<Line>,
    key: (String, i32),
    is_answered: bool,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.publisher.forget(&self.key, &self.line);
            self.publisher.link.ask();
        }
    }
}

/// The record that a message becomes.
pub(super) fn record(message: &Outgoing) -> Result<Record, BrokerError> {
    let mut headers = BTreeMap::new();
    for (name, value) in &message.headers {
        if headers.insert(name.clone(), value.clone().into_bytes()).is_some() {
            return Err(BrokerError::Refused(format!(
                "the header `{name}` is there twice: Kafka is sent it once"
            )));
        }
    }
    let key = message.key.clone().map(String::into_bytes);
    Ok(Record { key, value: Some(message.payload.to_vec()), headers, timestamp: now() })
}

impl Publisher {
    pub(super) fn new(link: Arc<Link>) -> Publisher {
        Publisher { link, round: AtomicUsize::new(0), lines: Mutex::default() }
    }

    /// Returns once the broker has acknowledged the record. Until `patience` a leader that cannot be reached is tried
    /// again; the caller bounds the whole.
    pub(super) async fn send(
        &self,
        message: &Outgoing,
        record: Record,
        patience: Instant,
    ) -> Result<(), BrokerError> {
        let topic = message.subject.as_str();
        let mut live = self.link.connected().await;
        let mut attempt = 0;
        loop {
            if !live.topics.contains_key(topic) {
                live = self.link.fresh().await;
            }
            let partition = self.partition(&live, topic, record.key.as_deref())?;
            let fault = match self.line(&live, topic, partition).await {
                Ok((line, client)) => {
                    let key = (topic.to_owned(), partition);
                    let mut sending = Sending { publisher: self, line, key, is_answered: false };
                    let produced = client.produce(vec![record.clone()], Compression::NoCompression).await;
                    sending.is_answered = produced.is_ok();
                    let Err(error) = produced else { return Ok(()) };
                    let fault = Fault::from(error);
                    if !matches!(fault, Fault::Moved(_) | Fault::Missing) {
                        return Err(self.failed(&fault));
                    }
                    fault
                }
                Err(fault @ Fault::Denied(_)) => return Err(BrokerError::Refused(fault.text())),
                Err(fault) => fault,
            };
            // Nothing has left so far: the leader is another one by now, or cannot be reached.
            attempt += 1;
            let next = Instant::now() + reconnect::delay(attempt, reconnect::random());
            if next > patience {
                return Err(BrokerError::Unavailable(format!("topic `{topic}`: {}", fault.text())));
            }
            sleep_until(next).await;
            live = self.link.fresh().await;
        }
    }

    /// Where Java and franz-go would put the record; without a key, each partition in turn.
    fn partition(&self, live: &Live, topic: &str, key: Option<&[u8]>) -> Result<i32, BrokerError> {
        let partitions =
            live.topics.get(topic).filter(|partitions| !partitions.is_empty()).ok_or_else(|| {
                BrokerError::Refused(format!(
                    "the topic `{topic}` does not exist: create it, or allow this user to see it"
                ))
            })?;
        let index = match key {
            Some(key) => partitioner::of_key(key, partitions.len()),
            None => self.round.fetch_add(1, Ordering::Relaxed) % partitions.len(),
        };
        Ok(partitions[index])
    }

    async fn line(
        &self,
        live: &Live,
        topic: &str,
        partition: i32,
    ) -> Result<(Arc<Line>, Arc<PartitionClient>), Fault> {
        let line = self.entry(live.turn, topic, partition);
        let mut open = line.lock().await;
        if let Some(Open { client, used }) = &*open
            && used.elapsed() > QUIET_MAX
            && !matches!(timeout(SIGN_MAX, client.get_offset(OffsetAt::Latest)).await, Ok(Ok(_)))
        {
            *open = None;
        }
        let client = match &*open {
            Some(Open { client, .. }) => Arc::clone(client),
            None => {
                let opening = live.client.partition_client(topic, partition, UnknownTopicHandling::Error);
                let opened = timeout(OPEN_MAX, opening).await;
                let opened = opened.map_err(|_| Fault::late(OPEN_MAX)).and_then(|o| o.map_err(Fault::from));
                Arc::new(opened.inspect_err(|_| {
                    self.link.ask();
                })?)
            }
        };
        *open = Some(Open { client: Arc::clone(&client), used: Instant::now() });
        drop(open);
        Ok((line, client))
    }

    fn entry(&self, turn: u64, topic: &str, partition: i32) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.turn != turn {
            *lines = Lines { turn, by_partition: HashMap::new() };
        }
        let key = (topic.to_owned(), partition);
        if lines.by_partition.len() >= LINES_MAX && !lines.by_partition.contains_key(&key) {
            let oldest = lines.by_partition.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                lines.by_partition.remove(&oldest);
            }
        }
        let entry = lines.by_partition.entry(key).or_insert_with(|| (Instant::now(), Arc::default()));
        entry.0 = Instant::now();
        Arc::clone(&entry.1)
    }

    /// Unless another one has taken the line's place.
    fn forget(&self, key: &(String, i32), line: &Arc<Line>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.by_partition.get(key).is_some_and(|(_, known)| Arc::ptr_eq(known, line)) {
            lines.by_partition.remove(key);
        }
    }

    /// A record that was given to a connection, and was not acknowledged.
    fn failed(&self, fault: &Fault) -> BrokerError {
        match fault {
            Fault::Answered(
                code @ (ProtocolError::NotEnoughReplicas
                | ProtocolError::NotEnoughReplicasAfterAppend
                | ProtocolError::RequestTimedOut
                | ProtocolError::KafkaStorageError),
            ) => BrokerError::Unavailable(format!(
                "the broker answered {code}, so the message may or may not have arrived"
            )),
            Fault::Answered(ProtocolError::MessageTooLarge | ProtocolError::RecordListTooLarge) => {
                BrokerError::Refused("the message is larger than the topic's `max.message.bytes`".into())
            }
            Fault::Lost(text) | Fault::Unreadable(text) => {
                self.link.ask();
                BrokerError::Unavailable(format!(
                    "{text}; the connection broke before the broker confirmed, so the message may or may not \
                     have arrived"
                ))
            }
            fault => BrokerError::Refused(fault.text()),
        }
    }
}
