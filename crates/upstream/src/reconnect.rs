//! How long to wait before the next try: exponential, capped, with jitter.
//! Pure, given a random number; never sleeps and never gives up.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first step. A connection that is accepted and closed at once is tried at most some ten times a second.
const STEP: Duration = Duration::from_millis(100);
/// No wait is longer, so that a broker that returns is found soon.
const STEP_MAX: Duration = Duration::from_secs(8);

/// The wait before try number `attempt` (from 1). `random` spreads it over the upper half of the step, so
/// that many routers do not return to a broker in one instant.
pub(crate) fn delay(attempt: usize, random: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let step = STEP.saturating_mul(1 << doublings).min(STEP_MAX);
    let half = step / 2;
    let half_micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(random % half_micros)
}

/// A number that differs between calls and processes; jitter needs no more.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

#[cfg(test)]
mod tests;
