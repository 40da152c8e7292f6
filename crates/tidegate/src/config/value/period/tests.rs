//! What Go's `time.ParseDuration` reads is read, and what is shown is read again.

use super::*;

#[test]
fn periods_are_what_they_say() {
    let table: [(&str, u64); 17] = [
        ("250ms", 250_000_000),
        ("5s", 5_000_000_000),
        ("2m", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        (" 3 s ", 3_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        ("1.s", 1_000_000_000),
        (".5s", 500_000_000),
        ("0.1h0.1m", 366_000_000_000),
        ("1.000000001s", 1_000_000_001),
        ("0.3333333333333333333h", 1_199_999_999_999),
        ("1500us", 1_500_000),
        ("3µs", 3_000),
        ("7ns", 7),
        ("0s", 0),
    ];
    for (text, nanoseconds) in table {
        let period = Period::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(u128::from(nanoseconds), period.0.as_nanos(), "{text}");
        assert_eq!(Period::parse(&period.to_string()), Ok(period), "{period}");
    }
}

#[test]
fn what_is_no_period_is_told_with_its_text() {
    let table = [
        "",
        "5",
        "s",
        "-1s",
        "1.5",
        ".s",
        "5 days",
        "1m30",
        "1m-1s",
        "1..5s",
        "s5",
        "1mb",
        "1h m",
        "99999999999999999999h",
        "18446744073709551615h",
        "2562048h",
        "2562047h2562047h",
    ];
    for text in table {
        let error = Period::parse(text).expect_err(text);
        assert!(error.starts_with(&format!("`{text}` is no length of time; write it as `250ms`")), "{error}");
    }
}
