//! How many places which limits leave.
//! Owns tables; the process's own limit is never touched.

use super::{RESERVED, Rlimit, affordable, raised};

#[test]
fn clients_never_get_the_last_descriptors() {
    let cases = [
        (100_000, None, 100_000),
        (100_000, Some(u64::MAX), 100_000),
        (100_000, Some(200_000), 100_000),
        (100_000, Some(1_024), 1_024 - RESERVED),
        (100, Some(1_024), 100),
        (100_000, Some(80), 40),
        (0, Some(1_024), 0),
    ];
    for (connections_max, open_files, places) in cases {
        assert_eq!(affordable(connections_max, open_files), places, "{connections_max} {open_files:?}");
    }
}

#[test]
fn the_soft_limit_goes_up_as_far_as_needed_and_allowed() {
    let cases = [
        (Some(1_024), Some(4_096), 2_000, Some(2_000)),
        (Some(1_024), Some(4_096), 100_000, Some(4_096)),
        (Some(1_024), None, 100_000, Some(100_000)),
        (Some(1_024), Some(1_024), 100_000, None),
        (Some(4_096), Some(4_096), 2_000, None),
        (None, None, 2_000, None),
    ];
    for (current, maximum, wanted, expected) in cases {
        let limit = raised(&Rlimit { current, maximum }, wanted);
        let soft = limit.as_ref().and_then(|limit| limit.current);
        assert_eq!(soft, expected, "{current:?} {maximum:?} {wanted}");
        assert!(limit.is_none_or(|limit| limit.maximum == maximum), "the hard limit stays");
    }
}
