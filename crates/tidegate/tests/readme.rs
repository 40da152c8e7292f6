//! The README says what is true: its Rust is that of the example, line by line.
//! Owns nothing else; what the commands print, the end-to-end tests hold.

#[test]
fn the_readmes_hook_is_the_example_that_runs() {
    let readme = include_str!("../../../README.md");
    let example = include_str!("../../../examples/orders_policy.rs");
    let blocks: Vec<&str> =
        readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the README shows a hook");
    for block in blocks {
        // The example goes on where the excerpt closes its braces.
        let shown = block.trim_end_matches(['}', '\n', ' ']);
        assert!(example.contains(shown), "examples/orders_policy.rs has no such lines:\n{block}");
    }
}
