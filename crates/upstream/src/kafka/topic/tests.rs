//! Names that Kafka takes and names that it does not.

use super::*;

#[test]
fn names_are_held_to_what_kafka_allows() {
    let longest = "x".repeat(NAME_BYTES_MAX);
    for good in ["orders", "a.b-c_D.9", "...", "__internal", &longest] {
        assert!(check(good).is_ok(), "{good}");
    }
    let longer = "x".repeat(NAME_BYTES_MAX + 1);
    for bad in ["", ".", "..", "a b", "a/b", "a\nb", "é", "a,b", "a*", &longer] {
        assert!(matches!(check(bad), Err(BrokerError::Refused(_))), "{bad}");
    }
}

#[test]
fn every_name_that_the_rule_leaves_whole_values_for_is_checked_again() {
    assert!(RULE.forbidden.contains(&'.') && RULE.reserved.contains(&"__"));
    assert_eq!((RULE.noun, RULE.subject_bytes_max), ("topic", 249));
}
