//! One partition: the connection to its leader, what lies in it, and where a reader begins.
//! Owns how long each call may take; keeps no offset.

use super::fault::Fault;
use super::link::{Link, Live};
use crate::start::Start;
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::RecordAndOffset;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

/// Which partition, and how long its calls may take.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) link: Arc<Link>,
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) fetch_max_wait: Duration,
    pub(super) timeout: Duration,
}

/// Where a reader begins in a partition that could not be asked when its source began.
#[derive(Clone, Copy)]
pub(super) enum Begin {
    /// The partition is newer than its source: all of it is of interest.
    First,
    /// Whether it is newer, nobody can tell: with what was written since then, or earlier where the source is told to.
    Since(Start, DateTime<Utc>),
}

/// Now, in milliseconds, which is all that Kafka keeps.
pub(super) fn now() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = i64::try_from(since.as_millis()).unwrap_or_default();
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

impl Place {
    /// A connection to the partition's leader.
    pub(super) async fn open(&self, live: &Live) -> Result<PartitionClient, Fault> {
        // Asking for a topic that does not exist may create it.
        if !live.has(&self.topic, self.partition) {
            return Err(Fault::Missing);
        }
        let opening = live.client.partition_client(&*self.topic, self.partition, UnknownTopicHandling::Error);
        timeout(self.timeout, opening).await.map_err(|_| Fault::late(self.timeout))?.map_err(Fault::from)
    }

    pub(super) async fn offset(&self, client: &PartitionClient, at: OffsetAt) -> Result<i64, Fault> {
        let asked = timeout(self.timeout, client.get_offset(at)).await;
        asked.map_err(|_| Fault::late(self.timeout))?.map_err(Fault::from)
    }

    /// The first record as new as this. `latest` was asked before: where no record is, the next one is read, and one
    /// that is written in between is not missed.
    pub(super) async fn since(
        &self,
        client: &PartitionClient,
        time: DateTime<Utc>,
        latest: i64,
    ) -> Result<i64, Fault> {
        let found = self.offset(client, OffsetAt::Timestamp(time)).await?;
        Ok(if found < 0 { latest } else { found })
    }

    pub(super) async fn begin(&self, client: &PartitionClient, begin: Begin) -> Result<i64, Fault> {
        let latest = self.offset(client, OffsetAt::Latest).await?;
        let earliest = self.offset(client, OffsetAt::Earliest).await?;
        let (start, time) = match begin {
            Begin::First | Begin::Since(Start::Earliest, _) => return Ok(earliest),
            Begin::Since(start, time) => (start, time),
        };
        let since = self.since(client, time, latest).await?;
        Ok(match start {
            Start::At(at) => i64::try_from(at).unwrap_or(i64::MAX).min(since).max(earliest),
            _ => since.max(earliest),
        })
    }

    pub(super) async fn fetch(
        &self,
        client: &PartitionClient,
        at: i64,
        bytes: i32,
        wait: Duration,
    ) -> Result<(Vec<RecordAndOffset>, i64), Fault> {
        let limit = wait + self.timeout;
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let fetched = timeout(limit, client.fetch_records(at, 1..bytes + 1, wait)).await;
        fetched.map_err(|_| Fault::late(limit))?.map_err(Fault::from)
    }
}
