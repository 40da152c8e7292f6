//! Redis Streams as a source: a connection of its own that waits in `XREAD`, and goes on where it was when it broke.
//! Owns the reading task and each key's last id; keeps nothing at the server, and never acknowledges.

use super::dial::{Dial, PING_PATIENCE, silent};
use super::entry::{self, Field};
use super::fault::{Fault, fault};
use super::standing::Standing;
use super::url::Node;
use crate::queue::Feeder;
use crate::reconnect;
use crate::start::{Start, entry_id};
use engine::event::Position;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult};
use std::sync::Arc;
use std::time::Duration;

/// How long the server waits for an entry before it answers that there is none: the connection's sign of life.
const BLOCK: Duration = Duration::from_secs(3);
/// Entries of one key in one answer. Whatever the server sends is held beside the source's bound.
const COUNT_MAX: usize = 256;
/// Redirections that are followed at once; a cluster that disagrees with itself is asked more slowly.
const REDIRECTIONS_AT_ONCE: usize = 5;
/// How long a connection goes without an answer before it is given up.
const ANSWER_PATIENCE: Duration = BLOCK.saturating_add(PING_PATIENCE);

/// Entries of one key, each its id and its fields.
type Entries = Vec<(String, Vec<Field>)>;
/// Keys with their new entries; nothing when there are none.
type Answer = Option<Vec<(String, Entries)>>;

/// One key, and how far it was read.
pub(super) struct Key {
    pub(super) name: Arc<str>,
    /// Its place among the source's subjects.
    pub(super) partition: u32,
    last: u128,
}

impl Key {
    pub(super) fn new(name: &str, partition: u32) -> Key {
        Key { name: Arc::from(name), partition, last: 0 }
    }
}

/// Reads keys that are on one node, into a source's queue.
pub(super) struct Reader {
    dial: Arc<Dial>,
    standing: Arc<Standing>,
    keys: Vec<Key>,
    count: usize,
    feeder: Feeder,
    connection: Option<(Node, MultiplexedConnection)>,
    /// Where the cluster says that the keys are.
    home: Option<Node>,
    turn: usize,
}

impl Reader {
    pub(super) fn new(
        dial: Arc<Dial>,
        standing: Arc<Standing>,
        keys: Vec<Key>,
        count: usize,
        feeder: Feeder,
    ) -> Reader {
        let count = count.clamp(1, COUNT_MAX);
        Reader { dial, standing, keys, count, feeder, connection: None, home: None, turn: 0 }
    }

    /// Finds where to begin, so that nothing is missed that is added after this returns. Waits for a server for ever
    /// and notes in `trouble` why; fails only on what a server refuses.
    pub(super) async fn open(
        &mut self,
        start: Start,
        trouble: &std::sync::Mutex<String>,
    ) -> Result<(), String> {
        let mut attempt = 0;
        loop {
            let outcome = self.begin(start).await;
            match outcome {
                Ok(()) => return Ok(()),
                Err(Fault::Refused(reason)) => return Err(reason),
                Err(fault) => {
                    if let Some(reason) = self.recover(fault, &mut attempt).await {
                        *trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = reason;
                    }
                }
            }
        }
    }

    async fn begin(&mut self, start: Start) -> Result<(), Fault> {
        for index in 0..self.keys.len() {
            self.keys[index].last = match start {
                Start::Earliest => 0,
                // The server reads what comes after an id.
                Start::At(id) => id.saturating_sub(1),
                Start::Latest => {
                    let mut command = redis::cmd("XREVRANGE");
                    command.arg(&*self.keys[index].name).arg("+").arg("-").arg("COUNT").arg(1);
                    let newest: Entries = self.ask(&command).await?;
                    newest.first().map_or(Ok(0), |(id, _)| sequence(id))?
                }
            };
        }
        // Whether the account may read all keys, and whether they are streams, is better known now than later.
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1);
        self.name_keys(&mut command);
        self.ask::<Answer>(&command).await.map(drop)
    }

    /// Reads for ever: returns with the reason once the server says that these keys cannot be read any more, or without
    /// one once the source is gone.
    async fn read(&mut self) -> Option<String> {
        let (mut attempt, mut told) = (0, false);
        loop {
            let mut command = redis::cmd("XREAD");
            command.arg("COUNT").arg(self.count).arg("BLOCK").arg(BLOCK.as_millis() as u64);
            self.name_keys(&mut command);
            let fault = match self.ask::<Answer>(&command).await {
                Ok(answer) => {
                    (attempt, told) = (0, false);
                    match self.take(answer.unwrap_or_default()).await {
                        Ok(true) => continue,
                        Ok(false) => return None,
                        Err(fault) => fault,
                    }
                }
                Err(Fault::Refused(reason)) if is_final(&reason) => return Some(reason),
                Err(fault) => fault,
            };
            if let Some(reason) = self.recover(fault, &mut attempt).await
                && attempt >= 2
                && !told
                && self.standing.health().is_up()
            {
                // One failure is a lost connection. More of them, where the provider's own connections stand, would
                // be seen by nobody.
                told = true;
                let provider = self.standing.health().provider();
                tracing::warn!(provider, keys = self.names(), reason, "cannot read redis streams; trying on");
            }
        }
    }

    /// Hands entries over in their order. False = the source is gone.
    async fn take(&mut self, answer: Vec<(String, Entries)>) -> Result<bool, Fault> {
        for (name, entries) in answer {
            let Some(key) = self.keys.iter_mut().find(|key| *key.name == *name) else { continue };
            for (id, fields) in entries {
                let position = Position { partition: key.partition, sequence: sequence(&id)? };
                if !self.feeder.put(entry::message(Arc::clone(&key.name), position, fields)).await {
                    return Ok(false);
                }
                key.last = position.sequence;
            }
        }
        Ok(true)
    }

    /// Gets over a fault: elsewhere at once, else after a wait. Returns what there is to say about it.
    async fn recover(&mut self, fault: Fault, attempt: &mut usize) -> Option<String> {
        *attempt += 1;
        let reason = match fault {
            Fault::Elsewhere(node) => {
                self.connection = None;
                self.home = Some(node);
                None
            }
            Fault::Lost(reason) => {
                self.connection = None;
                // Any configured node knows where the keys are by now.
                self.home = None;
                Some(reason)
            }
            Fault::Refused(reason) | Fault::Unable(reason) => Some(reason),
        };
        if reason.is_some() || *attempt > REDIRECTIONS_AT_ONCE {
            tokio::time::sleep(reconnect::delay(*attempt, reconnect::random())).await;
        }
        reason
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Fault> {
        let (node, connection) = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let node = self.home.clone().unwrap_or_else(|| self.dial.node(self.turn));
                let connected = self.dial.commands(&node).await;
                let connection = connected.map_err(|error| {
                    self.turn += 1;
                    Fault::Lost(self.dial.text(&error))
                })?;
                none.insert((node, connection))
            }
        };
        let answer: RedisResult<T> = tokio::time::timeout(ANSWER_PATIENCE, command.query_async(connection))
            .await
            .unwrap_or_else(|_| Err(silent()));
        answer.map_err(|error| fault(&self.dial, &error, node))
    }

    fn name_keys(&self, command: &mut Cmd) {
        command.arg("STREAMS");
        command.arg(self.keys.iter().map(|key| &*key.name).collect::<Vec<_>>());
        command.arg(self.keys.iter().map(|key| entry::id(key.last)).collect::<Vec<_>>());
    }

    fn names(&self) -> String {
        self.keys.iter().map(|key| &*key.name).collect::<Vec<_>>().join(", ")
    }
}

/// Lets the readers of one source read until it is dropped, or until one of them cannot go on.
pub(super) async fn run(mut readers: Vec<Reader>, feeder: Feeder) {
    let mut ends: FuturesUnordered<_> = readers.iter_mut().map(Reader::read).collect();
    tokio::select! {
        () = feeder.closed() => {}
        end = ends.next() => {
            if let Some(reason) = end.flatten() {
                feeder.end(&reason);
            }
        }
    }
}

/// Whether a refusal will stay: the account lost its right, or the key became something else.
fn is_final(reason: &str) -> bool {
    reason.starts_with("NOPERM") || reason.starts_with("WRONGTYPE")
}

fn sequence(id: &str) -> Result<u128, Fault> {
    entry_id(id).ok_or_else(|| {
        let error = RedisError::from((ErrorKind::Parse, "the server sent what is no entry id"));
        Fault::Lost(error.to_string())
    })
}
