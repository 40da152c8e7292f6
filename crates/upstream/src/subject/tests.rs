//! Matching against a table and against a plain recursive reference matcher.
//! Never touches a broker.

use super::*;
use proptest::prelude::*;

/// The definition, written the slow way: token lists, by recursion.
fn reference(pattern: &[&str], subject: &[&str]) -> bool {
    match (pattern, subject) {
        ([], []) => true,
        ([">"], [_, ..]) => true,
        (["*", pattern @ ..], [_, subject @ ..]) => reference(pattern, subject),
        ([p, pattern @ ..], [s, subject @ ..]) => p == s && reference(pattern, subject),
        _ => false,
    }
}

#[test]
fn matches_as_nats_documents() {
    for (pattern, subject, expected) in [
        ("a.b", "a.b", true),
        ("a.b", "a.b.c", false),
        ("a.b.c", "a.b", false),
        ("a.*", "a.b", true),
        ("a.*", "a", false),
        ("a.*", "a.b.c", false),
        ("*.b", "a.b", true),
        ("a.>", "a", false),
        ("a.>", "a.b", true),
        ("a.>", "a.b.c", true),
        (">", "a", true),
        ("a*", "ab", false),
        ("a*", "a*", true),
        ("A", "a", false),
    ] {
        assert_eq!(matches(pattern, subject), expected, "{pattern} against {subject}");
    }
}

#[test]
fn checks_subjects() {
    for (subject, pattern, literal) in [
        ("a.b", true, true),
        ("a.*", true, false),
        ("a.>", true, false),
        ("a.>.b", false, false),
        ("", false, false),
        (".a", false, false),
        ("a.", false, false),
        ("a..b", false, false),
        ("a b", false, false),
        ("a\r\nPUB x", false, false),
        ("a\u{0}", false, false),
    ] {
        assert_eq!(check_pattern(subject).is_ok(), pattern, "as pattern: {subject:?}");
        assert_eq!(check_literal(subject).is_ok(), literal, "as literal: {subject:?}");
    }
    assert!(check_pattern(&"a".repeat(RULE.subject_bytes_max)).is_ok());
    assert!(check_pattern(&"a".repeat(RULE.subject_bytes_max + 1)).is_err());
}

fn pattern() -> impl Strategy<Value = Vec<&'static str>> {
    let tokens = proptest::collection::vec(proptest::sample::select(vec!["a", "b", "*"]), 0..4);
    (tokens, any::<bool>()).prop_filter_map("no tokens", |(mut tokens, rest)| {
        if rest {
            tokens.push(">");
        }
        (!tokens.is_empty()).then_some(tokens)
    })
}

proptest! {
    #[test]
    fn matches_like_the_reference(
        pattern in pattern(),
        subject in proptest::collection::vec(proptest::sample::select(vec!["a", "b"]), 1..5),
    ) {
        prop_assert_eq!(matches(&pattern.join("."), &subject.join(".")), reference(&pattern, &subject));
    }
}
