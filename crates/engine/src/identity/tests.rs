//! Views and sharing: what is not read never separates callers, what is read always does.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn caller(claims: Value, headers: &[(&str, &str)]) -> Identity {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Identity { claims: Arc::new(claims), headers: Arc::new(headers), init_payload: Arc::new(Value::Null) }
}

fn key(view: &View, identity: &Identity, variables: &Value) -> ShareKey {
    view.of(identity, variables.as_object().expect("an object")).share_key()
}

#[test]
fn callers_share_exactly_where_the_view_sees_no_difference() {
    let alice = caller(json!({"sub": "alice", "role": "user"}), &[("x-tenant", "a")]);
    let bob = caller(json!({"role": "user", "sub": "bob"}), &[("x-tenant", "b")]);
    let table = [
        (View::nothing(), true),
        (View::claims(["role"]), true),
        (View::claims(["role", "sub"]), false),
        (View::claims(["role"]).with_headers(["x-tenant"]), false),
        (View::everything(), false),
    ];
    for (view, shared) in table {
        let (a, b) = (key(&view, &alice, &json!({})), key(&view, &bob, &json!({})));
        assert_eq!(may_share(&a, &b), shared, "{view:?}");
    }
}

#[test]
fn a_viewer_holds_nothing_beyond_its_view() {
    let alice = caller(json!({"sub": "alice", "email": "a@example.org"}), &[("authorization", "secret")]);
    let viewer = View::claims(["sub"]).of(&alice, &Object::new());
    assert_eq!(viewer.claims, json!({"sub": "alice"}));
    assert!(viewer.headers.is_empty());
}

#[test]
fn an_anonymous_caller_never_shares_with_one_whose_claims_are_empty_of_the_view() {
    let view = View::claims(["sub"]);
    let (nobody, nameless) = (caller(Value::Null, &[]), caller(json!({"role": "x"}), &[]));
    assert!(!may_share(&key(&view, &nobody, &json!({})), &key(&view, &nameless, &json!({}))));
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\"{}:,\\[\\]]{0,4}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"]{1,2}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_text_is_equal_exactly_for_equal_values(a in tree(), b in tree()) {
        let wrap = |value: &Value| canonical(json!({"v": value}).as_object().expect("an object"));
        prop_assert_eq!(wrap(&a) == wrap(&b), a == b);
    }
}

#[test]
fn what_only_looks_alike_never_shares() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let viewer = |claims: Value, init: Value, headers: Vec<(String, String)>, variables: Value| Viewer {
        claims,
        init_payload: init,
        headers,
        variables: variables.as_object().cloned().unwrap_or_default(),
    };
    let (none, null, empty) = (Vec::new, || json!(null), || json!({}));
    let viewers = [
        viewer(json!(1), json!(23), none(), empty()),
        viewer(json!(12), json!(3), none(), empty()),
        viewer(null(), empty(), none(), empty()),
        viewer(empty(), null(), none(), empty()),
        viewer(json!({ "sub": null }), null(), none(), empty()),
        viewer(json!({ "sub": "null" }), null(), none(), empty()),
        viewer(json!({ "sub": 1 }), null(), none(), empty()),
        viewer(json!({ "sub": 1.0 }), null(), none(), empty()),
        viewer(json!({ "sub": "1" }), null(), none(), empty()),
        viewer(json!({ "sub": ["1"] }), null(), none(), empty()),
        viewer(json!({ "a\":{\"b": 1 }), null(), none(), empty()),
        viewer(json!({ "a": { "b": 1 } }), null(), none(), empty()),
        viewer(null(), null(), vec![header("x", "1"), header("x", "2")], empty()),
        viewer(null(), null(), vec![header("x", "2"), header("x", "1")], empty()),
        viewer(null(), null(), vec![header("x", "1, 2")], empty()),
        viewer(null(), null(), vec![header("x", "1\"), (\"x\", \"2")], empty()),
        viewer(null(), null(), vec![header("x", "")], empty()),
        viewer(null(), null(), none(), json!({ "x": null })),
        viewer(null(), null(), none(), json!({ "x": "" })),
    ];
    for (at, one) in viewers.iter().enumerate() {
        for (beside, other) in viewers.iter().enumerate() {
            let shares = may_share(&one.share_key(), &other.share_key());
            assert_eq!(shares, at == beside, "{one:?} and {other:?}");
        }
    }
}
