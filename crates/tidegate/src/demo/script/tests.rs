//! The script is the same at every start, bounded, and covers every story.

use super::*;
use std::collections::BTreeSet;

fn play_dry(beats: u64) -> Vec<Outgoing> {
    let world = World::load();
    (0..beats).flat_map(|number| beat(&world, number)).collect()
}

#[test]
fn two_starts_publish_the_same() {
    let flat = |messages: Vec<Outgoing>| -> Vec<(String, Bytes)> {
        messages.into_iter().map(|message| (message.subject, message.payload)).collect()
    };
    assert_eq!(flat(play_dry(60)), flat(play_dry(60)));
}

#[test]
fn every_story_moves_within_twelve_beats_and_no_beat_is_a_flood() {
    let subjects: BTreeSet<String> = play_dry(12).into_iter().map(|message| message.subject).collect();
    let expected = [
        "activity",
        "catalog.bundles",
        "catalog.products",
        "employeeUpdated.1",
        "employeeUpdated.2",
        "employeeUpdated.3",
        "matches.m-1",
        "matches.m-2",
        "orders",
    ];
    assert_eq!(subjects.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let world = World::load();
    assert!((0..200).all(|number| (1..=7).contains(&beat(&world, number).len())));
}

#[test]
fn the_employee_event_is_the_one_the_issue_shows() {
    let first = play_dry(1).into_iter().find(|message| message.subject == "employeeUpdated.1").unwrap();
    assert_eq!(first.payload, Bytes::from_static(br#"{"__typename":"Employee","id":1}"#));
}
