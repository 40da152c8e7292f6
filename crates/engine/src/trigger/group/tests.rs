//! Groups merge exactly those whom nothing sets apart, and an event reaches each member it is for once, whatever the
//! history of joins and leaves.

use super::*;
use crate::identity::{Identity, View};
use crate::limits::Limits;
use crate::outbox::{Overflow, ShardTurn};
use crate::resolve::Resolver;
use futures::future::BoxFuture;
use graph::Object;
use graph::compose::{SchemaSource, compose};
use graph::scalar::{Scalar, ScalarKind};
use graph::supergraph::Supergraph;
use proptest::prelude::*;
use serde_json::json;
use std::sync::OnceLock;

struct NoShard(usize);

impl Shard for NoShard {
    fn id(&self) -> ShardId {
        ShardId(self.0)
    }
    fn try_push(&self, _turn: ShardTurn) -> Result<(), ShardTurn> {
        Ok(())
    }
    fn push(&self, _turn: ShardTurn) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Membership never looks into a recipe, so one serves for all.
fn recipe() -> Arc<Recipe> {
    static RECIPE: OnceLock<Arc<Recipe>> = OnceLock::new();
    RECIPE.get_or_init(make_recipe).clone()
}

fn make_recipe() -> Arc<Recipe> {
    let source = |name: &str, url: Option<&str>, sdl: &str| SchemaSource {
        name: name.into(),
        routing_url: url.map(String::from),
        sdl: sdl.into(),
        origin: name.into(),
    };
    let things = source(
        "things",
        Some("http://things"),
        "type Query { t: T } type T @key(fields: \"id\") { id: ID! }",
    );
    let events = "type Subscription { tChanged: T! @edfs__natsSubscribe(subjects: [\"t\"]) } \
                  type T @key(fields: \"id\", resolvable: false) { id: ID! }";
    let composed = compose(&[things, source("events", None, events)]).expect("composes");
    let supergraph = Supergraph::load(&composed.sdl).expect("loads");
    let limits = Arc::new(Limits::default());
    let operation = supergraph.prepare("subscription { tChanged { id } }", None, &limits.bounds());
    let metrics = Arc::new(Metrics::default());
    Arc::new(Recipe {
        operation: Arc::new(operation.expect("prepares")),
        document: "".into(),
        field: "tChanged".into(),
        variables: Object::new(),
        forwarded: Identity::default(),
        selectors: Vec::new(),
        resolver: Arc::new(Resolver::new(HashMap::new(), limits, metrics.clone())),
        overflow: Overflow::default(),
        metrics,
    })
}

/// One subscription as the test sees it.
#[derive(Debug, Clone)]
struct Person {
    operation: u64,
    role: String,
    wants: Option<u8>,
    shard: usize,
    leaves: bool,
}

fn person() -> impl Strategy<Value = Person> {
    (0u64..3, "[ab]", prop::option::of(0u8..3), 0usize..2, any::<bool>())
        .prop_map(|(operation, role, wants, shard, leaves)| Person { operation, role, wants, shard, leaves })
}

impl Person {
    fn key(&self) -> GroupKey {
        let identity = Identity { claims: Arc::new(json!({ "role": self.role })), ..Identity::default() };
        let share = View::claims(["role"]).of(&identity, &Object::new()).share_key();
        GroupKey::Shared { operation: self.operation, share }
    }

    fn condition(&self) -> Option<Condition> {
        let values = |n: u8| vec![Scalar::Text(n.to_string())];
        self.wants.map(|n| Condition::In { path: vec!["id".into()], kind: ScalarKind::Id, values: values(n) })
    }

    fn joiner(&self, at: usize) -> Joiner {
        let id = at as u64;
        let member = Member { id: MemberId(id), shard: Arc::new(NoShard(self.shard)) };
        let (key, condition) = (self.key(), self.condition());
        Joiner { id: SubscriptionId(id), member, key, recipe: recipe(), condition }
    }
}

proptest! {
    #[test]
    fn groups_merge_equals_only_and_reach_each_match_once(
        people in prop::collection::vec(person(), 0..24),
        event in 0u8..3,
    ) {
        let metrics = Arc::new(Metrics::default());
        let mut groups = Groups::new(4, metrics.clone());
        for (at, person) in people.iter().enumerate() {
            groups.insert(person.joiner(at));
        }
        for (at, _) in people.iter().enumerate().filter(|(_, person)| person.leaves) {
            prop_assert!(groups.remove(SubscriptionId(at as u64)).is_some());
            prop_assert!(groups.remove(SubscriptionId(at as u64)).is_none());
        }
        let event_value = json!({ "id": event.to_string() });
        let selected = groups.select(&event_value);
        let mut reached = BTreeMap::new();
        for (group, audience) in groups.split(selected) {
            for (shard, ids) in audience {
                for id in ids.iter() {
                    let person = &people[usize::try_from(id.0).expect("small")];
                    prop_assert_eq!(person.shard, shard.id().0);
                    prop_assert!(reached.insert(*id, group).is_none(), "reached twice");
                }
            }
        }
        let is_meant = |person: &Person| !person.leaves && person.wants.is_none_or(|wants| wants == event);
        let meant = people.iter().enumerate().filter(|(_, person)| is_meant(person));
        let meant: Vec<MemberId> = meant.map(|(at, _)| MemberId(at as u64)).collect();
        prop_assert_eq!(reached.keys().copied().collect::<Vec<_>>(), meant);
        for (a, group_of_a) in &reached {
            for (b, group_of_b) in &reached {
                let keys = [a, b].map(|id| people[usize::try_from(id.0).expect("small")].key());
                prop_assert_eq!(keys[0] == keys[1], group_of_a == group_of_b, "merged exactly where equal");
            }
        }
        for (at, _) in people.iter().enumerate().filter(|(_, person)| !person.leaves) {
            groups.remove(SubscriptionId(at as u64));
        }
        prop_assert!(groups.is_empty() && groups.groups.is_empty() && groups.cohorts.is_empty());
        prop_assert_eq!(metrics.groups_active.load(std::sync::atomic::Ordering::Relaxed), 0);
    }
}
