//! The waits stay inside their step, grow, and differ.
//! Never sleeps.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn stays_in_the_upper_half_of_its_step(attempt in 1usize..200, random: u64) {
        let step = STEP.saturating_mul(1 << (attempt - 1).min(16)).min(STEP_MAX);
        let delay = delay(attempt, random);
        prop_assert!(delay >= step / 2 && delay <= step, "{delay:?} of {step:?}");
    }
}

#[test]
fn grows_to_the_cap() {
    let floors: Vec<Duration> = (1..12).map(|attempt| delay(attempt, 0)).collect();
    assert!(floors.is_sorted());
    assert_eq!(floors[0], STEP / 2);
    assert_eq!(floors[10], STEP_MAX / 2);
    assert_eq!(delay(usize::MAX, 0), STEP_MAX / 2);
}

#[test]
fn random_numbers_differ() {
    assert_ne!((random(), random()), (random(), random()));
}
