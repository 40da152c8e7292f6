//! Partitions without a leader and topics out of sight when somebody subscribes: the proxy edits the broker's answers.

use super::*;
use server::shared;

/// How an answer's topic of one partition begins, with this leader: its name, that it is not internal, one partition,
/// no error, its number, its leader.
fn one_partition(topic: &str, leader: i32) -> Vec<u8> {
    let [none, one] = [0, 1].map(i32::to_be_bytes);
    [topic.as_bytes(), &[0], &one, &[0, 0], &none, &leader.to_be_bytes()].concat()
}

#[tokio::test]
async fn a_partition_without_a_leader_holds_nobody_up() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("leaderless.a", 1).await;
    writer.create("leaderless.b", 1).await;
    writer.write_old("leaderless.b", &["before".into()]).await;
    let proxy = Proxy::start(server).await;
    let broker = connect(Options { timeout: Duration::from_secs(8), ..through(&proxy, server) }).await;
    until("it is connected", async || broker.status() == BrokerStatus::Up).await;
    proxy.edit(one_partition("leaderless.b", 1), one_partition("leaderless.b", -1));
    let alone = broker.subscribe(subscribe(&["leaderless.b"])).await.err();
    assert!(
        matches!(&alone, Some(BrokerError::Unavailable(text)) if text.contains("`leaderless.b` partition 0")),
        "{alone:?}"
    );
    let mut source = broker.subscribe(subscribe(&["leaderless.a", "leaderless.b"])).await.expect("opens");
    writer.write("leaderless.a", 0, &["a".into()]).await;
    assert_eq!(payloads(&take(&mut source, 1).await), ["a"]);
    writer.write("leaderless.b", 0, &["b".into()]).await;
    proxy.unedit();
    assert_eq!(payloads(&take(&mut source, 1).await), ["b"], "and nothing from before");
}

#[tokio::test]
async fn a_topic_that_comes_into_sight_later_is_read_from_the_time_of_subscribing() {
    let server = shared();
    let writer = Writer::connect(server).await;
    writer.create("hidden.a", 1).await;
    writer.write_old("hidden.a", &numbers(0..3)).await;
    let proxy = Proxy::start(server).await;
    proxy.edit(b"hidden.a".to_vec(), b"hidden.b".to_vec());
    for (start, expected) in
        [(Start::Latest, ["3", "4"]), (Start::At(1), ["1", "2"]), (Start::Earliest, ["0", "1"])]
    {
        let slow = Options { metadata_interval: PATIENCE * 10, start, ..through(&proxy, server) };
        let broker = connect(slow).await;
        let mut source = broker.subscribe(subscribe(&["hidden.a"])).await.expect("it stands");
        if start == Start::Latest {
            writer.write("hidden.a", 0, &numbers(3..5)).await;
        }
        proxy.unedit();
        // It is missed, so the topics are read every few seconds all the same.
        assert_eq!(payloads(&take(&mut source, 2).await)[..2], expected, "{start}");
        proxy.edit(b"hidden.a".to_vec(), b"hidden.b".to_vec());
    }
}
