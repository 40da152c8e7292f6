//! The connection that brings channels: one for all sources of a provider, kept and renewed by one task.
//! Owns that task and the sources' way to it; never reads a payload.

use super::board::{Board, Call, Join, Kind, Renewal};
use super::dial::{Dial, PING_INTERVAL, PING_PATIENCE, alive, silent};
use super::fault::{Fault, fault};
use super::standing::{Line, Standing};
use super::url::Node;
use crate::queue::{Feeder, Queue};
use crate::reconnect;
use async_trait::async_trait;
use bytes::Bytes;
use engine::event::Position;
use engine::port::{Batch, Source};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use redis::aio::{PubSub, PubSubSink};
use redis::{Msg, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// What sources want of the task. As many wait as sources come and go at once.
enum Order {
    Join(Join),
    Leave(u64),
}

/// The way to the task, which ends with the last of these.
#[derive(Clone)]
pub(super) struct Switchboard {
    orders: mpsc::UnboundedSender<Order>,
    tickets: Arc<AtomicU64>,
}

/// A place on the board; dropping it is leaving.
pub(super) struct Ticket {
    number: u64,
    switchboard: Switchboard,
}

/// A source of channels: its queue, and its place on the board.
pub(super) struct Listening {
    queue: Queue,
    _ticket: Ticket,
}

impl Switchboard {
    pub(super) fn start(dial: Arc<Dial>, standing: Arc<Standing>) -> Switchboard {
        let (orders, receiver) = mpsc::unbounded_channel();
        let operator = Operator { dial, standing, orders: receiver, board: Board::default() };
        tokio::spawn(operator.run());
        Switchboard { orders, tickets: Arc::default() }
    }

    /// Takes a place. The answer comes once the server has confirmed every name, however long it is away.
    pub(super) fn join(
        &self,
        kind: Kind,
        names: Vec<String>,
        feeder: Feeder,
    ) -> (Ticket, oneshot::Receiver<Result<(), String>>) {
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let (confirmation, confirmed) = oneshot::channel();
        self.order(Order::Join(Join { ticket: number, kind, names, feeder, confirmation }));
        (Ticket { number, switchboard: self.clone() }, confirmed)
    }

    fn order(&self, order: Order) {
        // The task outlives every sender but at the end of the runtime.
        drop(self.orders.send(order));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.switchboard.order(Order::Leave(self.number));
    }
}

impl Listening {
    pub(super) fn new(queue: Queue, ticket: Ticket) -> Listening {
        Listening { queue, _ticket: ticket }
    }
}

#[async_trait]
impl Source for Listening {
    async fn next(&mut self) -> Option<Batch> {
        self.queue.next().await
    }

    async fn ack(&mut self, position: Position) {
        self.queue.ack(position).await;
    }

    fn dropped(&mut self) -> u64 {
        self.queue.dropped()
    }

    fn end_reason(&self) -> String {
        self.queue.end_reason()
    }
}

/// Whether there is anybody left to work for.
enum End {
    Lost(String),
    Unwanted,
}

/// Calls whose answer is awaited; the answers come in the order of the calls.
type Pending = FuturesUnordered<BoxFuture<'static, (Call, RedisResult<()>)>>;

struct Operator {
    dial: Arc<Dial>,
    standing: Arc<Standing>,
    orders: mpsc::UnboundedReceiver<Order>,
    board: Board,
}

impl Operator {
    async fn run(mut self) {
        let (mut turn, mut attempt) = (0, 0);
        loop {
            let node = self.dial.node(turn);
            let dial = Arc::clone(&self.dial);
            let Some(connected) = self.while_away(dial.subscriptions(&node)).await else { return };
            let reason = match connected {
                Ok(connection) => {
                    attempt = 0;
                    match self.serve(connection, &node).await {
                        End::Lost(reason) => reason,
                        End::Unwanted => return,
                    }
                }
                Err(error) => {
                    turn += 1;
                    self.dial.text(&error)
                }
            };
            self.board.lose();
            self.standing.down(Line::Subscriptions, &reason);
            attempt += 1;
            let delay = reconnect::delay(attempt, reconnect::random());
            if self.while_away(tokio::time::sleep(delay)).await.is_none() {
                return;
            }
        }
    }

    /// Waits for something that has to do with the connection while sources come and go. `None` = all are gone.
    async fn while_away<T>(&mut self, event: impl Future<Output = T>) -> Option<T> {
        let mut event = std::pin::pin!(event);
        loop {
            tokio::select! {
                outcome = &mut event => return Some(outcome),
                // What it asks for is subscribed to with everything else once there is a connection.
                order = self.orders.recv() => drop(self.take(order?)),
            }
        }
    }

    fn take(&mut self, order: Order) -> Vec<Call> {
        match order {
            Order::Join(join) => self.board.join(join),
            Order::Leave(ticket) => self.board.leave(ticket),
        }
    }

    /// Works until the connection breaks. The provider is up once all that was subscribed before is subscribed again.
    async fn serve(&mut self, connection: PubSub, node: &Node) -> End {
        let (sink, mut stream) = connection.split();
        let mut silence = std::pin::pin!(silence(sink.clone(), Arc::clone(&self.dial)));
        let mut pending = Pending::new();
        let calls = self.board.renew();
        let mut renewal = Renewal::new(&calls);
        send(&sink, calls, &mut pending);
        let mut is_renewed = false;
        let mut last_channel: Arc<str> = Arc::from("");
        loop {
            if !is_renewed && renewal.is_done() {
                is_renewed = true;
                self.standing.up(Line::Subscriptions);
            }
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.deliver(&message, &mut last_channel),
                    None => return End::Lost("the connection was lost".into()),
                },
                Some((call, outcome)) = pending.next() => {
                    renewal.answered(&call);
                    match self.answer(&call, outcome, node) {
                        Ok(calls) => send(&sink, calls, &mut pending),
                        Err(reason) => return End::Lost(reason),
                    }
                }
                order = self.orders.recv() => {
                    let Some(order) = order else { return End::Unwanted };
                    let calls = self.take(order);
                    send(&sink, calls, &mut pending);
                }
                reason = &mut silence => return End::Lost(reason),
            }
        }
    }

    fn deliver(&mut self, message: &Msg, last_channel: &mut Arc<str>) {
        // Channels may be any bytes; ours are text, and only a pattern brings others.
        let channel = message.get_channel::<Bytes>().unwrap_or_default();
        if last_channel.as_bytes() != channel {
            *last_channel = Arc::from(String::from_utf8_lossy(&channel));
        }
        let pattern = message.get_pattern::<Option<String>>().unwrap_or_default();
        let payload = Bytes::copy_from_slice(message.get_payload_bytes());
        self.board.deliver(pattern.as_deref(), last_channel, &payload);
    }

    /// What is to be asked next, or why to begin anew: a subscription that the server neither has nor refuses.
    fn answer(&mut self, call: &Call, outcome: RedisResult<()>, node: &Node) -> Result<Vec<Call>, String> {
        match outcome {
            Ok(()) if call.begins => self.board.confirm(call),
            Err(error) if call.begins => match fault(&self.dial, &error, node) {
                Fault::Refused(reason) => return Ok(self.board.refuse(call, &reason)),
                _ => return Err(self.dial.text(&error)),
            },
            _ => {}
        }
        Ok(Vec::new())
    }
}

/// Hands calls to the connection, in this order.
fn send(sink: &PubSubSink, calls: Vec<Call>, pending: &mut Pending) {
    for call in calls {
        let mut sink = sink.clone();
        let mut answer = async move {
            let outcome = match (call.kind, call.begins) {
                (Kind::Channel, true) => sink.subscribe(&call.name).await,
                (Kind::Channel, false) => sink.unsubscribe(&call.name).await,
                (Kind::Pattern, true) => sink.psubscribe(&call.name).await,
                (Kind::Pattern, false) => sink.punsubscribe(&call.name).await,
            };
            (call, outcome)
        }
        .boxed();
        // The client sends at the first poll: here, so that an end and a beginning of one name cannot change places.
        match (&mut answer).now_or_never() {
            Some(answered) => pending.push(std::future::ready(answered).boxed()),
            None => pending.push(answer),
        }
    }
}

/// Returns once the server has said nothing for too long, and why that is one thing or another.
async fn silence(mut sink: PubSubSink, dial: Arc<Dial>) -> String {
    loop {
        tokio::time::sleep(PING_INTERVAL).await;
        let answer = tokio::time::timeout(PING_PATIENCE, sink.ping::<Value>()).await;
        if let Err(error) = alive(answer.unwrap_or_else(|_| Err(silent()))) {
            return dial.text(&error);
        }
    }
}
