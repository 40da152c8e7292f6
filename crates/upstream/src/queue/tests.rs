//! Both bounds, both ways to meet them, and the end.

use super::*;
use crate::metrics::Metrics;
use bytes::Bytes;

fn message(sequence: u128, bytes: usize) -> Message {
    let payload = Bytes::from(vec![b'x'; bytes]);
    let position = Position { partition: 0, sequence };
    Message { subject: "s".into(), key: None, payload, headers: Vec::new(), position }
}

fn bounded(messages_max: usize, bytes_max: usize) -> (Feeder, Queue) {
    let metrics = Metrics::default().provider("f", "p");
    queue("p", &["s".to_owned()], metrics, Bounds { messages_max, bytes_max }, 8)
}

#[tokio::test]
async fn what_finds_no_room_is_dropped_counted_and_told() {
    for (messages_max, bytes_max) in [(3, 1 << 20), (1_000, 33)] {
        let (feeder, mut queue) = bounded(messages_max, bytes_max);
        (1..=5).for_each(|sequence| feeder.offer(message(sequence, 10)));
        let batch = queue.next().await.expect("a batch");
        let kept: Vec<u128> = batch.iter().map(|message| message.position.sequence).collect();
        assert_eq!(kept, [1, 2, 3], "bounds {messages_max} {bytes_max}");
        assert_eq!((queue.dropped(), queue.dropped()), (2, 0));
        feeder.offer(message(6, 10));
        assert_eq!(queue.next().await.expect("room again")[0].position.sequence, 6);
    }
}

#[tokio::test]
async fn what_can_wait_waits_and_nothing_is_lost() {
    let (feeder, mut queue) = bounded(2, 25);
    let filler = tokio::spawn(async move {
        for sequence in 1..=100 {
            assert!(feeder.put(message(sequence, 10)).await);
        }
    });
    let mut seen = Vec::new();
    while let Some(batch) = queue.next().await {
        assert!(batch.len() <= 2);
        seen.extend(batch.iter().map(|message| message.position.sequence));
    }
    filler.await.expect("puts all");
    assert_eq!(seen, (1..=100).collect::<Vec<u128>>());
    assert_eq!(queue.dropped(), 0);
}

#[tokio::test]
async fn a_message_over_the_whole_bound_passes_alone() {
    let (feeder, mut queue) = bounded(10, 5);
    assert!(feeder.put(message(1, 100)).await);
    assert_eq!(queue.next().await.expect("a batch").len(), 1);
    feeder.offer(message(2, 100));
    assert_eq!(queue.next().await.expect("a batch").len(), 1);
}

#[tokio::test]
async fn a_source_that_is_gone_lets_its_feeder_go_and_an_end_has_a_reason() {
    let (feeder, queue) = bounded(1, 100);
    assert!(feeder.put(message(1, 1)).await);
    drop(queue);
    assert!(!feeder.put(message(2, 1)).await);
    feeder.closed().await;

    let (feeder, mut queue) = bounded(1, 100);
    feeder.end("it was denied");
    drop(feeder);
    assert!(queue.next().await.is_none());
    assert_eq!(queue.end_reason(), "it was denied");
}
