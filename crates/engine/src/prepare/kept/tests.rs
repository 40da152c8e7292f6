//! Both bounds of the kept operations, by what planning really says they take.
//! Owns no runtime.

use super::*;
use graph::supergraph::Supergraph;

const SDL: &str = include_str!("../../../../graph/fixtures/shop.graphql");

fn keep(kept: &mut Kept, supergraph: &Supergraph, document: &str) -> usize {
    let key = (document.to_owned(), None);
    let operation = supergraph.prepare(document, None, &crate::Limits::default().bounds()).unwrap();
    let cell = kept.cell(&key);
    kept.weigh(&key, &cell, &operation);
    assert_eq!(kept.bytes, kept.entries.values().map(|entry| entry.bytes).sum::<usize>());
    operation.bytes
}

#[test]
fn what_is_kept_is_bounded_in_number_and_in_bytes() {
    let supergraph = Supergraph::load(SDL).unwrap();
    let mut kept = Kept::new(3, 1 << 20);
    let one = keep(&mut kept, &supergraph, "{ a: __typename }");
    for n in 0..5 {
        keep(&mut kept, &supergraph, &format!("{{ a{n}: __typename }}"));
    }
    assert_eq!(kept.entries.len(), 3);
    let mut kept = Kept::new(100, 3 * one);
    for n in 0..9 {
        keep(&mut kept, &supergraph, &format!("{{ {}: __typename }}", (b'a' + n) as char));
    }
    assert_eq!(kept.entries.len(), 3);
    // Long, or deep: everything else makes way, and it for the next.
    let long = format!("{{ a: __typename }}{}", " ".repeat(1_000));
    let deep = "{ a: __typename ...A ...A ...A ...A } fragment A on Query { ...B ...B ...B ...B } \
        fragment B on Query { a: __typename b: __typename c: __typename d: __typename }";
    for document in [&long, deep] {
        assert!(keep(&mut kept, &supergraph, document) > 3 * one, "{document}");
        assert_eq!(kept.entries.len(), 1);
    }
    keep(&mut kept, &supergraph, "{ z: __typename }");
    assert_eq!(kept.entries.len(), 1);
}

#[test]
fn what_is_refused_leaves_nothing_and_only_its_own_place() {
    let mut kept = Kept::new(3, 1 << 20);
    let key = ("{ no }".to_owned(), None);
    let refused = kept.cell(&key);
    kept.forget(&key, &refused);
    assert_eq!((kept.entries.len(), kept.bytes), (0, 0));
    // By now there is another in its place.
    kept.cell(&key);
    kept.forget(&key, &refused);
    assert_eq!((kept.entries.len(), kept.bytes), (1, 6));
}
