//! Records that we write: where they go, what goes along, and what is said when they do not.

use super::*;
use proxy::PRODUCE;
use server::shared;

#[tokio::test]
async fn a_key_goes_to_the_partition_that_every_client_gives_it() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("keys", 3).await;
    let metrics = Metrics::default();
    let broker = KafkaBroker::connect(options(server), &metrics).await.expect("options are right");
    let mut source = broker.subscribe(subscribe(&["keys"])).await.expect("subscribes");
    let keys = ["21", "foobar", "abc", "order-1", "é"];
    let lines: String = keys.iter().map(|key| format!("{key}:java\n")).collect();
    let arguments = [
        ["--topic", "keys"],
        ["--reader-property", "parse.key=true"],
        ["--reader-property", "key.separator=:"],
    ];
    server.tool("org.apache.kafka.tools.ConsoleProducer", arguments.as_flattened(), &lines).await;
    for key in keys {
        let outgoing = Outgoing { key: Some(key.into()), ..Outgoing::new("keys", "ours") };
        broker.publish(outgoing).await.expect("publishes");
    }
    let messages = take(&mut source, 2 * keys.len()).await;
    for key in keys {
        let of_key = |m: &&Message| m.key.as_deref() == Some(key.as_bytes());
        let places: Vec<u32> = messages.iter().filter(of_key).map(|m| m.position.partition).collect();
        assert_eq!(places.len(), 2, "{key}");
        assert_eq!(places[0], places[1], "{key}: Java's and ours");
        assert_eq!(places[0] as usize, partitioner::of_key(key.as_bytes(), 3), "{key}");
    }
    assert!(metrics.render().contains("messages_published_total{family=\"kafka\",provider=\"default\"} 5\n"));
}

#[tokio::test]
async fn headers_go_along_and_records_without_a_key_take_turns() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("headers", 3).await;
    let broker = connect(options(server)).await;
    let mut source = broker.subscribe(subscribe(&["headers"])).await.expect("subscribes");
    let headers = vec![("trace".to_owned(), "1".to_owned()), ("empty".to_owned(), String::new())];
    for n in 0..3 {
        let outgoing = Outgoing { headers: headers.clone(), ..Outgoing::new("headers", n.to_string()) };
        broker.publish(outgoing).await.expect("publishes");
    }
    let messages = take(&mut source, 3).await;
    assert_eq!(by_partition(&messages).len(), 3, "one in each");
    for message in &messages {
        // Sorted, as rskafka keeps them.
        assert_eq!(message.headers, [headers[1].clone(), headers[0].clone()]);
        assert_eq!(message.key, None);
    }
    let mut null = publisher::record(&Outgoing::new("headers", "")).expect("a record");
    null.value = None;
    let partition = writer.partition("headers", 0).await;
    partition.produce(vec![null], Compression::NoCompression).await.expect("writes");
    assert!(take(&mut source, 1).await[0].payload.is_empty(), "a null value is an empty payload");
}

#[tokio::test]
async fn what_the_broker_does_not_take_is_refused_with_its_reason() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("refused", 1).await;
    let broker = connect(options(server)).await;
    let large = broker.publish(Outgoing::new("refused", vec![b'x'; 2 << 20])).await;
    assert!(
        matches!(&large, Err(BrokerError::Refused(text)) if text.contains("max.message.bytes")),
        "{large:?}"
    );
    broker.publish(Outgoing::new("refused", "small")).await.expect("and the next one goes");
    let missing = broker.publish(Outgoing::new("refused.missing", "")).await;
    assert!(
        matches!(&missing, Err(BrokerError::Refused(text)) if text.contains("`refused.missing` does not exist")),
        "{missing:?}"
    );
    assert!(!writer.topics().await.contains(&"refused.missing".to_owned()));

    let unaware = connect(Options { metadata_interval: PATIENCE * 10, ..options(server) }).await;
    unaware.publish(Outgoing::new("refused", "small")).await.expect("it is connected");
    writer.create("refused.not", 1).await;
    unaware
        .publish(Outgoing::new("refused.not", ""))
        .await
        .expect("a new topic is found when it is asked for");
}

#[tokio::test]
async fn a_leader_that_falls_silent_is_dialled_anew() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("silent", 1).await;
    let proxy = Proxy::start(server).await;
    let patient = connect(through(&proxy, server)).await;
    let broker = connect(Options { timeout: Duration::from_secs(3), ..through(&proxy, server) }).await;
    for broker in [&broker, &patient] {
        until("it publishes", async || broker.publish(Outgoing::new("silent", "1")).await.is_ok()).await;
    }
    proxy.freeze(PRODUCE);
    // A connection that was used just now is not asked for a sign of life, so this record may be given to it.
    drop(broker.publish(Outgoing::new("silent", "2")).await);
    broker.publish(Outgoing::new("silent", "3")).await.expect("the next one goes");
    // This connection has been quiet since, and is asked.
    patient.publish(Outgoing::new("silent", "4")).await.expect("nothing is given to it");
}
