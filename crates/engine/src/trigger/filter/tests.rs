//! The index equals the plain evaluator, whatever the conditions, the events and the history of joins and leaves.

use super::*;
use graph::Object;
use proptest::prelude::*;
use serde_json::{Value, json};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (0i64..4).prop_map(Value::from),
        (0u8..4).prop_map(|n| Value::from(f64::from(n) / 2.0)),
        "[0-3]".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}

fn kind() -> impl Strategy<Value = ScalarKind> {
    prop::sample::select(vec![
        ScalarKind::Id,
        ScalarKind::Number,
        ScalarKind::Boolean,
        ScalarKind::Text,
        ScalarKind::Any,
    ])
}

fn path() -> impl Strategy<Value = Vec<String>> {
    prop::sample::select(vec!["a", "b", "c.d"]).prop_map(|path| path.split('.').map(String::from).collect())
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = (path(), kind(), prop::collection::vec(scalar(), 1..3)).prop_map(|(path, kind, values)| {
        let values = values.iter().filter_map(|value| Scalar::of(value, kind)).collect();
        Condition::In { path, kind, values }
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::Or),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    (prop::option::of(scalar()), prop::option::of(scalar()), prop::option::of(scalar())).prop_map(
        |(a, b, d)| {
            let mut event = Object::new();
            let mut put =
                |name: &str, value: Option<Value>| value.map(|value| event.insert(name.into(), value));
            put("a", a);
            put("b", b);
            put("c", d.map(|d| json!({ "d": d })));
            Value::Object(event)
        },
    )
}

proptest! {
    #[test]
    fn the_index_equals_the_plain_evaluator(
        conditions in prop::collection::vec(prop::option::of(condition()), 0..12),
        gone in prop::collection::vec(any::<bool>(), 12),
        events in prop::collection::vec(event(), 1..6),
    ) {
        let mut index = FilterIndex::new();
        for (id, condition) in conditions.iter().enumerate() {
            index.insert(id, condition.clone());
        }
        let mut stays = Vec::new();
        for (id, condition) in conditions.iter().enumerate() {
            if gone[id] { index.remove(id) } else { stays.push((id, condition)) }
        }
        for event in &events {
            let plain: BTreeSet<usize> = stays
                .iter()
                .filter(|(_, condition)| condition.as_ref().is_none_or(|condition| condition.matches(event)))
                .map(|(id, _)| *id)
                .collect();
            prop_assert_eq!(index.select(event), plain);
        }
    }
}

#[test]
fn an_emptied_index_holds_nothing() {
    let mut index = FilterIndex::new();
    let condition = Condition::In {
        path: vec!["a".into()],
        kind: ScalarKind::Id,
        values: vec![Scalar::Text("1".into()), Scalar::Text("2".into())],
    };
    index.insert(1, Some(condition.clone()));
    index.insert(2, Some(Condition::Not(Box::new(condition))));
    index.insert(3, None);
    for id in 1..=3 {
        index.remove(id);
    }
    assert!(index.entries.is_empty() && index.paths.is_empty());
    assert!(index.everyone.is_empty() && index.scanned.is_empty());
}
