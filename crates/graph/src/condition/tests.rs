//! The filter's meaning, and the five ways the peer's gets it wrong.

use super::{Condition, Filter, FilterValue};
use crate::scalar::{Scalar, ScalarKind};
use crate::template::{Scope, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

fn filter(path: &str, kind: ScalarKind, values: &[Value]) -> Filter {
    let value = |value: &Value| match value.as_str().filter(|text| text.contains("{{")) {
        Some(text) => FilterValue::Template(Template::parse(text).expect("a template")),
        None => FilterValue::Literal(value.clone()),
    };
    let path = path.split('.').map(str::to_owned).collect();
    Filter::In { path, kind, values: values.iter().map(value).collect() }
}

fn condition(filter: &Filter, arguments: Value) -> Result<Condition, String> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    filter
        .render(Scope { arguments: &arguments, claims: &json!({ "sub": "u1", "none": null }) })
        .map_err(|error| error.0)
}

fn passes(filter: &Filter, arguments: Value, event: Value) -> bool {
    condition(filter, arguments).expect("renders").matches(&event)
}

#[test]
fn bug_1_every_value_of_a_list_of_strings_matches() {
    let filter = filter("id", ScalarKind::Id, &[json!("1"), json!("2"), json!("3")]);
    for id in ["1", "2", "3"] {
        assert!(passes(&filter, json!({}), json!({ "id": id })), "{id}");
    }
    assert!(!passes(&filter, json!({}), json!({ "id": "4" })));
}

#[test]
fn bug_2_every_template_of_a_list_matches() {
    let filter = filter("tag", ScalarKind::Text, &[json!("{{ args.a }}"), json!("{{ args.b }}")]);
    let arguments = json!({ "a": "x", "b": "y" });
    for (tag, expected) in [("x", true), ("y", true), ("z", false)] {
        assert_eq!(passes(&filter, arguments.clone(), json!({ "tag": tag })), expected, "{tag}");
    }
}

#[test]
fn bug_3_a_value_of_another_type_does_not_hide_the_next() {
    let filter = filter("tag", ScalarKind::Any, &[json!(1), json!("x")]);
    assert!(passes(&filter, json!({}), json!({ "tag": "x" })));
    assert!(passes(&filter, json!({}), json!({ "tag": 1 })));
    assert!(!passes(&filter, json!({}), json!({ "tag": true })));
}

#[test]
fn bug_4_several_templates_in_one_value_never_fail_open() {
    let filter = filter("key", ScalarKind::Text, &[json!("{{ args.a }}-{{ args.b }}")]);
    let arguments = json!({ "a": 1, "b": "z" });
    assert!(passes(&filter, arguments.clone(), json!({ "key": "1-z" })));
    assert!(!passes(&filter, arguments, json!({ "key": "other" })));
    assert!(condition(&filter, json!({ "a": 1 })).is_err());
}

#[test]
fn bug_5_a_scalar_argument_matches_whatever_its_variable_was_called() {
    // Arguments arrive with variables filled in, so no name but the argument's own is read.
    let filter = filter("id", ScalarKind::Number, &[json!("{{ args.id }}")]);
    for argument in [json!(7), json!("7"), json!(7.0)] {
        assert!(passes(&filter, json!({ "id": argument }), json!({ "id": 7 })), "{argument}");
    }
}

#[test]
fn values_compare_by_the_type_of_the_field() {
    let cases = [
        (ScalarKind::Id, json!(1), json!("1"), Some(true)),
        (ScalarKind::Number, json!(1), json!(1.0), Some(true)),
        (ScalarKind::Number, json!(1e16), json!(10_000_000_000_000_000_i64), Some(true)),
        (ScalarKind::Number, json!("2"), json!(2), Some(true)),
        (ScalarKind::Number, json!(1), json!("1"), None),
        (ScalarKind::Text, json!(1), json!("1"), Some(true)),
        (ScalarKind::Boolean, json!("true"), json!(true), Some(true)),
        (ScalarKind::Text, json!("a"), json!(["a"]), None),
        (ScalarKind::Text, json!("a"), json!(null), Some(false)),
        (ScalarKind::Text, json!(null), json!(null), Some(true)),
    ];
    for (kind, value, field, expected) in cases {
        let condition =
            condition(&filter("f", kind, std::slice::from_ref(&value)), json!({})).expect("renders");
        assert_eq!(condition.evaluate(&json!({ "f": field })), expected, "{kind:?} {value} {field}");
    }
}

#[test]
fn a_value_that_can_never_fit_is_refused() {
    let filter = filter("user.age", ScalarKind::Number, &[json!("{{ args.age }}")]);
    let refusal = condition(&filter, json!({ "age": "old" })).expect_err("refused");
    let expected = "`{{ args.age }}` does not fit the filter's field `user.age`, which holds a number";
    assert_eq!(refusal, expected);
}

#[test]
fn a_missing_path_never_matches_not_even_under_not() {
    let is_a = Filter::Not(Box::new(filter("a.b", ScalarKind::Text, &[json!("x")])));
    for event in [json!({}), json!({ "a": null }), json!({ "a": 1 }), json!({ "a": { "b": 1 } }), json!([])] {
        assert!(!passes(&is_a, json!({}), event.clone()), "{event}");
    }
    assert!(passes(&is_a, json!({}), json!({ "a": { "b": "y" } })));
}

#[test]
fn claims_narrow_to_the_subscriber() {
    let mine = filter("owner", ScalarKind::Id, &[json!("{{ claims.sub }}")]);
    assert!(passes(&mine, json!({}), json!({ "owner": "u1" })));
    assert!(!passes(&mine, json!({}), json!({ "owner": "u2" })));
    for claim in ["{{ claims.no }}", "{{ claims.none }}"] {
        let refusal = condition(&filter("owner", ScalarKind::Id, &[json!(claim)]), json!({}));
        assert!(refusal.is_err_and(|text| text.ends_with("is missing")), "{claim}");
    }
}

fn tree() -> impl Strategy<Value = Condition> {
    let leaf =
        ("[ab]", proptest::collection::vec(0..3_i128, 0..3)).prop_map(|(name, values)| Condition::In {
            path: vec![name],
            kind: ScalarKind::Number,
            values: values.into_iter().map(Scalar::Integer).collect(),
        });
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Condition::And),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn the_laws_of_logic_hold_with_the_unknown_too(
        left in tree(), right in tree(),
        a in proptest::option::of(0..3_i64), b in proptest::option::of(0..3_i64),
    ) {
        let mut event = json!({});
        if let Some(a) = a { event["a"] = a.into(); }
        if let Some(b) = b { event["b"] = b.into(); }
        let not = |condition: Condition| Condition::Not(Box::new(condition));
        let (both, either) = (vec![left.clone(), right.clone()], vec![not(left.clone()), not(right)]);
        prop_assert_eq!(not(Condition::And(both)).evaluate(&event), Condition::Or(either).evaluate(&event));
        prop_assert_eq!(not(not(left.clone())).evaluate(&event), left.evaluate(&event));
        if a.is_some() && b.is_some() { prop_assert!(left.evaluate(&event).is_some()); }
    }
}
