//! The gauge follows the last word, and trouble of many is told once.

use super::*;
use crate::metrics::Metrics;
use std::sync::Barrier;

fn health() -> Health {
    Health::new("p", "nats", "here".into(), "help", Metrics::default().provider("nats", "p"))
}

#[test]
fn the_gauge_agrees_with_the_status_whatever_comes_at_once() {
    let (health, barrier) = (health(), Barrier::new(2));
    for round in 0..5_000 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                health.up();
            });
            barrier.wait();
            health.down("gone");
        });
        assert_eq!(health.metrics.up.load(Ordering::Relaxed), health.is_up(), "round {round}");
    }
}

#[test]
fn trouble_of_many_is_told_by_the_first_and_ended_by_the_last() {
    let health = health();
    for _ in 0..2 {
        let told: Vec<bool> = (0..3).map(|_| health.trouble("a")).collect();
        assert_eq!(told, [true, false, false]);
        assert!(health.trouble("b"), "another kind");
        assert_eq!([health.heal("a"), health.heal("a"), health.heal("b")], [None, None, Some(1)]);
        assert!(!health.trouble("a"), "it lasts");
        assert_eq!([health.heal("a"), health.heal("a")], [None, Some(4)]);
    }
    assert_eq!(health.heal("a"), None);
}
