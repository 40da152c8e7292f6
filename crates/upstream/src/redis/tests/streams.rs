//! Redis Streams of one server: where a source begins, what breaks and loses nothing, what an entry becomes.

use super::*;
use crate::start::entry_id;

async fn add(server: &Server, key: &str, id: &str, payload: &str) -> String {
    server.call(&format!("XADD {key} {id} data {payload}")).await
}

fn at(id: &str) -> u128 {
    entry_id(id).expect("an entry id")
}

#[tokio::test]
async fn a_source_begins_where_it_was_told_to() {
    let server = Server::start().await;
    for id in ["1-1", "1-2", "2-0"] {
        add(&server, "log", id, id).await;
    }
    // Deleted entries count for where a stream ends.
    add(&server, "trimmed", "5-0", "old").await;
    server.call::<usize>("XTRIM trimmed MAXLEN 0").await;
    let table: [(Start, &str, &[&str]); 7] = [
        (Start::Latest, "log", &[]),
        (Start::Earliest, "log", &["1-1", "1-2", "2-0"]),
        (Start::At(at("1-2")), "log", &["1-2", "2-0"]),
        (Start::At(at("1-3")), "log", &["2-0"]),
        (Start::At(0), "log", &["1-1", "1-2", "2-0"]),
        (Start::Latest, "trimmed", &[]),
        (Start::Latest, "not yet", &[]),
    ];
    let mut sources = Vec::new();
    for (start, key, expected) in table {
        let broker = connect(Options { start, ..options(&server) }).await;
        sources.push((open(&broker, Feed::Log, &[key]).await, start, expected));
    }
    let mut connection = server.connection().await;
    for key in ["log", "trimmed", "not yet"] {
        let mut add = redis::cmd("XADD");
        add.arg(key).arg("9-9").arg("data").arg("9-9");
        add.query_async::<()>(&mut connection).await.expect("adds");
    }
    for (source, start, expected) in &mut sources {
        let messages = take(source, expected.len() + 1).await;
        assert_eq!(payloads(&messages), [*expected, &["9-9"]].concat(), "{start}");
        for message in &messages {
            assert_eq!(message.position.sequence, at(&String::from_utf8_lossy(&message.payload)));
        }
    }
}

#[tokio::test]
async fn keys_of_one_source_are_its_partitions() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Log, &["a", "b", "c"]).await;
    for n in 0..30 {
        let key = ["a", "b", "c"][n % 3];
        let headers = vec![("trace".to_owned(), n.to_string())];
        let message = Outgoing { headers, ..outgoing(Feed::Log, key, &format!("{n}")) };
        broker.publish(message).await.expect("publishes");
    }
    let messages = take(&mut source, 30).await;
    for (partition, key) in [(0, "a"), (1, "b"), (2, "c")] {
        let of_key: Vec<_> = messages.iter().filter(|m| &*m.subject == key).cloned().collect();
        let expected: Vec<String> =
            (0..30).skip(partition as usize).step_by(3).map(|n: usize| n.to_string()).collect();
        assert_eq!(payloads(&of_key), expected);
        assert!(of_key.iter().all(|m| m.position.partition == partition));
        assert!(of_key.is_sorted_by(|a, b| a.position < b.position));
        assert!(
            of_key
                .iter()
                .all(|m| m.headers == [("trace".to_owned(), payloads(std::slice::from_ref(m)).remove(0))])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_loses_and_repeats_nothing() {
    const COUNT: usize = 2_000;
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Log, &["log"]).await;
    let mut messages = Vec::new();
    let mut killed = 0;
    for n in 0..COUNT {
        add(&server, "log", "*", &n.to_string()).await;
        if n % 200 == 100 {
            killed += server.call::<usize>("CLIENT KILL TYPE normal SKIPME yes").await;
            messages.extend(take(&mut source, 1).await);
        }
    }
    messages.extend(take(&mut source, COUNT - messages.len()).await);
    assert_eq!(payloads(&messages), numbers(0..COUNT));
    assert!(killed >= 10, "only {killed} connections were cut");
    // What must not come twice would come before this.
    add(&server, "log", "*", "end").await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["end"]);
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    const COUNT: usize = 500;
    let server = Server::start().await;
    for (messages_max, bytes_max) in [(3, 1 << 20), (1_000, 20)] {
        server.call::<()>("FLUSHALL").await;
        let options =
            Options { source_messages_max: messages_max, source_bytes_max: bytes_max, ..options(&server) };
        let broker = connect(options).await;
        let mut source = open(&broker, Feed::Log, &["log"]).await;
        for n in 0..COUNT {
            broker.publish(outgoing(Feed::Log, "log", &n.to_string())).await.expect("publishes");
        }
        let mut messages = Vec::new();
        while messages.len() < COUNT {
            tokio::task::yield_now().await;
            let batch = take(&mut source, 1).await;
            assert!(batch.len() <= messages_max, "{}", batch.len());
            messages.extend(batch);
        }
        assert_eq!(payloads(&messages), numbers(0..COUNT));
        assert_eq!(source.dropped(), 0);
    }
}

#[tokio::test]
async fn what_is_no_stream_is_refused_and_what_ceases_to_be_one_ends() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    server.call::<()>("SET text x").await;
    for start in [Start::Latest, Start::Earliest] {
        let broker = connect(Options { start, ..options(&server) }).await;
        let refused = broker.subscribe(subscribe(Feed::Log, &["a", "text"])).await.err();
        assert!(
            matches!(&refused, Some(BrokerError::Refused(text)) if text.contains("WRONGTYPE")),
            "{refused:?}"
        );
    }
    let refused = broker.publish(outgoing(Feed::Log, "text", "{}")).await;
    assert!(matches!(&refused, Err(BrokerError::Refused(text)) if text.contains("WRONGTYPE")), "{refused:?}");
    let mut source = open(&broker, Feed::Log, &["log"]).await;
    server.call::<()>("SET log x").await;
    let end = tokio::time::timeout(PATIENCE, source.next()).await.expect("it ends");
    assert!(end.is_none() && source.end_reason().contains("WRONGTYPE"), "{}", source.end_reason());
}

#[tokio::test]
async fn an_entry_without_a_payload_field_is_the_event_itself() {
    let server = Server::start().await;
    let broker = broker(&server).await;
    let mut source = open(&broker, Feed::Log, &["log"]).await;
    server.call::<String>("XADD log * id 7 name a").await;
    server.call::<String>("XADD log * trace t payload {}").await;
    let messages = take(&mut source, 2).await;
    assert_eq!(payloads(&messages), [r#"{"id":"7","name":"a"}"#, "{}"]);
    assert_eq!(messages[1].headers, [("trace".to_owned(), "t".to_owned())]);
}
