//! From an event to its members: rounds into the pipelines of their groups, and outcomes out of them, in order.
//! Owns what is pushed to shards and what is told to those who lose something; makes no response (that is `round`).

use super::group::{self, Audience, GroupId, Settled, Waiting};
use super::pipeline::Ticket;
use super::round::Outcome;
use super::{Finished, Trigger, join, overflow};
use crate::metrics::Metrics;
use crate::outbox::{End, Overflow, Shard, ShardTurn};
use graph::error::{Code, GraphqlError};

impl Trigger {
    /// Puts a round into its group's order, or makes it at once where nothing has to wait.
    pub(super) async fn offer(&mut self, id: GroupId, mut waiting: Waiting) {
        let Some(group) = self.groups.group_mut(id) else { return };
        if !self.faults.passes(&group.recipe, &waiting.event) {
            return;
        }
        if group.recipe.is_immediate() && group.pipeline.is_idle() {
            // Nothing to wait for and nothing before it: no task, no queue.
            let outcome = group.recipe.clone().run(waiting.event, false).await;
            let settled = Settled { outcome, audience: waiting.audience, pending: waiting.pending };
            return self.deliver(settled).await;
        }
        if group.recipe.overflow == Overflow::Conflate {
            waiting.entity = group.recipe.root().entity_key(waiting.event.object());
        }
        let backlog_max = self.parts.limits.group_backlog_max;
        let lost = overflow::make_room(group, &waiting, backlog_max);
        if lost.as_ref().is_none_or(|lost| !lost.disconnect) {
            group.pipeline.wait(waiting);
        }
        if let Some(lost) = lost {
            self.tell(lost).await;
        }
        self.pump(id);
    }

    /// Begins as many waiting rounds of a group as may run.
    pub(super) fn pump(&mut self, id: GroupId) {
        let Some(group) = self.groups.group_mut(id) else { return };
        while let Some((ticket, waiting)) = group.pipeline.begin() {
            let recipe = group.recipe.clone();
            let is_initial = waiting.pending.is_none();
            let covered = !is_initial
                && group.floor.as_mut().is_some_and(|floor| join::covers(floor, &recipe, &waiting.event));
            self.tasks.spawn(async move {
                let Waiting { event, audience, pending, .. } = waiting;
                let outcome =
                    if covered { Outcome::Dropped("covered") } else { recipe.run(event, is_initial).await };
                let settled = Settled { outcome, audience, pending };
                Finished::Round { group: id, ticket, settled }
            });
        }
    }

    pub(super) async fn settle(&mut self, id: GroupId, ticket: Ticket, settled: Settled) {
        // The group may be gone: its last member left while the round ran.
        let Some(group) = self.groups.group_mut(id) else { return };
        tracing::trace!(target: "way", step = "Pipeline::settle");
        for settled in group.pipeline.settle(ticket, settled) {
            self.deliver(settled).await;
        }
        self.pump(id);
        self.groups.rejoin(id);
    }

    async fn deliver(&mut self, settled: Settled) {
        let Settled { outcome, audience, pending } = settled;
        match outcome {
            Outcome::Payload(payload) => {
                tracing::trace!(target: "way", step = "Group::deliver");
                Metrics::grow(&self.parts.metrics.deliveries, group::size(&audience));
                for (shard, members) in audience {
                    push(&*shard, ShardTurn::Deliver { payload: payload.clone(), members }).await;
                }
            }
            Outcome::Dropped(reason) => self.faults.count(reason),
            Outcome::Closed(error) => self.end_some(audience, End::Errors(vec![error])).await,
        }
        drop(pending);
    }

    /// Says that events were lost, or ends those who must not go on with a gap.
    pub(super) async fn tell(&mut self, lost: overflow::Lost) {
        let overflow::Lost { audience, events, disconnect } = lost;
        Metrics::grow(&self.parts.metrics.skipped, group::size(&audience) * events);
        if disconnect {
            let message =
                "events arrive faster than they can be resolved; this subscription fell too far behind";
            let error = GraphqlError::new(Code::SubscriptionLagged, message);
            return self.end_some(audience, End::Errors(vec![error])).await;
        }
        for (shard, members) in audience {
            push(&*shard, ShardTurn::Skipped { members, events }).await;
        }
    }

    pub(super) async fn end_some(&mut self, audience: Audience, end: End) {
        for id in self.groups.subscriptions_of(&audience) {
            self.groups.remove(id);
            self.count_gone(reason(&end));
        }
        for (shard, members) in audience {
            push(&*shard, ShardTurn::End { members, end: end.clone() }).await;
        }
    }

    pub(super) fn count_gone(&self, reason: &str) {
        Metrics::shift(&self.parts.metrics.subscriptions_active, -1);
        self.parts.metrics.subscriptions_ended.add(&[reason], 1);
    }
}

/// The label of an end in metrics.
pub(super) fn reason(end: &End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::Errors(_) => "error",
        End::Drain => "drain",
    }
}

/// A full inbox means a busy shard, never a slow client.
pub(super) async fn push(shard: &dyn Shard, turn: ShardTurn) {
    if let Err(turn) = shard.try_push(turn) {
        shard.push(turn).await;
    }
}
