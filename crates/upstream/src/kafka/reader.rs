//! One partition, read from an explicit offset by long polls into the source's queue, for as long as the source lives.
//! Owns the next offset and everything that can stand at it; never skips what could be read.

use super::fault::Fault;
use super::link::{Live, Trouble};
use super::place::{Begin, Place, now};
use crate::queue::Feeder;
use crate::reconnect;
use crate::start::Start;
use bytes::Bytes;
use engine::event::{Message, Position};
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::partition::{OffsetAt, PartitionClient};
use rskafka::record::RecordAndOffset;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What one read asks for, as in Kafka's own consumer. A larger batch comes whole all the same.
const FETCH_BYTES_MAX: i32 = 1 << 20;
/// Brings exactly one batch: a broker sends the first one whole, whatever its size.
const ONE_BATCH: i32 = 1;
/// Batches read one by one after something that cannot be decoded, since one such batch spoils the whole answer that it
/// is part of. A topic with transactions has one in every few batches and stays in this mode.
const CALM_MIN: u32 = 64;
/// How long the broker may look for what must be there. More than `HOLLOW_MAX`, to tell an answer from silence.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// An empty answer that takes this much longer than the one before it is no word on what lies there: brokers give up on
/// a remote store after half a second (`remote.fetch.max.wait.ms`).
const HOLLOW_MAX: Duration = Duration::from_millis(250);
/// Failures in a row after which one partition's trouble is worth a line in the log; a change of leader takes fewer.
const FAILURES_TOLD: usize = 4;

/// Reads one partition into a queue.
pub(super) struct Reader {
    place: Place,
    client: Option<PartitionClient>,
    begin: Begin,
    /// The next offset to read; `None` = where it begins has not been found out.
    next: Option<i64>,
    /// When the newest record that was read was written; until there is one, when the source began. Not in the future.
    time: DateTime<Utc>,
    /// Bytes to ask for.
    window: i32,
    /// Batches decoded since the last one that could not be.
    calm: u32,
    unreadable: u64,
    failures: usize,
    trouble: Option<Trouble>,
}

/// Why a partition is not read any more.
pub(super) enum End {
    SourceGone,
    Denied(String),
}

impl Reader {
    /// A reader that begins where a source is told to.
    pub(super) async fn open(place: Place, live: &Live, start: Start) -> Result<Reader, Fault> {
        let client = place.open(live).await?;
        let latest = place.offset(&client, OffsetAt::Latest).await?;
        let next = match start {
            Start::Latest => latest,
            Start::Earliest => place.offset(&client, OffsetAt::Earliest).await?,
            Start::At(at) => {
                let earliest = place.offset(&client, OffsetAt::Earliest).await?;
                i64::try_from(at).unwrap_or(i64::MAX).min(latest).max(earliest)
            }
        };
        // Reading needs a permission that asking for offsets does not.
        match place.fetch(&client, next, ONE_BATCH, Duration::ZERO).await {
            Err(fault @ Fault::Denied(_)) => Err(fault),
            _ => Ok(Reader { client: Some(client), next: Some(next), ..Reader::later(place, Begin::First) }),
        }
    }

    /// A reader of a partition that cannot be asked now, and is when it can.
    pub(super) fn later(place: Place, begin: Begin) -> Reader {
        let time = match begin {
            Begin::Since(_, time) => time,
            Begin::First => now(),
        };
        Reader {
            place,
            client: None,
            begin,
            next: None,
            time,
            window: FETCH_BYTES_MAX,
            calm: 0,
            unreadable: 0,
            failures: 0,
            trouble: None,
        }
    }

    /// Runs until the source is gone, or until no further try would help.
    pub(super) async fn run(mut self, feeder: Feeder, number: u32) -> End {
        let subject = Arc::clone(&self.place.topic);
        loop {
            match self.read().await {
                Ok(records) => {
                    self.failures = 0;
                    self.trouble = None;
                    for record in records {
                        let next = record.offset + 1;
                        self.time = record.record.timestamp.min(now());
                        if !feeder.put(message(record, &subject, number)).await {
                            return End::SourceGone;
                        }
                        self.next = Some(next);
                    }
                }
                Err(Fault::OutOfRange) => self.rewind(&feeder).await,
                Err(Fault::Marker) => self.step_over(),
                Err(Fault::Unreadable(reason)) => self.lose_one(&feeder, &reason),
                Err(Fault::Denied(reason)) => {
                    let Place { topic, partition, .. } = &self.place;
                    return End::Denied(format!("topic `{topic}` partition {partition}: {reason}"));
                }
                Err(fault) => self.fail(&fault).await,
            }
        }
    }

    /// One read. Empty = nothing new yet, or nothing at the next offset, which has moved on then.
    async fn read(&mut self) -> Result<Vec<RecordAndOffset>, Fault> {
        let (client, at) = match (self.client.take(), self.next) {
            (Some(client), Some(at)) => (client, at),
            _ => self.connect().await?,
        };
        self.next = Some(at);
        let read = match self.look(&client, at).await {
            // Somewhere in the answer; alone, it shows where it begins.
            Err(Fault::Marker | Fault::Unreadable(_)) if self.window != ONE_BATCH => {
                self.window = ONE_BATCH;
                self.calm = 0;
                Ok(Vec::new())
            }
            read => read,
        };
        if matches!(read, Ok(_) | Err(Fault::Marker | Fault::Unreadable(_) | Fault::OutOfRange)) {
            self.client = Some(client);
        }
        if read.as_ref().is_ok_and(|records| !records.is_empty()) {
            self.calm += 1;
            if self.calm >= CALM_MIN {
                self.window = FETCH_BYTES_MAX;
            }
        }
        read
    }

    async fn look(&mut self, client: &PartitionClient, at: i64) -> Result<Vec<RecordAndOffset>, Fault> {
        let place = &self.place;
        match place.fetch(client, at, self.window, place.fetch_max_wait).await? {
            (records, end) if records.is_empty() && end > at => self.look_again(client, at).await,
            (records, _) => Ok(records),
        }
    }

    /// Nothing was read, yet the partition goes on. Either a transaction is still open there, and everything waits for
    /// it; or there is nothing at this offset, as compaction leaves it, and asking again would bring the same for ever.
    /// Only where what is settled now reaches further, and there is still nothing, is it the latter.
    async fn look_again(&mut self, client: &PartitionClient, at: i64) -> Result<Vec<RecordAndOffset>, Fault> {
        let began = Instant::now();
        if self.place.offset(client, OffsetAt::Latest).await? <= at {
            return Ok(Vec::new());
        }
        let patience = began.elapsed() + HOLLOW_MAX;
        let began = Instant::now();
        let (records, _) = self.place.fetch(client, at, self.window, LOOK_WAIT).await?;
        // A broker that finds a batch, though a hollow one, answers at once. One that waits has not got at its own log
        // yet, as when a part of it lies in a remote store: then there may be a record.
        if records.is_empty() && began.elapsed() < patience {
            self.next = Some(at + 1);
        }
        Ok(records)
    }

    async fn connect(&mut self) -> Result<(PartitionClient, i64), Fault> {
        let live = self.place.link.fresh().await;
        let client = self.place.open(&live).await?;
        let next = match self.next {
            Some(next) => next,
            None => self.place.begin(&client, self.begin).await?,
        };
        Ok((client, next))
    }

    fn step_over(&mut self) {
        self.calm = 0;
        self.next = self.next.map(|next| next + 1);
    }

    /// A batch that cannot be decoded is passed one offset at a time: how many it holds is inside it.
    fn lose_one(&mut self, feeder: &Feeder, reason: &str) {
        self.step_over();
        feeder.lost(1);
        self.unreadable += 1;
        if self.unreadable.is_power_of_two() {
            let Place { link, topic, partition, .. } = &self.place;
            tracing::error!(
                provider = link.provider(),
                topic = &**topic,
                partition,
                unreadable = self.unreadable,
                reason,
                "a kafka record cannot be read and is passed over: it has a header without a value, or a \
                 format from before Kafka 0.11"
            );
        }
    }

    /// Goes on where there is something to read. Retention has overtaken us where the partition begins later. Where it
    /// ends before, a leader without our last records was elected, or the topic was made anew. Offsets do not tell
    /// these apart, times do: all of a new topic is newer than what we have read, and of a log that was cut, only what
    /// was written since. A topic made anew and filled with older times looks like a log that was cut, and one that
    /// has grown past our offset by now is not noticed at all.
    async fn rewind(&mut self, feeder: &Feeder) {
        let (Some(client), Some(at)) = (&self.client, self.next) else { return };
        let (earliest, next) = match self.bounds(client, at).await {
            Ok(bounds) => bounds,
            Err(fault) => return self.fail(&fault).await,
        };
        // Below the offset we wanted nobody can tell what lies between.
        let lost = u64::try_from(next - at).unwrap_or(0);
        feeder.lost(lost);
        self.next = Some(next);
        let Place { link, topic, partition, .. } = &self.place;
        tracing::warn!(
            provider = link.provider(),
            topic = &**topic,
            partition,
            wanted = at,
            earliest,
            next,
            lost,
            "kafka does not have the offset to read on from (its retention has passed it, a leader without \
             the last records was elected, or the topic was made anew): going on with what is newer"
        );
    }

    /// The first offset there is, and the one to go on from.
    async fn bounds(&self, client: &PartitionClient, at: i64) -> Result<(i64, i64), Fault> {
        let latest = self.place.offset(client, OffsetAt::Latest).await?;
        let earliest = self.place.offset(client, OffsetAt::Earliest).await?;
        if at < earliest {
            return Ok((earliest, earliest));
        }
        if at <= latest {
            return Err(Fault::OutOfRange);
        }
        let since = self.place.since(client, self.time, latest).await?;
        Ok((earliest, since.max(earliest)))
    }

    async fn fail(&mut self, fault: &Fault) {
        self.client = None;
        self.failures += 1;
        let Place { link, topic, partition, .. } = &self.place;
        // Also finds out whether the whole cluster is away, which has its own line.
        link.ask();
        if self.failures >= FAILURES_TOLD && link.is_up() && self.trouble.is_none() {
            self.trouble = Some(link.trouble(topic, *partition, &fault.text()));
        }
        sleep(reconnect::delay(self.failures, reconnect::random())).await;
    }
}

fn message(RecordAndOffset { record, offset }: RecordAndOffset, topic: &Arc<str>, number: u32) -> Message {
    let headers = record.headers.into_iter();
    Message {
        subject: Arc::clone(topic),
        key: record.key.map(Bytes::from),
        payload: record.value.map(Bytes::from).unwrap_or_default(),
        headers: headers.map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned())).collect(),
        position: Position { partition: number, sequence: u128::try_from(offset).unwrap_or_default() },
    }
}
