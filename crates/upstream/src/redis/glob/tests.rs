//! Patterns by table; `redis/tests/channels.rs` asks a server the same of random ones.

use super::*;

#[test]
fn patterns_cover_what_redis_says_they_do() {
    let table = [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("a*", "a", true),
        ("a*", "abc", true),
        ("a*", "b", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b*", "xxbxxaxx", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("h[ae]llo", "hello", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[b-a]llo", "hallo", true),
        (r"a\*", "a*", true),
        (r"a\*", "ab", false),
        (r"[\]]", "]", true),
        ("[a", "a", true),
        (r"a\", r"a\", true),
        ("orders.*.eu", "orders.1.2.eu", true),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}
