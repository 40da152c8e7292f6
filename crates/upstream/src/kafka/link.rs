//! The connection to one cluster: up or down and why, the client that works now, and which topics there are.
//! Owns the task that keeps the client and reads the topics, which ends with the link; never holds a message.

use super::dial::Dial;
use super::fault::Fault;
use crate::health::Health;
use crate::metrics::ProviderMetrics;
use crate::reconnect;
use engine::port::{BrokerError, BrokerStatus};
use rskafka::client::Client;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// One attempt to connect, to whichever broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two reads of the topics, whoever asks: each is the whole cluster's list.
const TOPICS_PAUSE: Duration = Duration::from_millis(250);
/// How often the topics are read while one is missing that somebody subscribed to.
const MISSING_INTERVAL: Duration = Duration::from_secs(3);

/// Every topic with its partitions in order.
pub(super) type Topics = BTreeMap<String, Vec<i32>>;

/// What works now.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) client: Arc<Client>,
    pub(super) topics: Arc<Topics>,
    /// Grows with every new client.
    pub(super) turn: u64,
    /// Every question up to this one has been answered by these topics.
    answered: u64,
}

impl Live {
    pub(super) fn has(&self, topic: &str, partition: i32) -> bool {
        self.topics.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }
}

/// What one provider's sources and publishers share.
pub(super) struct Link {
    health: Arc<Health>,
    metrics: Arc<ProviderMetrics>,
    live: watch::Receiver<Option<Live>>,
    /// Questions for the topics as they are now, counted.
    asked: watch::Sender<u64>,
    /// Sources that miss a topic.
    missing: watch::Sender<usize>,
    /// Partitions that cannot be read, by their topics.
    troubles: Mutex<BTreeMap<Arc<str>, usize>>,
    keeper: AbortHandle,
}

/// A source misses a topic, as long as it holds this.
pub(super) struct Missing(Arc<Link>);

/// A partition cannot be read, as long as its reader holds this.
pub(super) struct Trouble {
    link: Arc<Link>,
    topic: Arc<str>,
}

impl Link {
    pub(super) fn start(
        dial: Dial,
        health: Health,
        metrics: Arc<ProviderMetrics>,
        metadata_interval: Duration,
        patience: Duration,
    ) -> Link {
        let health = Arc::new(health);
        let (live_sender, live) = watch::channel(None);
        let (asked, questions) = watch::channel(0);
        let (missing, missed) = watch::channel(0);
        let keeper = Keeper {
            dial,
            health: Arc::clone(&health),
            live: live_sender,
            questions,
            missed,
            metadata_interval,
            patience,
            turn: 0,
            failed: 0,
        };
        let keeper = tokio::spawn(keeper.run()).abort_handle();
        Link { health, metrics, live, asked, missing, troubles: Mutex::default(), keeper }
    }

    pub(super) fn provider(&self) -> &str {
        self.health.provider()
    }

    pub(super) fn metrics(&self) -> Arc<ProviderMetrics> {
        Arc::clone(&self.metrics)
    }

    pub(super) fn is_up(&self) -> bool {
        self.health.is_up()
    }

    pub(super) fn reason(&self) -> String {
        self.health.reason()
    }

    /// Why an answer did not come in time.
    pub(super) fn late(&self) -> BrokerError {
        if self.is_up() { BrokerError::Timeout } else { BrokerError::Unavailable(self.reason()) }
    }

    pub(super) fn status(&self) -> BrokerStatus {
        self.health.status()
    }

    /// Wakes whenever the topics were read again, and when the connection goes or comes.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Live>> {
        self.live.clone()
    }

    /// Has the topics read soon, which also finds out whether the connection still stands.
    pub(super) fn ask(&self) -> u64 {
        let mut question = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            question = *asked;
        });
        question
    }

    /// Has the topics read every few seconds, once for all who miss one.
    pub(super) fn miss(self: &Arc<Link>) -> Missing {
        self.missing.send_modify(|sources| *sources += 1);
        Missing(Arc::clone(self))
    }

    /// A partition cannot be read though the cluster is there. One line for each topic, however many partitions of it
    /// and sources there are.
    pub(super) fn trouble(self: &Arc<Link>, topic: &Arc<str>, partition: i32, reason: &str) -> Trouble {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled = troubles.entry(Arc::clone(topic)).or_default();
        *troubled += 1;
        let is_first = *troubled == 1;
        drop(troubles);
        if is_first {
            tracing::warn!(
                provider = self.provider(),
                topic = &**topic,
                partition,
                reason,
                "a kafka partition cannot be read, and maybe others of its topic: its subscribers stay and \
                 get none of its events; trying on"
            );
        }
        Trouble { link: Arc::clone(self), topic: Arc::clone(topic) }
    }

    /// Waits until the connection stands.
    pub(super) async fn connected(&self) -> Live {
        self.answered(0).await
    }

    /// What works now, with topics that were read after this call; waits for the connection.
    pub(super) async fn fresh(&self) -> Live {
        self.answered(self.ask()).await
    }

    async fn answered(&self, question: u64) -> Live {
        let mut live = self.live.clone();
        let is_answer = |live: &Option<Live>| live.as_ref().is_some_and(|live| live.answered >= question);
        match live.wait_for(is_answer).await.map(|live| live.clone()) {
            Ok(Some(live)) => live,
            // The keeper ends with the link, which nobody can be waiting on then.
            _ => std::future::pending().await,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Drop for Missing {
    fn drop(&mut self) {
        self.0.missing.send_modify(|sources| *sources -= 1);
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        let mut troubles = self.link.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(troubled) = troubles.get_mut(&self.topic) {
            *troubled -= 1;
            if *troubled == 0 {
                troubles.remove(&self.topic);
            }
        }
    }
}

/// Keeps a client that works, and the list of topics.
struct Keeper {
    dial: Dial,
    health: Arc<Health>,
    live: watch::Sender<Option<Live>>,
    questions: watch::Receiver<u64>,
    missed: watch::Receiver<usize>,
    metadata_interval: Duration,
    patience: Duration,
    turn: u64,
    /// Connections in a row that have brought no topics.
    failed: usize,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let fault = match self.connect().await {
                Ok(client) => self.keep(Arc::new(client)).await,
                Err(fault) => fault,
            };
            self.failed += 1;
            // A client forgets no broker that it has met and never returns to the addresses of the settings. So the
            // first failure is answered by a new client; only when that one fails as well is the cluster away.
            if self.failed > 1 {
                self.live.send_replace(None);
                self.health.down(&fault.text());
                sleep(reconnect::delay(self.failed - 1, reconnect::random())).await;
            }
        }
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let limit = CONNECT_TIMEOUT.min(self.patience);
        let built = timeout(limit, self.dial.builder().build()).await;
        built.map_err(|_| Fault::late(limit))?.map_err(Fault::from)
    }

    /// Reads the topics again and again, until that fails.
    async fn keep(&mut self, client: Arc<Client>) -> Fault {
        self.turn += 1;
        loop {
            let answered = *self.questions.borrow_and_update();
            let mut topics = self.topics(&client).await;
            // One broker of several may have gone: the client finds another one by itself, at the next call.
            if topics.is_err() && self.failed == 0 {
                topics = self.topics(&client).await;
            }
            match topics {
                Ok(topics) => {
                    let (client, topics) = (Arc::clone(&client), Arc::new(topics));
                    self.failed = 0;
                    self.live.send_replace(Some(Live { client, topics, turn: self.turn, answered }));
                    self.health.up();
                }
                Err(fault) => return fault,
            }
            self.pause().await;
        }
    }

    /// Returns when it is time to look again.
    async fn pause(&mut self) {
        let read = Instant::now();
        sleep(TOPICS_PAUSE).await;
        loop {
            let is_missing = *self.missed.borrow_and_update() > 0;
            let missing = if is_missing { MISSING_INTERVAL } else { Duration::MAX };
            // The senders live as long as this task.
            tokio::select! {
                _ = self.questions.changed() => return,
                () = sleep_until(read + self.metadata_interval.min(missing)) => return,
                _ = self.missed.changed() => {}
            }
        }
    }

    /// The whole list: a request for single topics would make the broker create what it does not have, and rskafka has
    /// no way to forbid it.
    async fn topics(&self, client: &Client) -> Result<Topics, Fault> {
        let listed = timeout(self.patience, client.list_topics()).await;
        let listed = listed.map_err(|_| Fault::late(self.patience))??;
        Ok(listed.into_iter().map(|topic| (topic.name, topic.partitions.into_iter().collect())).collect())
    }
}
