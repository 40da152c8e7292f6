//! The life of an event: one task per trigger, a closed set of turns, no locks, and nothing in the loop that waits
//! for a hook, a subgraph or a client.
//! Owns the order of steps; who an event is for is `group`, how order is kept is `pipeline`, what is made is `round`.

mod deliver;
pub(crate) mod filter;
pub(crate) mod group;
pub(crate) mod initial;
pub(crate) mod join;
pub(crate) mod key;
mod open;
pub(crate) mod overflow;
pub(crate) mod pipeline;
pub(crate) mod receive;
pub(crate) mod round;

use crate::event::{Event, Position};
use crate::hook::Plugged;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::outbox::{End, ShardTurn};
use crate::port::{Batch, Failure, Source};
use crate::snapshot::Provider;
use deliver::{push, reason};
use futures::future::BoxFuture;
use graph::error::{Code, GraphqlError};
use group::{GroupId, Groups, Settled, SubscriptionId, Waiting};
use join::{Join, Loaded};
use key::{Roster, TriggerId, TriggerKey};
use open::Opened;
use pipeline::Ticket;
use receive::{Faults, Received};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What reaches a trigger from outside. The mailbox is bounded by construction: a join and a leave per subscription.
pub(crate) enum Mail {
    Join(Box<Join>),
    Leave(SubscriptionId),
    Drain,
}

/// Everything that can happen to a trigger, one at a time.
enum Turn {
    Mail(Mail),
    Opened(Opened),
    Pulled(Option<Batch>),
    Received(Received),
    /// A received event may be begun.
    Due,
    Finished(Finished),
    Lingered,
    /// The registry let go of the trigger.
    Released,
}

/// A task of the trigger that is over.
enum Finished {
    Round { group: GroupId, ticket: Ticket, settled: Settled },
    Initial(Loaded),
}

/// The `on_receive` hooks of a trigger's snapshot, with their policies.
pub(crate) struct Receiver {
    pub(crate) hook: Arc<Plugged>,
    pub(crate) on_failure: Failure,
    pub(crate) timeout: Duration,
}

/// What a trigger is made from.
pub(crate) struct TriggerParts {
    pub(crate) key: TriggerKey,
    pub(crate) provider: Provider,
    pub(crate) receivers: Arc<Vec<Receiver>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) roster: Arc<dyn Roster>,
}

pub(crate) struct Trigger {
    id: TriggerId,
    parts: TriggerParts,
    mailbox: mpsc::UnboundedReceiver<Mail>,
    opening: Option<BoxFuture<'static, Opened>>,
    /// Times in a row that the broker did not take the subscription.
    failures: u32,
    /// Joins that came before the source stood.
    early: BTreeMap<SubscriptionId, Join>,
    source: Option<Box<dyn Source>>,
    /// A batch between `next` and `start`; nothing is pulled meanwhile, so batches keep their order.
    receiving: Option<BoxFuture<'static, Received>>,
    /// Received events whose rounds have not been made yet; nothing is pulled meanwhile either.
    received: VecDeque<(Event, Arc<()>)>,
    groups: Groups,
    tasks: JoinSet<Finished>,
    /// Events not yet acknowledged, in source order; one is done when nobody else holds its token.
    unacked: VecDeque<(Position, Arc<()>)>,
    lingering: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Joins taken from the mailbox, told to the registry before retiring.
    joins: u64,
    faults: Faults,
}

impl Trigger {
    pub(crate) fn new(id: TriggerId, parts: TriggerParts, mailbox: mpsc::UnboundedReceiver<Mail>) -> Trigger {
        let groups = Groups::new(parts.limits.group_inflight_max, parts.metrics.clone());
        let faults = Faults::new(parts.provider.clone(), parts.metrics.clone());
        Trigger {
            id,
            parts,
            mailbox,
            opening: None,
            failures: 0,
            early: BTreeMap::new(),
            source: None,
            receiving: None,
            received: VecDeque::new(),
            groups,
            tasks: JoinSet::new(),
            unacked: VecDeque::new(),
            lingering: None,
            joins: 0,
            faults,
        }
    }

    /// Runs until the last subscriber is gone and the linger is over, the source ends, or a drain.
    pub(crate) async fn run(&mut self) {
        self.opening = Some(self.open_after(Duration::ZERO));
        let end = loop {
            let flow = match self.turn().await {
                Turn::Mail(Mail::Join(join)) => {
                    self.join(*join);
                    None
                }
                Turn::Mail(Mail::Leave(id)) => {
                    self.release(id);
                    None
                }
                Turn::Mail(Mail::Drain) => Some(End::Drain),
                Turn::Opened(opened) => self.open(opened),
                Turn::Pulled(batch) => self.receive(batch).await,
                Turn::Received(received) => self.take_in(received),
                Turn::Due => {
                    self.start().await;
                    None
                }
                Turn::Finished(Finished::Round { group, ticket, settled }) => {
                    self.settle(group, ticket, settled).await;
                    None
                }
                Turn::Finished(Finished::Initial(loaded)) => {
                    self.lead_in(loaded).await;
                    None
                }
                Turn::Lingered => self.retire(),
                Turn::Released => Some(End::Complete),
            };
            if !self.is_left_behind() {
                self.ack().await;
            }
            if let Some(end) = flow {
                break end;
            }
            self.linger();
        };
        self.complete(end).await;
    }

    /// Waits for what happens next. Biased, so that a run can be repeated: people first, then what frees room,
    /// then new work.
    async fn turn(&mut self) -> Turn {
        let has_room = !self.groups.all_behind(self.parts.limits.group_backlog_max) && !self.is_left_behind();
        let may_start = has_room && !self.received.is_empty();
        let may_pull = has_room && self.received.is_empty() && self.receiving.is_none();
        tokio::select! {
            biased;
            mail = self.mailbox.recv() => mail.map_or(Turn::Released, Turn::Mail),
            Some(finished) = self.tasks.join_next() => {
                Turn::Finished(finished.expect("tasks catch their panics and only the trigger aborts them"))
            }
            opened = ready(&mut self.opening) => Turn::Opened(opened),
            events = ready(&mut self.receiving) => Turn::Received(events),
            () = std::future::ready(()), if may_start => Turn::Due,
            batch = pull(&mut self.source), if may_pull => Turn::Pulled(batch),
            () = wait(&mut self.lingering) => Turn::Lingered,
        }
    }

    /// Takes a batch in: parse, then `on_receive`, beside the loop.
    async fn receive(&mut self, batch: Option<Batch>) -> Option<End> {
        let Some(batch) = batch else {
            let reason = self.source.as_ref().map(|source| source.end_reason()).unwrap_or_default();
            tracing::warn!(provider = &*self.parts.provider.id, reason, "source ended");
            let error = GraphqlError::new(Code::DownstreamServiceError, "the event source ended");
            return Some(End::Errors(vec![error]));
        };
        tracing::trace!(target: "way", step = "Source::next");
        let lost = self.source.as_mut().map_or(0, |source| source.dropped());
        self.faults.count_lost(lost, &self.parts.key.subjects);
        if lost > 0 {
            // Nobody knows any more whom they were for.
            let audience = self.groups.everyone();
            self.tell(overflow::Lost { audience, events: lost, disconnect: false }).await;
        }
        let (events, tokens) = self.faults.parse(batch, self.parts.limits.event_bytes_max);
        self.unacked.extend(tokens);
        if self.parts.receivers.is_empty() {
            self.receiving = Some(Box::pin(std::future::ready(Ok(events))));
        } else {
            let TriggerParts { receivers, provider, metrics, .. } = &self.parts;
            let (receivers, provider, metrics) = (receivers.clone(), provider.clone(), metrics.clone());
            self.receiving = Some(Box::pin(receive::on_receive(receivers, events, provider, metrics)));
        }
        None
    }

    fn take_in(&mut self, received: Received) -> Option<End> {
        self.receiving = None;
        match received {
            Ok(events) => {
                self.received.extend(events);
                None
            }
            Err(error) => Some(End::Errors(vec![error])),
        }
    }

    /// Begins the rounds of one event: select, split, and into the pipelines. One at a time, so that a group which
    /// still has room when a batch is pulled does not lose the rest of the batch for want of it.
    async fn start(&mut self) {
        let Some((event, pending)) = self.received.pop_front() else { return };
        tracing::trace!(target: "way", step = "FilterIndex::select");
        let selected = self.groups.select(&event);
        let selected = self.seam(&event, selected);
        tracing::trace!(target: "way", step = "Groups::split");
        self.faults.next_event();
        for (group, audience) in self.groups.split(selected) {
            let (event, pending) = (event.clone(), Some(pending.clone()));
            self.offer(group, Waiting { event, audience, entity: None, pending }).await;
        }
    }

    fn release(&mut self, id: SubscriptionId) {
        self.early.remove(&id);
        if self.groups.remove(id).is_some() {
            self.count_gone("left");
        }
    }

    fn is_deserted(&self) -> bool {
        self.groups.is_empty() && self.early.is_empty()
    }

    /// Nobody is there, and whoever comes next is to get what has not been delivered: nothing is begun or acknowledged
    /// any more, not even what was on its way to those who left.
    fn is_left_behind(&self) -> bool {
        self.parts.key.feed.resumes() && self.is_deserted()
    }

    /// Starts or stops the linger, as subscribers are gone or there. A source that resumes is let go at once: its place
    /// is with the broker.
    fn linger(&mut self) {
        match (self.is_deserted(), &self.lingering) {
            (true, None) => {
                let resumes = self.parts.key.feed.resumes();
                let linger = if resumes { Duration::ZERO } else { self.parts.limits.linger };
                self.lingering = Some(Box::pin(tokio::time::sleep(linger)));
            }
            (false, Some(_)) => self.lingering = None,
            _ => {}
        }
    }

    /// The linger is over; a join may be on its way though, and the registry knows.
    fn retire(&mut self) -> Option<End> {
        self.lingering = None;
        self.parts.roster.retire(&self.parts.key, self.id, self.joins).then_some(End::Complete)
    }

    /// Acknowledges, in order, the events that all their rounds are done with.
    async fn ack(&mut self) {
        let mut last = None;
        while self.unacked.front().is_some_and(|(_, token)| Arc::strong_count(token) == 1) {
            let (position, _token) = self.unacked.pop_front().expect("there is a front");
            if last.is_some_and(|last: Position| last.partition != position.partition) {
                self.ack_one(last).await;
            }
            last = Some(position);
        }
        self.ack_one(last).await;
    }

    async fn ack_one(&mut self, position: Option<Position>) {
        if let (Some(position), Some(source)) = (position, self.source.as_mut()) {
            tracing::trace!(target: "way", step = "Source::ack");
            source.ack(position).await;
        }
    }

    /// The end of the trigger: everyone gets a terminal frame, and whoever still joins is told.
    async fn complete(&mut self, end: End) {
        self.tasks.abort_all();
        self.parts.roster.forget(&self.parts.key, self.id);
        for (shard, members) in self.groups.everyone() {
            push(&*shard, ShardTurn::End { members, end: end.clone() }).await;
        }
        for id in self.groups.subscriptions() {
            self.groups.remove(id);
            self.count_gone(reason(&end));
        }
        self.mailbox.close();
        let mut late: Vec<Join> = std::mem::take(&mut self.early).into_values().collect();
        while let Some(mail) = self.mailbox.recv().await {
            if let Mail::Join(join) = mail {
                late.push(*join);
            }
        }
        for join in late {
            join.refuse(&end);
        }
        self.source = None;
    }

    /// After a panic in the loop: what is left is to say so (invariant 12).
    pub(crate) async fn give_up(&mut self) {
        tracing::error!(subjects = ?self.parts.key.subjects, "a trigger panicked; its subscribers are told");
        let error = GraphqlError::new(Code::InternalServerError, "internal error in the event stream");
        self.complete(End::Errors(vec![error])).await;
    }
}

async fn pull(source: &mut Option<Box<dyn Source>>) -> Option<Batch> {
    match source {
        Some(source) => source.next().await,
        None => std::future::pending().await,
    }
}

async fn ready<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn wait(sleep: &mut Option<Pin<Box<tokio::time::Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}
