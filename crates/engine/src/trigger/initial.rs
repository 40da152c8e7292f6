//! The seam between a joiner's initial events and its live ones: nothing missing, nothing twice.
//! Owns the revisions that the initial events had; live events wait in the group's pipeline meanwhile, not here.

use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// For each entity, the revision that the subscriber has been sent. Live events up to it are duplicates.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    path: Vec<String>,
    sent: HashMap<String, Value>,
}

impl Floor {
    pub(crate) fn new(revision_field: &str) -> Floor {
        Floor { path: revision_field.split('.').map(String::from).collect(), sent: HashMap::new() }
    }

    /// Remembers what an initial event said of an entity; a history of it may come in any order.
    pub(crate) fn raise(&mut self, entity: String, event: &Value) {
        let Some(revision) = self.revision(event).cloned() else { return };
        match self.sent.get(&entity) {
            Some(known) if compare(&revision, known) == Some(Ordering::Less) => {}
            _ => _ = self.sent.insert(entity, revision),
        }
    }

    /// Whether the initial events already cover this live one. The first that is newer lifts the floor of its entity:
    /// a source keeps its order, so what follows is newer still.
    pub(crate) fn covers(&mut self, entity: &str, event: &Value) -> bool {
        let Some(sent) = self.sent.get(entity) else { return false };
        let order = self.revision(event).and_then(|live| compare(live, sent));
        let covered = matches!(order, Some(Ordering::Less | Ordering::Equal));
        if !covered {
            self.sent.remove(entity);
        }
        covered
    }

    /// Nothing left to compare with: the subscriber is as any other.
    pub(crate) fn is_lifted(&self) -> bool {
        self.sent.is_empty()
    }

    fn revision<'v>(&self, event: &'v Value) -> Option<&'v Value> {
        self.path.iter().try_fold(event, |value, name| value.get(name)).filter(|value| !value.is_null())
    }
}

/// Numbers by value, texts by order (ISO times sort so); other pairs do not compare.
fn compare(live: &Value, sent: &Value) -> Option<Ordering> {
    match (live, sent) {
        (Value::Number(live), Value::Number(sent)) => match (live.as_i64(), sent.as_i64()) {
            (Some(live), Some(sent)) => Some(live.cmp(&sent)),
            _ => live.as_f64()?.partial_cmp(&sent.as_f64()?),
        },
        (Value::String(live), Value::String(sent)) => Some(live.cmp(sent)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn live_events_up_to_the_initial_revision_are_left_out() {
        let mut floor = Floor::new("meta.rev");
        floor.raise("Match 1".into(), &json!({"meta": {"rev": 3}}));
        let table = [
            ("Match 1", json!({"meta": {"rev": 2}}), true),
            ("Match 1", json!({"meta": {"rev": 3}}), true),
            ("Match 2", json!({"meta": {"rev": 1}}), false),
            ("Match 1", json!({"meta": {"rev": 4}}), false),
            ("Match 1", json!({"meta": {"rev": 1}}), false), // lifted by the one before
        ];
        for (entity, event, covered) in table {
            assert_eq!(floor.covers(entity, &event), covered, "{entity} {event}");
        }
        assert!(floor.is_lifted());
    }

    #[test]
    fn the_highest_of_several_initial_revisions_counts() {
        let mut floor = Floor::new("rev");
        for rev in [2, 5, 3] {
            floor.raise("Match 1".into(), &json!({"rev": rev}));
        }
        assert!(floor.covers("Match 1", &json!({"rev": 5})));
        assert!(!floor.covers("Match 1", &json!({"rev": 6})));
    }

    #[test]
    fn an_event_without_a_comparable_revision_is_never_left_out() {
        for event in [json!({}), json!({"rev": null}), json!({"rev": "4"}), json!({"rev": true})] {
            let mut floor = Floor::new("rev");
            floor.raise("e".into(), &json!({"rev": 3}));
            assert!(!floor.covers("e", &event), "{event}");
        }
    }
}
