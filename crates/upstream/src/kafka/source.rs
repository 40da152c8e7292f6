//! One Kafka source: every partition of its topics merged into one queue, the later ones too.
//! Owns its readers, which end with it; never reads a record.

use super::fault::Fault;
use super::link::{Link, Live};
use super::place::{Begin, Place, now};
use super::reader::{End, Reader};
use crate::queue::{Bounds, Feeder, queue};
use crate::reconnect;
use crate::start::Start;
use engine::port::{BrokerError, Source};
use futures::StreamExt;
use rskafka::chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// Partitions opened at once: each opening is a connection and three round trips.
const OPENINGS_MAX: usize = 16;
/// How far a producer's clock may be behind ours without its records being taken for older than a subscription.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

/// What one `subscribe` asks for.
pub(super) struct Opening {
    pub(super) link: Arc<Link>,
    /// Sorted.
    pub(super) topics: Vec<Arc<str>>,
    pub(super) start: Start,
    pub(super) bounds: Bounds,
    pub(super) batch_events_max: usize,
    pub(super) fetch_max_wait: Duration,
    pub(super) timeout: Duration,
}

/// What has come of it so far.
#[derive(Default)]
struct Opened {
    /// What there is to open.
    lines: BTreeSet<Line>,
    readers: BTreeMap<Line, Reader>,
    /// Why one could not be opened, the last time.
    fault: Option<String>,
}

/// A topic by its index among the source's, and one of its partitions.
type Line = (usize, i32);

/// Where a line stands in the source's positions: a partition's number is unique only within its topic. 65,536 of
/// either are more than a cluster has.
fn number((topic, partition): Line) -> u32 {
    let (topic, partition) = (u32::try_from(topic), u32::try_from(partition));
    topic.unwrap_or_default() << 16 | partition.unwrap_or_default() & 0xffff
}

impl Opening {
    /// Returns once it is settled where each partition that stands is read from. One that does not holds nobody up.
    pub(super) async fn open(self, deadline: Instant) -> Result<Box<dyn Source>, BrokerError> {
        let since = now() - CLOCKS_DIFFER;
        let mut opened = Opened::default();
        match timeout_at(deadline, self.open_all(&mut opened)).await {
            Ok(Err(reason)) => Err(BrokerError::Refused(reason)),
            Err(_) if opened.readers.is_empty() => Err(self.late(opened.fault)),
            _ => Ok(self.start(opened, since)),
        }
    }

    /// The error is why it is refused.
    async fn open_all(&self, opened: &mut Opened) -> Result<(), String> {
        let patience = Instant::now() + self.patience();
        for attempt in 1.. {
            let live = self.link.fresh().await;
            opened.lines = self.lines(&live).into_iter().collect();
            self.open_at(&live, opened).await?;
            if opened.fault.is_none() || !opened.readers.is_empty() && Instant::now() >= patience {
                break;
            }
            // Gone again, or led by another broker.
            sleep(reconnect::delay(attempt, reconnect::random())).await;
        }
        Ok(())
    }

    /// How long the partitions that stand wait for those that do not.
    fn patience(&self) -> Duration {
        self.timeout / 4
    }

    fn late(&self, fault: Option<String>) -> BrokerError {
        match fault {
            Some(fault) if self.link.is_up() => BrokerError::Unavailable(fault),
            _ => self.link.late(),
        }
    }

    async fn open_at(&self, live: &Live, opened: &mut Opened) -> Result<(), String> {
        let patience = self.patience();
        let limit = Instant::now() + patience;
        let Opened { lines, readers, fault } = opened;
        let left = lines.iter().filter(|line| !readers.contains_key(*line)).copied().collect::<Vec<_>>();
        let openings = left.into_iter().map(async |line| {
            let reader = timeout_at(limit, Reader::open(self.place(line), live, self.start)).await;
            (line, reader.unwrap_or_else(|_| Err(Fault::late(patience))))
        });
        let mut openings = futures::stream::iter(openings).buffer_unordered(OPENINGS_MAX);
        *fault = None;
        while let Some((line, opening)) = openings.next().await {
            match opening {
                Ok(reader) => drop(readers.insert(line, reader)),
                Err(Fault::Denied(reason)) => return Err(reason),
                Err(why) => {
                    let (topic, partition) = (&self.topics[line.0], line.1);
                    *fault = Some(format!("topic `{topic}` partition {partition}: {}", why.text()));
                }
            }
        }
        Ok(())
    }

    fn lines(&self, live: &Live) -> Vec<Line> {
        let topics = self.topics.iter().enumerate();
        let lines = topics.flat_map(|(index, topic)| {
            let partitions = live.topics.get(&**topic).into_iter().flatten();
            partitions.map(move |partition| (index, *partition))
        });
        lines.collect()
    }

    fn place(&self, (topic, partition): Line) -> Place {
        Place {
            link: Arc::clone(&self.link),
            topic: Arc::clone(&self.topics[topic]),
            partition,
            fetch_max_wait: self.fetch_max_wait,
            timeout: self.timeout,
        }
    }

    fn start(self, opened: Opened, since: DateTime<Utc>) -> Box<dyn Source> {
        let subjects: Vec<String> = self.topics.iter().map(|topic| topic.to_string()).collect();
        let metrics = self.link.metrics();
        let (feeder, source) =
            queue(self.link.provider(), &subjects, metrics, self.bounds, self.batch_events_max);
        let mut tracker = Tracker {
            opening: self,
            feeder: feeder.clone(),
            since,
            first_seen: opened.lines.iter().map(|(topic, _)| *topic).collect(),
            lines: BTreeSet::new(),
            readers: JoinSet::new(),
        };
        let mut readers = opened.readers;
        for line in opened.lines {
            let place = tracker.opening.place(line);
            let reader = readers.remove(&line).unwrap_or_else(|| Reader::later(place, tracker.since()));
            tracker.add(line, reader);
        }
        tracker.tell_missing();
        tokio::spawn(async move {
            tokio::select! {
                () = feeder.closed() => {}
                reason = tracker.track() => feeder.end(&reason),
            }
        });
        Box::new(source)
    }
}

/// Looks for partitions that are not read yet, and waits for readers that end.
struct Tracker {
    opening: Opening,
    feeder: Feeder,
    /// When the source was asked for.
    since: DateTime<Utc>,
    /// Topics that were there then: what is new in them is newer than the source.
    first_seen: BTreeSet<usize>,
    lines: BTreeSet<Line>,
    readers: JoinSet<End>,
}

impl Tracker {
    fn add(&mut self, line: Line, reader: Reader) {
        self.lines.insert(line);
        self.readers.spawn(reader.run(self.feeder.clone(), number(line)));
    }

    fn since(&self) -> Begin {
        Begin::Since(self.opening.start, self.since)
    }

    /// A topic that was not there may have been kept from us only, and be old.
    fn begin(&self, (topic, _): Line) -> Begin {
        if self.first_seen.contains(&topic) { Begin::First } else { self.since() }
    }

    /// Runs until a reader says that going on has no use, and returns why.
    async fn track(&mut self) -> String {
        let mut live = self.opening.link.watch();
        let mut missing = None;
        loop {
            // Taken out first: it is not held while readers are made.
            let now = live.borrow_and_update().clone();
            for line in now.map(|live| self.opening.lines(&live)).unwrap_or_default() {
                if !self.lines.contains(&line) {
                    self.add(line, Reader::later(self.opening.place(line), self.begin(line)));
                }
            }
            missing = match self.missing().next() {
                Some(_) => missing.or_else(|| Some(self.opening.link.miss())),
                None => None,
            };
            tokio::select! {
                changed = live.changed() => if changed.is_err() {
                    return "the kafka client has stopped".into();
                },
                Some(ended) = self.readers.join_next() => match ended {
                    Ok(End::Denied(reason)) => return reason,
                    Ok(End::SourceGone) => {}
                    Err(_) => return "the kafka client has failed".into(),
                },
            }
        }
    }

    fn missing(&self) -> impl Iterator<Item = &str> {
        let topics = self.opening.topics.iter().enumerate();
        topics
            .filter(|(index, _)| !self.lines.iter().any(|(topic, _)| topic == index))
            .map(|(_, name)| &**name)
    }

    fn tell_missing(&self) {
        let topics = self.missing().collect::<Vec<_>>().join(", ");
        if !topics.is_empty() {
            let provider = self.opening.link.provider();
            tracing::warn!(
                provider,
                topics,
                "subscribed to topics that do not exist, or that this user may not see: create them; \
                 subscribers stay and get the events from the first one on"
            );
        }
    }
}
