//! How a subscription becomes a member: admitted once the source stands, with its initial events in front.
//! Owns the seam between what a joiner is sent first and what it is sent live; decides nothing about who may join.

use super::group::{Audience, CohortId, GroupId, GroupKey, Joiner, Settled, SubscriptionId};
use super::initial::Floor;
use super::round::Recipe;
use super::{Finished, Mail, Trigger};
use crate::event::{Event, Position};
use crate::hook::fenced;
use crate::metrics::Metrics;
use crate::outbox::{End, Member};
use crate::port::{Hook, Initial};
use graph::Object;
use graph::condition::Condition;
use graph::error::{Code, GraphqlError};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A joined subscription; dropping it is leaving.
#[derive(Debug)]
pub struct Subscription {
    id: SubscriptionId,
    mailbox: mpsc::UnboundedSender<Mail>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // A trigger that is gone has nobody left to let go.
        _ = self.mailbox.send(Mail::Leave(self.id));
    }
}

/// An authorised subscription on its way in.
pub(crate) struct Join {
    pub(crate) id: SubscriptionId,
    pub(crate) member: Member,
    pub(crate) key: GroupKey,
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) condition: Option<Condition>,
    pub(crate) initial: Option<(Arc<dyn Hook>, Initial, Duration)>,
    /// Where the subscription will say that it leaves.
    pub(crate) mailbox: mpsc::UnboundedSender<Mail>,
    pub(crate) reply: oneshot::Sender<Result<Subscription, Vec<GraphqlError>>>,
}

/// Initial events as their hook loaded them.
pub(crate) struct Loaded {
    group: GroupId,
    audience: Audience,
    revision: Option<String>,
    events: Result<Vec<Object>, String>,
}

impl Join {
    /// Nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers a join that came to a trigger at its end.
    pub(crate) fn refuse(self, end: &End) {
        let errors = match end {
            End::Errors(errors) => errors.clone(),
            End::Drain => vec![GraphqlError::new(Code::SubscriptionServerDrain, "the router is stopping")],
            End::Complete => vec![GraphqlError::new(Code::DownstreamServiceError, "the event source ended")],
        };
        // Nobody waits for the answer any more: the client left.
        _ = self.reply.send(Err(errors));
    }
}

impl Trigger {
    pub(super) fn join(&mut self, join: Join) -> Option<End> {
        self.joins += 1;
        if self.source.is_some() {
            self.admit(join);
        } else {
            self.early.push(join);
        }
        None
    }

    /// The subscription is a member from here: it sees every later event and none before.
    pub(super) fn admit(&mut self, join: Join) {
        tracing::trace!(target: "way", step = "Trigger::admit");
        let Join { id, member, key, recipe, condition, initial, mailbox, reply } = join;
        let metrics = &self.parts.metrics;
        Metrics::grow(&metrics.subscriptions_started, 1);
        Metrics::shift(&metrics.subscriptions_active, 1);
        let audience: Audience = vec![(member.shard.clone(), Arc::from([member.id]))];
        let joiner = Joiner { id, member, key, recipe, condition };
        match initial {
            None => {
                self.groups.insert(joiner);
            }
            Some((hook, initial, timeout)) => {
                let group = self.groups.insert_alone(joiner);
                let metrics = metrics.clone();
                self.tasks.spawn(async move {
                    let revision = initial.revision.clone();
                    let events = load(&*hook, initial, timeout, &metrics).await;
                    Finished::Initial(Loaded { group, audience, revision, events })
                });
            }
        }
        // If nobody waits for it, the subscription is dropped here and leaves by itself.
        _ = reply.send(Ok(Subscription { id, mailbox }));
    }

    /// Sends the initial events ahead of the live ones that have waited.
    pub(super) async fn lead_in(&mut self, loaded: Loaded) -> Option<End> {
        let Loaded { group: id, audience, revision, events } = loaded;
        let events = match events {
            Ok(events) => events,
            Err(reason) => {
                let error = GraphqlError::new(Code::SubscriptionRefused, reason);
                self.end_some(audience, End::Errors(vec![error])).await;
                return None;
            }
        };
        let group = self.groups.group_mut(id)?;
        let recipe = group.recipe.clone();
        let mut floor = revision.as_deref().map(Floor::new);
        for payload in events {
            let payload = Value::Object(payload);
            if let Some(floor) = &mut floor {
                floor.raise(entity(&recipe, &payload), &payload);
            }
            let (ticket, recipe, audience) = (group.pipeline.reserve(), recipe.clone(), audience.clone());
            let event = Event {
                provider: self.parts.provider.id.clone(),
                subject: Arc::from("initial"),
                position: Position::default(),
                headers: Arc::default(),
                payload: Arc::new(payload),
            };
            self.tasks.spawn(async move {
                let settled = Settled { outcome: recipe.run(event, true).await, audience, pending: None };
                Finished::Round { group: id, ticket, settled }
            });
        }
        group.floor = floor;
        group.pipeline.release();
        self.pump(id);
        self.groups.rejoin(id);
        None
    }

    /// For subscribers between initial and live: leaves out an event they have already, and lets those for whom this
    /// one is past the seam share with everybody else, from this event on.
    pub(super) fn seam(&mut self, event: &Event, selected: Vec<CohortId>) -> Vec<CohortId> {
        let mut passed = Vec::with_capacity(selected.len());
        for cohort in selected {
            let Some(id) = self.groups.group_of(cohort) else { continue };
            let Some(group) = self.groups.group_mut(id) else { continue };
            let recipe = group.recipe.clone();
            // With rounds before it, the event has to wait behind them; it is compared when its turn comes.
            if group.pipeline.is_idle()
                && let Some(floor) = &mut group.floor
            {
                if covers(floor, &recipe, event) {
                    continue;
                }
                passed.push(self.groups.rejoin(id).unwrap_or(cohort));
            } else {
                passed.push(cohort);
            }
        }
        passed.sort_unstable();
        passed.dedup();
        passed
    }
}

pub(super) fn covers(floor: &mut Floor, recipe: &Recipe, event: &Event) -> bool {
    floor.covers(&entity(recipe, &event.payload), &event.payload)
}

/// What an event is about; events of a type without a key are all about the same thing.
fn entity(recipe: &Recipe, payload: &Value) -> String {
    payload.as_object().and_then(|payload| recipe.root().entity_key(payload)).unwrap_or_default()
}

async fn load(
    hook: &dyn Hook,
    initial: Initial,
    timeout: Duration,
    metrics: &Metrics,
) -> Result<Vec<Object>, String> {
    // Called within the fence: `load` may panic before it gives a future.
    let run = async move { (initial.load)().await };
    fenced(hook, "initial", timeout, metrics, run).await.map_err(|fault| fault.reason())
}
