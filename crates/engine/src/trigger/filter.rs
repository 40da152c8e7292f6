//! Finds who an event is for at a cost that follows the matches, not the subscribers.
//! Owns the index over conditions; what a condition means is `graph::condition`, and this must always agree with it.

use graph::condition::{Condition, Facts};
use graph::scalar::{Scalar, ScalarKind};
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashMap};

/// Conditions by the values they ask for. Each is posted under the values of one of its `IN`s (its access path); an
/// event looks its own values up and evaluates only what it finds there.
#[derive(Debug)]
pub(crate) struct FilterIndex<Id> {
    entries: HashMap<Id, Entry>,
    /// Insertion-ordered, so that a run can be repeated.
    paths: IndexMap<Path, HashMap<Scalar, BTreeSet<Id>>>,
    /// No condition: every event.
    everyone: BTreeSet<Id>,
    /// Conditions without an access path (a NOT at the top): evaluated for each event.
    scanned: BTreeSet<Id>,
}

#[derive(Debug)]
struct Entry {
    condition: Option<Condition>,
    access: Option<Access>,
}

/// Where a field is and how its values compare.
type Path = (Vec<String>, ScalarKind);

#[derive(Debug, Clone)]
struct Access {
    posts: Vec<(Path, Scalar)>,
    /// A hit is a match by itself.
    exact: bool,
}

impl<Id: Copy + Eq + Ord + std::hash::Hash> FilterIndex<Id> {
    pub(crate) fn new() -> Self {
        FilterIndex {
            entries: HashMap::new(),
            paths: IndexMap::new(),
            everyone: BTreeSet::new(),
            scanned: BTreeSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, id: Id, condition: Option<Condition>) {
        let access = condition.as_ref().and_then(access);
        match (&condition, &access) {
            (None, _) => {
                self.everyone.insert(id);
            }
            (Some(_), None) => {
                self.scanned.insert(id);
            }
            (Some(_), Some(access)) => {
                for (path, value) in &access.posts {
                    let values = self.paths.entry(path.clone()).or_default();
                    values.entry(value.clone()).or_default().insert(id);
                }
            }
        }
        self.entries.insert(id, Entry { condition, access });
    }

    pub(crate) fn remove(&mut self, id: Id) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.everyone.remove(&id);
        self.scanned.remove(&id);
        for (path, value) in entry.access.into_iter().flat_map(|access| access.posts) {
            let Some(values) = self.paths.get_mut(&path) else { continue };
            if let Some(ids) = values.get_mut(&value) {
                ids.remove(&id);
                if ids.is_empty() {
                    values.remove(&value);
                }
            }
            if values.is_empty() {
                self.paths.shift_remove(&path);
            }
        }
    }

    /// Everyone whose condition the event meets, in id order, each once.
    pub(crate) fn select(&self, event: &impl Facts) -> BTreeSet<Id> {
        let mut selected = self.everyone.clone();
        for ((path, kind), values) in &self.paths {
            let Some(value) = event.find(path).and_then(|value| Scalar::of(&value, *kind)) else {
                continue;
            };
            for id in values.get(&value).into_iter().flatten() {
                if self.entry(*id).is_met(event) {
                    selected.insert(*id);
                }
            }
        }
        let met = self.scanned.iter().filter(|id| self.entry(**id).is_met(event));
        selected.extend(met);
        selected
    }

    fn entry(&self, id: Id) -> &Entry {
        self.entries.get(&id).expect("every posted id has its entry")
    }
}

impl Entry {
    fn is_met(&self, event: &impl Facts) -> bool {
        if self.access.as_ref().is_some_and(|access| access.exact) {
            return true;
        }
        self.condition.as_ref().is_none_or(|condition| condition.matches(event))
    }
}

/// The values under which a condition can be found, or `None` where an event may match without holding any of them.
fn access(condition: &Condition) -> Option<Access> {
    match condition {
        Condition::In { path, kind, values } => {
            let path = (path.clone(), *kind);
            let posts = values.iter().map(|value| (path.clone(), value.clone())).collect();
            Some(Access { posts, exact: true })
        }
        // One child is enough to find it by; the one posted under the fewest values costs least.
        Condition::And(children) => {
            let found = children.iter().filter_map(access).min_by_key(|access| access.posts.len())?;
            Some(Access { exact: found.exact && children.len() == 1, ..found })
        }
        Condition::Or(children) => {
            let found: Vec<Access> = children.iter().map(access).collect::<Option<_>>()?;
            let exact = found.iter().all(|access| access.exact);
            Some(Access { posts: found.into_iter().flat_map(|access| access.posts).collect(), exact })
        }
        Condition::Not(_) => None,
    }
}

#[cfg(test)]
mod tests;
