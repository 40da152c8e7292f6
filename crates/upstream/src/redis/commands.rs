//! The connection that takes commands: `PUBLISH`, and `XADD` with the redirections of a cluster.
//! Owns its keeping, from the first attempt to the last ping; never sends a message twice on its own.

use super::dial::{Dial, PING_INTERVAL, PING_PATIENCE, alive, silent};
use super::fault::{Fault, fault};
use super::standing::{Line, Standing};
use super::url::Node;
use crate::reconnect;
use engine::port::{BrokerError, Outgoing};
use graph::events::Feed;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How often one message follows a cluster that sends it elsewhere: twice is usual while slots move.
const REDIRECTIONS_MAX: usize = 5;
/// Keys whose node is remembered; with more, all are forgotten and learnt again.
const HOMES_MAX: usize = 4_096;

type Connection = (Node, MultiplexedConnection);

pub(super) struct Commands {
    dial: Arc<Dial>,
    connection: watch::Receiver<Option<Connection>>,
    /// Wakes the keeper: somebody has met an error.
    doubt: Arc<Notify>,
    cluster: Mutex<Cluster>,
    keeper: JoinHandle<()>,
}

/// What is known of a cluster beyond the node we are connected to.
#[derive(Default)]
struct Cluster {
    /// Where a key was found.
    homes: HashMap<String, Node>,
    connections: HashMap<Node, MultiplexedConnection>,
}

impl Commands {
    pub(super) fn start(dial: Arc<Dial>, standing: Arc<Standing>) -> Commands {
        let (sender, connection) = watch::channel(None);
        let doubt = Arc::new(Notify::new());
        let keeper = tokio::spawn(keep(Arc::clone(&dial), standing, sender, Arc::clone(&doubt)));
        Commands { dial, connection, doubt, cluster: Mutex::default(), keeper }
    }

    /// Waits until the connection stands.
    pub(super) async fn ready(&self) -> Connection {
        let mut connection = self.connection.clone();
        loop {
            let standing = connection.borrow_and_update().clone();
            if let Some(standing) = standing {
                return standing;
            }
            if connection.changed().await.is_err() {
                // The keeper ends with us only.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sends a message, and returns once a server has said that it has it.
    pub(super) async fn send(&self, message: &Outgoing, home: Connection) -> Result<(), BrokerError> {
        let command = command(message)?;
        let (mut node, mut connection) = home;
        if let Some(known) = self.home(&message.subject) {
            (connection, node) = (self.connect(&known, &node, &connection).await?, known);
        }
        let mut is_asking = false;
        for _ in 0..REDIRECTIONS_MAX {
            let Err(error) = call(&command, &mut connection, is_asking).await else { return Ok(()) };
            let next = match fault(&self.dial, &error, &node) {
                Fault::Elsewhere(next) if self.dial.is_cluster => next,
                fault => return Err(self.failed(fault, &node, &message.subject)),
            };
            is_asking = error.code() == Some("ASK");
            connection = self.connect(&next, &node, &connection).await?;
            if !is_asking {
                self.cluster().remember(&message.subject, &next);
            }
            node = next;
        }
        Err(BrokerError::Unavailable("the cluster keeps sending the message from node to node".into()))
    }

    /// A message was not answered in time: whatever it was sent by is looked at, or made anew.
    pub(super) fn distrust(&self) {
        // Only the keeper's own connection is asked for signs of life.
        *self.cluster() = Cluster::default();
        self.doubt.notify_one();
    }

    fn failed(&self, fault: Fault, node: &Node, subject: &str) -> BrokerError {
        if !matches!(fault, Fault::Refused(_)) {
            self.cluster().forget(node, subject);
            self.doubt.notify_one();
        }
        match fault {
            Fault::Lost(reason) => BrokerError::Unavailable(format!(
                "{node}: {reason}; it broke before the server confirmed, so the message may or may not have \
                 arrived"
            )),
            fault => fault.into_error(),
        }
    }

    fn home(&self, subject: &str) -> Option<Node> {
        self.cluster().homes.get(subject).cloned()
    }

    /// The connection to a node that the one at hand has named.
    async fn connect(
        &self,
        node: &Node,
        at_hand: &Node,
        connection: &MultiplexedConnection,
    ) -> Result<MultiplexedConnection, BrokerError> {
        if node == at_hand {
            return Ok(connection.clone());
        }
        if let Some(connection) = self.cluster().connections.get(node).cloned() {
            return Ok(connection);
        }
        match self.dial.commands(node).await {
            Ok(connection) => {
                self.cluster().connections.insert(node.clone(), connection.clone());
                Ok(connection)
            }
            Err(error) => {
                self.cluster().homes.retain(|_, home| home != node);
                Err(BrokerError::Unavailable(format!("no connection to {node} ({})", self.dial.text(&error))))
            }
        }
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Cluster {
    fn remember(&mut self, subject: &str, node: &Node) {
        if self.homes.len() >= HOMES_MAX {
            self.homes.clear();
        }
        self.homes.insert(subject.to_owned(), node.clone());
    }

    fn forget(&mut self, node: &Node, subject: &str) {
        self.connections.remove(node);
        self.homes.remove(subject);
    }
}

/// What is sent for a message. The payload of a stream's entry is its field `data`, and the headers follow as fields.
pub(super) fn command(message: &Outgoing) -> Result<Cmd, BrokerError> {
    let Outgoing { subject, payload, headers, feed, .. } = message;
    let payload = payload.as_ref();
    match feed {
        Feed::Log => {
            let mut command = redis::cmd("XADD");
            command.arg(subject).arg("*").arg("data").arg(payload);
            for (name, value) in headers {
                command.arg(name).arg(value);
            }
            Ok(command)
        }
        _ if headers.is_empty() => {
            let mut command = redis::cmd("PUBLISH");
            command.arg(subject).arg(payload);
            Ok(command)
        }
        _ => Err(BrokerError::Refused(format!(
            "the headers of a message cannot be published on the channel `{subject}`: Redis Pub/Sub has \
             none; remove them, or publish to a Redis Stream"
        ))),
    }
}

async fn call(command: &Cmd, connection: &mut MultiplexedConnection, is_asking: bool) -> RedisResult<()> {
    if is_asking {
        let mut both = redis::pipe();
        both.cmd("ASKING").ignore().add_command(command.clone());
        return both.query_async::<Vec<Value>>(connection).await.map(drop);
    }
    command.query_async::<Value>(connection).await.map(drop)
}

/// Connects for ever: to the configured servers in turn, until one answers, and again when it is lost.
async fn keep(
    dial: Arc<Dial>,
    standing: Arc<Standing>,
    current: watch::Sender<Option<Connection>>,
    doubt: Arc<Notify>,
) {
    let (mut turn, mut attempt) = (0, 0);
    loop {
        let node = dial.node(turn);
        let reason = match dial.commands(&node).await {
            Ok(connection) => {
                attempt = 0;
                current.send_replace(Some((node, connection.clone())));
                standing.up(Line::Commands);
                let reason = lost(&dial, &standing, connection, &doubt).await;
                current.send_replace(None);
                reason
            }
            Err(error) => {
                turn += 1;
                dial.text(&error)
            }
        };
        standing.down(Line::Commands, &reason);
        attempt += 1;
        tokio::time::sleep(reconnect::delay(attempt, reconnect::random())).await;
    }
}

/// Returns once the connection has not answered, with what it said last.
async fn lost(
    dial: &Dial,
    standing: &Standing,
    mut connection: MultiplexedConnection,
    doubt: &Notify,
) -> String {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PING_INTERVAL) => {}
            // The client does not tell of a loss by itself; the other connection does, and so does a failed publish.
            () = standing.lost(Line::Subscriptions) => {}
            () = doubt.notified() => {}
        }
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(PING_PATIENCE, ping.query_async::<Value>(&mut connection)).await;
        if let Err(error) = alive(answer.unwrap_or_else(|_| Err(silent()))) {
            return dial.text(&error);
        }
    }
}
