//! Ids and timers of a shard.
//! Owns no socket; the loop is tested through a whole server.

use super::ConnectionId;
use super::deadlines::Deadlines;
use super::members::Members;
use engine::outbox::{MemberId, ShardId};
use std::collections::HashSet;

const CONNECTION: ConnectionId = ConnectionId { slot: 0, generation: 1 };

fn insert(members: &mut Members) -> MemberId {
    members.insert(CONNECTION, "id", [].into()).unwrap().0
}

#[test]
fn a_members_id_is_never_given_again() {
    let mut shards = [Members::new(ShardId(0)), Members::new(ShardId(1))];
    let mut seen = HashSet::new();
    for round in 0..1_000 {
        for members in &mut shards {
            let id = insert(members);
            assert!(seen.insert(id), "{id:?} came twice");
            if round % 3 != 0 {
                assert!(members.remove(id).is_some());
                assert!(members.find(id).is_none() && members.remove(id).is_none());
            }
        }
    }
    assert_eq!(shards.map(|members| members.len()), [334, 334]);
}

#[test]
fn a_late_id_does_not_find_the_slots_new_owner() {
    let mut members = Members::new(ShardId(0));
    let first = insert(&mut members);
    members.remove(first);
    let second = insert(&mut members);
    assert!(members.find(first).is_none());
    assert!(members.find(second).is_some());
}

#[test]
fn deadlines_come_in_their_tick_or_within_the_wheels_reach() {
    for wait in [0u64, 1, 5, 62, 63, 64, 1_000] {
        let mut deadlines = Deadlines::new();
        for _ in 0..10 {
            deadlines.advance();
        }
        deadlines.ask(CONNECTION, deadlines.now() + wait);
        let expected = wait.clamp(1, 63);
        for tick in 1..=200 {
            let due = deadlines.advance();
            assert_eq!(due.contains(&CONNECTION), tick == expected, "wait {wait}, tick {tick}");
        }
    }
}
