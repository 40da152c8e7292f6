//! Seeded runs of the real engine. `TIDEGATE_SIM_SEED=N cargo test -p testkit --test simulation -- --nocapture`
//! replays one; `TIDEGATE_SIM_SEEDS=N` sets how many are run (200 by default).

use testkit::World;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn nothing_is_lost_doubled_reordered_leaked_or_left_over() {
    quiet_planned_panics();
    let (first, count) = match number("TIDEGATE_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("TIDEGATE_SIM_SEEDS").unwrap_or(200)),
    };
    for seed in first..first + count {
        let report = World::run(seed);
        if count == 1 {
            println!("{}", report.trace.join("\n"));
        }
        assert!(
            report.violations.is_empty(),
            "seed {seed}:\n{}\nreplay: TIDEGATE_SIM_SEED={seed} cargo test -p testkit --test simulation -- --nocapture",
            report.violations.join("\n"),
        );
        // The same seed is the same run, or a failure could not be replayed.
        if seed % 20 == 0 {
            assert_eq!(World::run(seed), report, "seed {seed} ran differently the second time");
        }
    }
}

/// Hooks panic by plan, thousands of times; their messages would bury the others.
fn quiet_planned_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some("planned") {
            print(panic);
        }
    }));
}
