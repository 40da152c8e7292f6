//! A cluster of three nodes: channels are heard from every node, keys are found on theirs.

use super::*;
use server::free_port;

/// Keys of slots that are spread over the three nodes.
const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

async fn cluster() -> [Server; 3] {
    let mut nodes = Vec::new();
    let mut bus_ports = Vec::new();
    for (index, slots) in ["0 5460", "5461 10922", "10923 16383"].into_iter().enumerate() {
        let bus_port = free_port().to_string();
        let node = Server::start_with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus_port,
            "--cluster-node-timeout",
            "5000",
        ])
        .await;
        node.call::<()>(&format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
        node.call::<()>(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await;
        nodes.push(node);
        bus_ports.push(bus_port);
    }
    for (node, bus_port) in nodes.iter().zip(&bus_ports).skip(1) {
        nodes[0].call::<()>(&format!("CLUSTER MEET 127.0.0.1 {} {bus_port}", node.port)).await;
    }
    for node in &nodes {
        until("the node sees the cluster", async || {
            let state = node.call::<String>("CLUSTER INFO").await;
            state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
        })
        .await;
    }
    nodes.try_into().unwrap_or_else(|_| panic!("three nodes"))
}

fn clustered(nodes: &[Server]) -> Options {
    let urls = nodes.iter().map(Server::url).collect();
    Options { urls, cluster: true, ..options(&nodes[0]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_one_broker() {
    let mut nodes = cluster().await;
    let broker = connect(clustered(&nodes[..1])).await;
    // Another router, on another node.
    let other = connect(clustered(&nodes[2..])).await;
    let mut source = open(&broker, Feed::Plain, &["news"]).await;
    let mut patterns = open(&broker, Feed::Patterns, &["n?ws"]).await;
    for n in 0..20 {
        publish(&other, "news", &n.to_string()).await;
    }
    for source in [&mut source, &mut patterns] {
        assert_eq!(payloads(&take(source, 20).await), numbers(0..20));
    }

    let homes = futures::future::join_all(nodes.iter().map(async |node| node.call::<usize>("DBSIZE").await));
    assert_eq!(homes.await, [0, 0, 0]);
    let mut log = open(&broker, Feed::Log, &KEYS).await;
    for n in 0..60 {
        let key = KEYS[n % KEYS.len()];
        other.publish(outgoing(Feed::Log, key, &n.to_string())).await.expect("publishes");
    }
    let messages = take(&mut log, 60).await;
    for (index, key) in KEYS.into_iter().enumerate() {
        let of_key: Vec<_> = messages.iter().filter(|m| &*m.subject == key).cloned().collect();
        assert_eq!(
            payloads(&of_key),
            (index..60).step_by(KEYS.len()).map(|n| n.to_string()).collect::<Vec<_>>()
        );
        assert!(of_key.iter().all(|m| m.position.partition as usize == index));
    }
    for node in &nodes {
        assert!(node.call::<usize>("DBSIZE").await > 0, "the keys are on every node");
    }

    // The slot of a key moves to another node: the writer follows while it moves, and the reader once it has.
    let moving = begin_move(&nodes, "a").await;
    for n in 60..80 {
        other.publish(outgoing(Feed::Log, "a", &n.to_string())).await.expect("publishes");
    }
    end_move(&nodes, moving).await;
    for n in 80..100 {
        other.publish(outgoing(Feed::Log, "a", &n.to_string())).await.expect("publishes");
    }
    assert_eq!(payloads(&take(&mut log, 40).await), numbers(60..100));

    // The node we are on dies: another one serves.
    let both = connect(clustered(&nodes[..2])).await;
    let mut source = open(&both, Feed::Plain, &["news"]).await;
    until_up(&both).await;
    nodes[0].stop();
    until("it is heard through the other node", async || nodes[1].listeners("news").await == 1).await;
    let heard: usize = nodes[1].call("PUBLISH news again").await;
    assert_eq!(heard, 1);
    assert_eq!(payloads(&take(&mut source, 1).await), ["again"]);
}

#[tokio::test]
async fn a_cluster_that_is_not_told_of_says_so() {
    let nodes = cluster().await;
    let broker = connect(options(&nodes[0])).await;
    until_up(&broker).await;
    let mut hints = 0;
    for key in KEYS {
        if let Err(error) = broker.publish(outgoing(Feed::Log, key, "{}")).await {
            assert!(matches!(&error, BrokerError::Refused(text) if text.contains("cluster")), "{error:?}");
            hints += 1;
        }
    }
    assert!(hints > 0);
}

/// A slot on its way: from which node to which.
struct Moving {
    slot: u16,
    from: usize,
    to: usize,
}

/// Moves the one key of a slot, as `redis-cli --cluster reshard` does. The slot itself is still the old node's.
async fn begin_move(nodes: &[Server; 3], key: &str) -> Moving {
    let slot: u16 = nodes[0].call(&format!("CLUSTER KEYSLOT {key}")).await;
    let from = usize::from(slot > 5_460) + usize::from(slot > 10_922);
    let to = (from + 1) % 3;
    let [from_id, to_id] = [node_id(&nodes[from]).await, node_id(&nodes[to]).await];
    nodes[to].call::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).await;
    nodes[from].call::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).await;
    nodes[from].call::<()>(&format!("MIGRATE 127.0.0.1 {} {key} 0 5000", nodes[to].port)).await;
    Moving { slot, from, to }
}

async fn end_move(nodes: &[Server; 3], Moving { slot, from, to }: Moving) {
    let to_id = node_id(&nodes[to]).await;
    for index in [to, from] {
        nodes[index].call::<()>(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).await;
    }
}

async fn node_id(node: &Server) -> String {
    node.call("CLUSTER MYID").await
}
