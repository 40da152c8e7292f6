//! Topics and partitions that come, go, and lose records while somebody is subscribed.

use super::*;
use proxy::FETCH;
use server::shared;

#[tokio::test]
async fn a_partition_added_later_is_read_from_its_beginning() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("added", 1).await;
    let slow = Options { metadata_interval: PATIENCE * 10, ..options(server) };
    for (options, hurried) in [(options(server), false), (slow, true)] {
        let broker = connect(options).await;
        let mut source = broker.subscribe(subscribe(&["added"])).await.expect("subscribes");
        let count = if hurried { "3" } else { "2" };
        let arguments = ["--alter", "--topic", "added", "--partitions", count];
        server.tool("org.apache.kafka.tools.TopicCommand", &arguments, "").await;
        let newest = count.parse::<i32>().expect("a number") - 1;
        // Written before the source can know of the partition.
        writer.write("added", newest, &["first".into(), "second".into()]).await;
        if hurried {
            broker.link.ask();
        }
        let messages = take(&mut source, 2).await;
        assert_eq!(payloads(&messages), ["first", "second"]);
        assert_eq!(messages[0].position, engine::event::Position { partition: newest as u32, sequence: 0 });
        writer.write("added", 0, &["old line".into()]).await;
        assert_eq!(payloads(&take(&mut source, 1).await), ["old line"]);
    }
}

#[tokio::test]
async fn a_topic_created_later_is_read_from_its_beginning_and_never_by_subscribing() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("later.a", 1).await;
    let broker = connect(options(server)).await;
    let mut source = broker.subscribe(subscribe(&["later.a", "later.b"])).await.expect("it stands");
    writer.write("later.a", 0, &["a".into()]).await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["a"]);
    let refused = broker.publish(Outgoing::new("later.b", "never")).await;
    assert!(
        matches!(&refused, Err(BrokerError::Refused(text)) if text.contains("`later.b` does not exist")),
        "{refused:?}"
    );
    assert!(!writer.topics().await.contains(&"later.b".to_owned()), "nobody has created it");
    writer.create("later.b", 1).await;
    writer.write("later.b", 0, &["b1".into(), "b2".into()]).await;
    let messages = take(&mut source, 2).await;
    assert_eq!(payloads(&messages), ["b1", "b2"]);
    assert_eq!(messages[0].position.partition, 1 << 16);
}

#[tokio::test]
async fn records_that_retention_took_first_are_told_as_lost() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("retention", 1).await;
    let broker = connect(Options { source_messages_max: 1, ..options(server) }).await;
    let mut source = broker.subscribe(subscribe(&["retention"])).await.expect("subscribes");
    // More than one read brings, so that the reader has to come back for them.
    let payload = "x".repeat(300_000);
    for n in 0..12 {
        writer.write("retention", 0, &[format!("{n} {payload}")]).await;
    }
    assert_eq!(take(&mut source, 1).await[0].position.sequence, 0);
    writer.partition("retention", 0).await.delete_records(11, 30_000).await.expect("deletes");
    let (mut seen, mut lost) = (1, 0);
    until("the last one comes", async || {
        let message = take(&mut source, 1).await.remove(0);
        lost += source.dropped();
        seen += 1;
        message.position.sequence == 11
    })
    .await;
    assert!(lost > 0, "the reader was overtaken");
    assert_eq!(seen + lost, 12, "each was seen or told as lost");
}

#[tokio::test]
async fn a_topic_made_anew_is_read_from_its_beginning() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("anew", 1).await;
    let broker = connect(options(server)).await;
    let mut source = broker.subscribe(subscribe(&["anew"])).await.expect("subscribes");
    writer.write("anew", 0, &numbers(0..5)).await;
    assert_eq!(take(&mut source, 5).await.len(), 5);
    writer.delete("anew").await;
    until("it is gone", async || !writer.topics().await.contains(&"anew".to_owned())).await;
    writer.create("anew", 1).await;
    writer.write("anew", 0, &["new".into()]).await;
    let message = take(&mut source, 1).await.remove(0);
    assert_eq!((&*message.payload, message.position.sequence), (&b"new"[..], 0));
}

#[tokio::test]
async fn a_log_that_was_cut_is_not_read_again_from_its_beginning() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("cut", 1).await;
    let proxy = Proxy::start(server).await;
    let broker = connect(through(&proxy, server)).await;
    let mut source = broker.subscribe(subscribe(&["cut"])).await.expect("subscribes");
    writer.write("cut", 0, &numbers(0..5)).await;
    assert_eq!(take(&mut source, 5).await.len(), 5);
    // One broker elects no leader that lacks records. What it would leave: a log that ends before our offset.
    proxy.hold(Some(FETCH));
    writer.delete("cut").await;
    until("it is gone", async || !writer.topics().await.contains(&"cut".to_owned())).await;
    writer.create("cut", 1).await;
    writer.write_old("cut", &numbers(0..3)).await;
    writer.write("cut", 0, &["since".into()]).await;
    proxy.hold(None);
    let message = take(&mut source, 1).await.remove(0);
    assert_eq!((&*message.payload, message.position.sequence), (&b"since"[..], 3));
    writer.write("cut", 0, &["next".into()]).await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["next"]);
}
