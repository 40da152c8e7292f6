//! What is written arrives: whole, in order, from where the source begins.

use super::*;
use futures::FutureExt;
use proxy::LIST_OFFSETS;
use server::shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_over_three_partitions_arrives_whole_and_in_order() {
    const COUNT: usize = 2_000;
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("burst", 3).await;
    let metrics = Metrics::default();
    let broker = KafkaBroker::connect(options(server), &metrics).await.expect("options are right");
    let mut source = broker.subscribe(subscribe(&["burst"])).await.expect("subscribes");
    for partition in 0..3 {
        let first = usize::try_from(partition).expect("small") * COUNT;
        for batch in numbers(first..first + COUNT).chunks(173) {
            writer.write("burst", partition, batch).await;
        }
    }
    let messages = take(&mut source, 3 * COUNT).await;
    let expected: BTreeMap<u32, Vec<String>> =
        (0..3).map(|at| (at as u32, numbers(at * COUNT..(at + 1) * COUNT))).collect();
    assert_eq!(by_partition(&messages), expected);
    assert_eq!(source.dropped(), 0);
    assert!(
        metrics.render().contains("messages_received_total{family=\"kafka\",provider=\"default\"} 6000\n")
    );
}

#[tokio::test]
async fn nothing_is_missed_between_subscribing_and_reading() {
    let server = shared();
    let writer = Writer::connect(server).await;
    let broker = connect(options(server)).await;
    for n in 0..15 {
        let topic = format!("missed.{n}");
        writer.create(&topic, 2).await;
        writer.write(&topic, 0, &["before".into()]).await;
        let mut source = broker.subscribe(subscribe(&[&topic])).await.expect("subscribes");
        writer.write(&topic, 0, &["after".into()]).await;
        assert_eq!(payloads(&take(&mut source, 1).await), ["after"]);
    }
}

#[tokio::test]
async fn a_source_begins_where_it_is_told_to() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("start", 1).await;
    writer.write("start", 0, &numbers(0..10)).await;
    writer.partition("start", 0).await.delete_records(3, 30_000).await.expect("deletes");
    for (start, first) in [
        (Start::Latest, 10),
        (Start::Earliest, 3),
        (Start::At(7), 7),
        // Before the first and after the last there is.
        (Start::At(1), 3),
        (Start::At(u128::MAX), 10),
    ] {
        let broker = connect(Options { start, ..options(server) }).await;
        let mut source = broker.subscribe(subscribe(&["start"])).await.expect("subscribes");
        if first == 10 {
            let end = writer.partition("start", 0).await;
            let end = end.get_offset(rskafka::client::partition::OffsetAt::Latest).await.expect("answers");
            writer.write("start", 0, &["next".into()]).await;
            let message = take(&mut source, 1).await.remove(0);
            assert_eq!(
                (message.position.sequence, &*message.payload),
                (end as u128, &b"next"[..]),
                "{start}"
            );
        } else {
            let messages = take(&mut source, 10 - first).await;
            assert_eq!(payloads(&messages)[..10 - first], numbers(first..10), "{start}");
            assert_eq!(messages[0].position.sequence, first as u128, "{start}");
        }
    }
}

#[tokio::test]
async fn several_topics_are_one_source_with_a_partition_number_for_each_line() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("topics.a", 1).await;
    writer.create("topics.b", 2).await;
    let broker = connect(options(server)).await;
    let mut source = broker.subscribe(subscribe(&["topics.a", "topics.b"])).await.expect("subscribes");
    for (topic, partition) in [("topics.a", 0), ("topics.b", 0), ("topics.b", 1)] {
        writer.write(topic, partition, &[format!("{topic}/{partition}")]).await;
    }
    let mut messages = take(&mut source, 3).await;
    messages.sort_by_key(|message| message.position);
    let lines: Vec<_> = messages.iter().map(|m| (m.position.partition, &*m.subject)).collect();
    assert_eq!(lines, [(0, "topics.a"), (1 << 16, "topics.b"), (1 << 16 | 1, "topics.b")]);
    assert_eq!(payloads(&messages), ["topics.a/0", "topics.b/0", "topics.b/1"]);
}

#[tokio::test]
async fn a_slow_reader_with_little_room_loses_nothing() {
    const COUNT: usize = 600;
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("slow", 2).await;
    let broker = connect(Options { source_messages_max: 3, source_bytes_max: 200, ..options(server) }).await;
    let request = Subscribe { batch_events_max: 2, ..subscribe(&["slow"]) };
    let mut source = broker.subscribe(request).await.expect("subscribes");
    writer.write("slow", 0, &numbers(0..COUNT)).await;
    writer.write("slow", 1, &numbers(COUNT..2 * COUNT)).await;
    let mut messages = Vec::new();
    while messages.len() < 2 * COUNT {
        // A trigger drops the future when another turn comes first.
        messages.extend(source.next().now_or_never().flatten().into_iter().flatten());
        if messages.len() < 2 * COUNT {
            messages.extend(take(&mut source, 1).await);
        }
        tokio::task::yield_now().await;
    }
    let lines = by_partition(&messages);
    assert_eq!((lines[&0].len() + lines[&1].len(), source.dropped()), (2 * COUNT, 0));
}

#[tokio::test]
async fn what_producers_compressed_is_read() {
    let server = shared();
    let writer = Writer::connect(server).await;
    let broker = connect(options(server)).await;
    for codec in ["gzip", "lz4", "snappy", "zstd"] {
        let topic = format!("compressed.{codec}");
        writer.create(&topic, 1).await;
        let mut source = broker.subscribe(subscribe(&[&topic])).await.expect("subscribes");
        let lines = numbers(0..50).join("\n") + "\n";
        let arguments = ["--topic", &topic, "--compression-codec", codec];
        server.tool("org.apache.kafka.tools.ConsoleProducer", &arguments, &lines).await;
        assert_eq!(payloads(&take(&mut source, 50).await), numbers(0..50), "{codec}");
    }
}

#[tokio::test]
async fn markers_of_transactions_are_no_events_and_no_losses() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("transactions", 1).await;
    // Short reads come back empty while a transaction is open, with its records there and not to be seen yet.
    let broker = connect(Options { fetch_max_wait: Duration::from_millis(20), ..options(server) }).await;
    let mut source = broker.subscribe(subscribe(&["transactions"])).await.expect("subscribes");
    let arguments = [
        ["--topic", "transactions"],
        ["--num-records", "40"],
        ["--record-size", "16"],
        ["--throughput", "50"],
        ["--transactional-id", "t"],
        ["--transaction-duration-ms", "150"],
    ];
    server.tool("org.apache.kafka.tools.ProducerPerformance", arguments.as_flattened(), "").await;
    writer.write("transactions", 0, &["plain".into()]).await;
    let messages = take(&mut source, 41).await;
    let last = &messages[40];
    assert_eq!((&*last.payload, source.dropped()), (&b"plain"[..], 0));
    assert!(last.position.sequence > 41, "there are markers in between: {:?}", last.position);
}

#[tokio::test]
async fn a_transaction_that_is_settled_between_two_looks_loses_nothing() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("looks", 1).await;
    let proxy = Proxy::start(server).await;
    let options = Options { fetch_max_wait: Duration::from_millis(20), ..through(&proxy, server) };
    let broker = connect(options).await;
    let mut source = broker.subscribe(subscribe(&["looks"])).await.expect("subscribes");
    // The reader sees that there is something, and its question how far it is settled waits until all of it is.
    proxy.hold(Some(LIST_OFFSETS));
    let asked = proxy.seen(LIST_OFFSETS);
    let arguments = [
        ["--topic", "looks"],
        ["--num-records", "20"],
        ["--record-size", "16"],
        ["--throughput", "20"],
        ["--transactional-id", "looks"],
        ["--transaction-duration-ms", "60000"],
    ];
    server.tool("org.apache.kafka.tools.ProducerPerformance", arguments.as_flattened(), "").await;
    assert_eq!(proxy.seen(LIST_OFFSETS), asked + 1, "the open transaction was seen");
    // A commit is answered before its marker is written.
    let partition = writer.partition("looks", 0).await;
    let end = async || partition.get_offset(rskafka::client::partition::OffsetAt::Latest).await;
    until("it is settled", async || end().await.expect("answers") == 21).await;
    proxy.hold(None);
    writer.write("looks", 0, &["plain".into()]).await;
    let messages = take(&mut source, 21).await;
    assert_eq!((&*messages[20].payload, messages[20].position.sequence), (&b"plain"[..], 21));
    assert_eq!((messages[0].position.sequence, source.dropped()), (0, 0));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_counted_and_the_next_ones_come() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("unreadable", 1).await;
    let broker = connect(options(server)).await;
    let mut source = broker.subscribe(subscribe(&["unreadable"])).await.expect("subscribes");
    writer.write("unreadable", 0, &["before".into()]).await;
    // A header without a value is legal, and rskafka cannot read it.
    let arguments = [
        ["--topic", "unreadable"],
        ["--reader-property", "parse.headers=true"],
        ["--reader-property", "null.marker=NULL"],
    ];
    server.tool("org.apache.kafka.tools.ConsoleProducer", arguments.as_flattened(), "h:NULL\tbad\n").await;
    writer.write("unreadable", 0, &["after".into()]).await;
    assert_eq!(payloads(&take(&mut source, 2).await), ["before", "after"]);
    assert_eq!(source.dropped(), 1);
}
