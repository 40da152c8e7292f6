//! Who shares a response: groups of equal subscriptions, and within them cohorts with equal filters.
//! Owns membership and the filter index over it; makes no response and keeps no order (that is `Pipeline`).

use super::filter::FilterIndex;
use super::initial::Floor;
use super::pipeline::Pipeline;
use super::round::{Outcome, Recipe};
use crate::event::Event;
use crate::identity::ShareKey;
use crate::metrics::Metrics;
use crate::outbox::{Member, MemberId, Shard, ShardId};
use graph::condition::{Condition, Facts};
use indexmap::{IndexMap, IndexSet};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One subscription of the process; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubscriptionId(pub(crate) u64);

/// One group of a trigger; never reused, so a late outcome cannot reach another group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupId(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CohortId(u64);

/// What must be equal for two subscriptions to share bytes (invariant 8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum GroupKey {
    Shared {
        /// The prepared operation's identity: text, name and schema generation.
        operation: u64,
        /// The variables the plan reads and the part of the caller that hooks and forwarded headers read.
        share: ShareKey,
    },
    /// A joiner that still waits for its initial events, or for the live ones to pass them.
    Alone(SubscriptionId),
}

/// A subscription about to be a member.
pub(crate) struct Joiner {
    pub(crate) id: SubscriptionId,
    pub(crate) member: Member,
    pub(crate) key: GroupKey,
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) condition: Option<Condition>,
}

/// Who a round is for, fixed when the event is selected: those who join later see no earlier event.
pub(crate) type Audience = Vec<ShardAudience>;

/// One shard's part of an audience.
pub(crate) type ShardAudience = (Arc<dyn Shard>, Arc<[MemberId]>);

/// A round that waits for its turn.
pub(crate) struct Waiting {
    pub(crate) event: Event,
    pub(crate) audience: Audience,
    /// What the event is about, where the overflow policy asks that.
    pub(crate) entity: Option<String>,
    /// Held until the round is delivered: the event's ack waits for it. An initial event has none.
    pub(crate) pending: Option<Arc<()>>,
}

/// A round that is over, on its way back into order.
pub(crate) struct Settled {
    pub(crate) outcome: Outcome,
    pub(crate) audience: Audience,
    pub(crate) pending: Option<Arc<()>>,
}

pub(crate) struct Group {
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) pipeline: Pipeline<Waiting, Settled>,
    /// Only of a group of one whose subscriber was sent initial events.
    pub(crate) floor: Option<Floor>,
    key: GroupKey,
    /// Where the one member of an `Alone` group goes once nothing sets it apart.
    then: Option<GroupKey>,
    cohorts: HashMap<Option<Condition>, CohortId>,
}

struct Cohort {
    group: GroupId,
    condition: Option<Condition>,
    members: IndexMap<ShardId, ShardMembers>,
}

struct ShardMembers {
    shard: Arc<dyn Shard>,
    ids: IndexSet<MemberId>,
    /// `ids` as deliveries carry it; made anew after a join or a leave.
    shared: Option<Arc<[MemberId]>>,
}

struct Place {
    cohort: CohortId,
    member: Member,
}

/// All subscriptions of one trigger.
pub(crate) struct Groups {
    groups: BTreeMap<GroupId, Group>,
    by_key: HashMap<GroupKey, GroupId>,
    cohorts: BTreeMap<CohortId, Cohort>,
    index: FilterIndex<CohortId>,
    places: BTreeMap<SubscriptionId, Place>,
    by_member: HashMap<(ShardId, MemberId), SubscriptionId>,
    /// A group that was seen keeping up; looked at first, so that the question is seldom asked of all.
    abreast: Option<GroupId>,
    named: u64,
    inflight_max: usize,
    metrics: Arc<Metrics>,
}

impl Groups {
    pub(crate) fn new(inflight_max: usize, metrics: Arc<Metrics>) -> Groups {
        Groups {
            groups: BTreeMap::new(),
            by_key: HashMap::new(),
            cohorts: BTreeMap::new(),
            index: FilterIndex::new(),
            places: BTreeMap::new(),
            by_member: HashMap::new(),
            abreast: None,
            named: 0,
            inflight_max,
            metrics,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn group_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut(&id)
    }

    /// Every group is this far behind, so pulling more helps nobody.
    pub(crate) fn all_behind(&mut self, backlog_max: usize) -> bool {
        let keeps_up = |group: &Group| group.pipeline.backlog() < backlog_max;
        let known = self.abreast.and_then(|id| self.groups.get(&id));
        if self.groups.is_empty() || known.is_some_and(keeps_up) {
            return false;
        }
        self.abreast = self.groups.iter().find(|(_, group)| keeps_up(group)).map(|(id, _)| *id);
        self.abreast.is_none()
    }

    /// Makes a subscription a member; from now on events are for it.
    pub(crate) fn insert(&mut self, joiner: Joiner) -> GroupId {
        let Joiner { id, member, key, recipe, condition } = joiner;
        self.place(id, member, key, None, recipe, condition)
    }

    /// The same, alone: nothing live reaches it until its group's pipeline is released.
    pub(crate) fn insert_alone(&mut self, joiner: Joiner) -> GroupId {
        let Joiner { id, member, key, recipe, condition } = joiner;
        self.place(id, member, GroupKey::Alone(id), Some(key), recipe, condition)
    }

    fn place(
        &mut self,
        id: SubscriptionId,
        member: Member,
        key: GroupKey,
        then: Option<GroupKey>,
        recipe: Arc<Recipe>,
        condition: Option<Condition>,
    ) -> GroupId {
        let group = self.group_for(key, then, recipe);
        let cohort = self.cohort_for(group, condition);
        let members = &mut self.cohorts.get_mut(&cohort).expect("just made or found").members;
        let of_shard = members.entry(member.shard.id()).or_insert_with(|| ShardMembers {
            shard: member.shard.clone(),
            ids: IndexSet::new(),
            shared: None,
        });
        of_shard.ids.insert(member.id);
        of_shard.shared = None;
        self.by_member.insert((member.shard.id(), member.id), id);
        self.places.insert(id, Place { cohort, member });
        group
    }

    fn group_for(&mut self, key: GroupKey, then: Option<GroupKey>, recipe: Arc<Recipe>) -> GroupId {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let id = GroupId(self.name());
        let pipeline = Pipeline::new(self.inflight_max, then.is_some());
        let group = Group { recipe, pipeline, floor: None, key: key.clone(), then, cohorts: HashMap::new() };
        self.groups.insert(id, group);
        self.by_key.insert(key, id);
        Metrics::shift(&self.metrics.groups_active, 1);
        id
    }

    fn cohort_for(&mut self, group: GroupId, condition: Option<Condition>) -> CohortId {
        let cohorts = &self.groups.get(&group).expect("the group was just made or found").cohorts;
        if let Some(id) = cohorts.get(&condition) {
            return *id;
        }
        let id = CohortId(self.name());
        let group_cohorts = &mut self.groups.get_mut(&group).expect("as above").cohorts;
        group_cohorts.insert(condition.clone(), id);
        self.index.insert(id, condition.clone());
        self.cohorts.insert(id, Cohort { group, condition, members: IndexMap::new() });
        id
    }

    fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }

    /// Takes a subscription out; `None` if it was not in.
    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<Member> {
        let Place { cohort: cohort_id, member } = self.places.remove(&id)?;
        self.by_member.remove(&(member.shard.id(), member.id));
        let cohort = self.cohorts.get_mut(&cohort_id).expect("a place has its cohort");
        let of_shard = cohort.members.get_mut(&member.shard.id()).expect("a member is in its shard's list");
        of_shard.ids.swap_remove(&member.id);
        of_shard.shared = None;
        if of_shard.ids.is_empty() {
            cohort.members.swap_remove(&member.shard.id());
        }
        if cohort.members.is_empty() {
            self.forget_cohort(cohort_id);
        }
        Some(member)
    }

    fn forget_cohort(&mut self, id: CohortId) {
        let Cohort { group: group_id, condition, .. } = self.cohorts.remove(&id).expect("found before");
        self.index.remove(id);
        let group = self.groups.get_mut(&group_id).expect("a cohort has its group");
        group.cohorts.remove(&condition);
        if group.cohorts.is_empty() {
            let group = self.groups.remove(&group_id).expect("found above");
            self.by_key.remove(&group.key);
            Metrics::shift(&self.metrics.groups_active, -1);
        }
    }

    /// The cohorts an event is for.
    pub(crate) fn select(&self, event: &impl Facts) -> Vec<CohortId> {
        self.index.select(event).into_iter().collect()
    }

    /// Cohorts → groups, each with the members this event is for.
    pub(crate) fn split(&mut self, selected: Vec<CohortId>) -> Vec<(GroupId, Audience)> {
        let mut split: BTreeMap<GroupId, Audience> = BTreeMap::new();
        for id in selected {
            let Some(cohort) = self.cohorts.get_mut(&id) else { continue };
            let audience = split.entry(cohort.group).or_default();
            for members in cohort.members.values_mut() {
                audience.push((members.shard.clone(), members.list()));
            }
        }
        split.into_iter().map(|(group, audience)| (group, joined(audience))).collect()
    }

    pub(crate) fn group_of(&self, cohort: CohortId) -> Option<GroupId> {
        self.cohorts.get(&cohort).map(|cohort| cohort.group)
    }

    /// Moves the one member of an `Alone` group to where it would have been, if nothing sets it apart any more.
    /// What it was sent up to here ends where the shared group's next round begins, so it misses and repeats nothing.
    pub(crate) fn rejoin(&mut self, id: GroupId) -> Option<CohortId> {
        let group = self.groups.get(&id)?;
        let lifted = group.floor.as_ref().is_none_or(Floor::is_lifted);
        let then = group.then.clone().filter(|_| lifted && group.pipeline.is_idle())?;
        let GroupKey::Alone(subscription) = group.key else { return None };
        let recipe = group.recipe.clone();
        let condition = group.cohorts.keys().next().cloned().flatten();
        let member = self.remove(subscription)?;
        self.place(subscription, member, then, None, recipe, condition);
        self.places.get(&subscription).map(|place| place.cohort)
    }

    /// Everyone, for an end that is for all.
    pub(crate) fn everyone(&mut self) -> Audience {
        let all = self.cohorts.values_mut().flat_map(|cohort| cohort.members.values_mut());
        joined(all.map(|members| (members.shard.clone(), members.list())).collect())
    }

    /// The subscriptions behind some members; for ends that are not for all.
    pub(crate) fn subscriptions_of(&self, audience: &Audience) -> Vec<SubscriptionId> {
        let of_shard = |(shard, ids): &ShardAudience| {
            let shard = shard.id();
            let found = ids.iter().filter_map(move |id| self.by_member.get(&(shard, *id)));
            found.copied().collect::<Vec<_>>()
        };
        audience.iter().flat_map(of_shard).collect()
    }

    pub(crate) fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.places.keys().copied().collect()
    }
}

impl ShardMembers {
    fn list(&mut self) -> Arc<[MemberId]> {
        self.shared.get_or_insert_with(|| self.ids.iter().copied().collect()).clone()
    }
}

/// One list per shard, without a copy where there is one already.
fn joined(audience: Audience) -> Audience {
    let mut by_shard: BTreeMap<ShardId, Audience> = BTreeMap::new();
    for part in audience {
        by_shard.entry(part.0.id()).or_default().push(part);
    }
    let one = |mut parts: Audience| match parts.len() {
        1 => parts.pop(),
        _ => {
            let all: Arc<[MemberId]> = parts.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
            parts.pop().map(|(shard, _)| (shard, all))
        }
    };
    by_shard.into_values().filter_map(one).collect()
}

/// Each member of all these, once.
pub(crate) fn union(parts: impl Iterator<Item = ShardAudience>) -> Audience {
    let mut by_shard: BTreeMap<ShardId, (Arc<dyn Shard>, BTreeSet<MemberId>)> = BTreeMap::new();
    for (shard, ids) in parts {
        by_shard.entry(shard.id()).or_insert_with(|| (shard, BTreeSet::new())).1.extend(ids.iter());
    }
    by_shard.into_values().map(|(shard, ids)| (shard, ids.into_iter().collect())).collect()
}

/// How many members an audience has.
pub(crate) fn size(audience: &Audience) -> u64 {
    audience.iter().map(|(_, ids)| ids.len() as u64).sum()
}

#[cfg(test)]
mod tests;
