//! How a subscription becomes a member: admitted once the source stands, with its initial events in front.
//! Owns the seam between what a joiner is sent first and what it is sent live; decides nothing about who may join.

use super::group::{Audience, CohortId, GroupId, GroupKey, Joiner, SubscriptionId, Waiting};
use super::initial::Floor;
use super::round::Recipe;
use super::{Finished, Mail, Trigger};
use crate::event::{Event, Position};
use crate::hook::{Plugged, fenced};
use crate::metrics::Metrics;
use crate::outbox::{End, Member};
use crate::port::Initial;
use crate::seat::Seat;
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
    _seat: Seat,
}

impl Subscription {
    /// Made before the join is answered, so that whoever gives up waiting for the answer leaves too.
    pub(crate) fn new(id: SubscriptionId, mailbox: mpsc::UnboundedSender<Mail>, seat: Seat) -> Subscription {
        Subscription { id, mailbox, _seat: seat }
    }
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
    pub(crate) initial: Option<(Arc<Plugged>, Initial, Duration)>,
    pub(crate) reply: oneshot::Sender<Result<(), Vec<GraphqlError>>>,
}

/// Initial events as their hook loaded them.
pub(crate) struct Loaded {
    group: GroupId,
    audience: Audience,
    revision: Option<String>,
    events: Result<Vec<Object>, String>,
}

impl Join {
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
    pub(super) fn join(&mut self, join: Join) {
        self.joins += 1;
        if self.source.is_some() {
            self.admit(join);
        } else {
            self.early.insert(join.id, join);
        }
    }

    /// The subscription is a member from here: it sees every later event and none before.
    pub(super) fn admit(&mut self, join: Join) {
        tracing::trace!(target: "way", step = "Trigger::admit");
        let Join { id, member, key, recipe, condition, initial, reply } = join;
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
                let (metrics, events_max) = (metrics.clone(), self.parts.limits.initial_events_max);
                self.tasks.spawn(async move {
                    let revision = initial.revision.clone();
                    let events = load(&hook, initial, timeout, &metrics).await;
                    let events = events.and_then(|events| within(events, events_max));
                    Finished::Initial(Loaded { group, audience, revision, events })
                });
            }
        }
        // If nobody waits for it, its leave is on the way.
        _ = reply.send(Ok(()));
    }

    /// Sends the initial events ahead of the live ones that have waited.
    pub(super) async fn lead_in(&mut self, loaded: Loaded) {
        let Loaded { group: id, audience, revision, events } = loaded;
        let events = match events {
            Ok(events) => events,
            Err(reason) => {
                let error = GraphqlError::new(Code::SubscriptionRefused, reason);
                return self.end_some(audience, End::Errors(vec![error])).await;
            }
        };
        let Some(group) = self.groups.group_mut(id) else { return };
        let recipe = group.recipe.clone();
        let mut floor = revision.as_deref().map(Floor::new);
        for payload in events {
            let payload = Value::Object(payload);
            if let Some(floor) = &mut floor {
                floor.raise(entity(&recipe, &payload), &payload);
            }
            let event = Event {
                provider: self.parts.provider.id.clone(),
                subject: Arc::from("initial"),
                position: Position::default(),
                key: None,
                headers: Arc::default(),
                envelope: Arc::default(),
                payload: Arc::new(payload),
            };
            group.pipeline.lead(Waiting { event, audience: audience.clone(), entity: None, pending: None });
        }
        group.floor = floor;
        group.pipeline.release();
        self.pump(id);
        self.groups.rejoin(id);
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
    hook: &Plugged,
    initial: Initial,
    timeout: Duration,
    metrics: &Metrics,
) -> Result<Vec<Object>, String> {
    // Called within the fence: `load` may panic before it gives a future.
    fenced(hook, "initial", timeout, metrics, async move { (initial.load)().await })
        .await
        .map_err(|fault| fault.reason())
}

/// More than the bound is refused whole: a part of a state would look like all of it.
fn within(events: Vec<Object>, events_max: usize) -> Result<Vec<Object>, String> {
    if events.len() <= events_max {
        return Ok(events);
    }
    tracing::warn!(
        events = events.len(),
        events_max,
        "a hook gave too many initial events (limits.initial_events_max)"
    );
    Err(format!("there are more than {events_max} initial events for this subscription"))
}
