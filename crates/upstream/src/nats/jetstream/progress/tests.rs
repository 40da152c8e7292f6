//! The judgement on messages, and where a consumer begins again, without a server.

use super::*;
use async_nats::datetime::from_nanos;

fn at(seconds: i128) -> DateTime {
    from_nanos(seconds * 1_000_000_000).expect("a time")
}

/// The same, within the first hour, as the server writes it.
fn text(seconds: i128) -> String {
    format!("1970-01-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60)
}

fn state(last_sequence: u64, last: i128) -> stream::State {
    serde_json::from_value(serde_json::json!({
        "messages": 0, "bytes": 0, "consumer_count": 0, "first_seq": 1, "last_seq": last_sequence,
        "first_ts": text(0), "last_ts": text(last),
    }))
    .expect("a state")
}

fn consumer(created: i128, delivered: (u64, u64), floor: u64, waiting: usize) -> consumer::Info {
    serde_json::from_value(serde_json::json!({
        "stream_name": "s", "name": "c", "created": text(created),
        "config": { "deliver_policy": "all", "ack_policy": "explicit", "replay_policy": "instant" },
        "delivered": { "consumer_seq": delivered.0, "stream_seq": delivered.1 },
        "ack_floor": { "consumer_seq": floor, "stream_seq": floor },
        "num_ack_pending": waiting, "num_redelivered": 0, "num_waiting": 0, "num_pending": 0,
    }))
    .expect("a consumer")
}

fn take(progress: &mut Progress, consumer_sequence: u64, sequence: u64) -> Judgement {
    let stored = at(i128::from(sequence) + 1_000);
    let delivery = Delivery { sequence, consumer_sequence, stored };
    progress.take(delivery, Some(Subject::from(format!("ack {sequence}"))))
}

/// A progress that has seen 11, 12 and 14, and acknowledged 11.
fn reading() -> Progress {
    let mut progress = Progress::new(None);
    progress.meet(at(1), &state(10, 900));
    progress.adopt(&consumer(2, (0, 10), 10, 0));
    for (consumer_sequence, sequence) in [(1, 11), (2, 12), (3, 14)] {
        assert_eq!(take(&mut progress, consumer_sequence, sequence), Judgement::New);
    }
    assert_eq!(progress.ack(11), [Subject::from("ack 11")]);
    progress
}

#[test]
fn what_comes_again_is_known_and_what_is_missing_is_missed() {
    let mut progress = reading();
    assert_eq!(take(&mut progress, 4, 12), Judgement::Known);
    assert_eq!(take(&mut progress, 5, 11), Judgement::Settled);
    assert_eq!(take(&mut progress, 7, 16), Judgement::Hole);
    assert_eq!(take(&mut progress, 6, 15), Judgement::New, "a hole is not taken note of");
    assert_eq!(progress.ack(13), [], "nobody was given that one");
    assert_eq!(progress.ack(14).len(), 2);
    assert_eq!(progress.ack(14), []);
}

#[test]
fn a_durable_consumer_begins_behind_what_was_acknowledged() {
    let progress = reading();
    assert_eq!(progress.begin(true), Begin::After(11));
    assert_eq!(progress.begin(false), Begin::After(14));
    for (fits, found) in [
        (true, consumer(2, (3, 14), 11, 2)),
        (false, consumer(2, (3, 14), 11, 3)),
        (false, consumer(2, (4, 15), 11, 3)),
        (false, consumer(3, (3, 14), 11, 2)),
    ] {
        assert_eq!(progress.fits(&found), fits, "{found:?}");
    }
}

#[test]
fn a_new_reader_begins_where_the_last_one_left() {
    // The server has heard of fewer acks than were given, or the memory is of another consumer.
    for (left, floor, begin) in [(Some((2, 14)), 11, 14), (Some((1, 14)), 11, 11), (None, 11, 11)] {
        let left = left.map(|(created, acked)| Left { consumer: at(created), acked });
        let mut progress = Progress::new(left);
        progress.meet(at(1), &state(20, 900));
        let found = consumer(2, (6, 17), floor, 3);
        assert!(!progress.fits(&found));
        progress.replace(&found);
        assert_eq!(progress.begin(true), Begin::After(begin));
    }
}

#[test]
fn another_stream_of_that_name_is_read_from_when_the_first_one_ended() {
    for (created, last_sequence) in [(3, 100), (3, 2), (1, 13)] {
        let mut progress = reading();
        progress.meet(at(created), &state(last_sequence, 2_000));
        let after = at(1_014) + Duration::from_nanos(1);
        assert_eq!(progress.begin(true), Begin::Since(after), "created {created}, up to {last_sequence}");
        assert!(progress.left().is_none());
        progress.adopt(&consumer(4, (0, 0), 0, 0));
        assert_eq!(take(&mut progress, 1, 1), Judgement::New);
        assert_eq!(progress.ack(14), [], "the first stream's messages have nobody to be told to");
        assert_eq!(progress.ack(1), [Subject::from("ack 1")]);
    }
    let mut empty = Progress::new(None);
    empty.meet(at(1), &state(0, 0));
    empty.adopt(&consumer(2, (0, 0), 0, 0));
    empty.meet(at(3), &state(5, 10));
    assert_eq!(empty.begin(false), Begin::Oldest);
}
