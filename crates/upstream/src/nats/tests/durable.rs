//! Durable consumers: what was not acknowledged comes again, what was does not, and each router has its own.

use super::*;

#[tokio::test]
async fn what_was_published_while_nobody_read_is_resumed() {
    let orders = Orders::start().await;
    let subscribe = || at_orders(Some("router"), &["orders.a"]);
    for restarted in [false, true] {
        let mut broker = orders.broker().await;
        let mut source = broker.subscribe(subscribe()).await.expect("subscribes");
        orders.fill("orders.a", 0..3).await;
        assert_eq!(payloads(&take_acked(&mut source, 3).await), numbers(0..3));
        drop(source);
        if restarted {
            broker.close().await;
            drop(broker);
            broker = orders.broker().await;
        }
        orders.fill("orders.a", 3..5).await;
        let mut source = broker.subscribe(subscribe()).await.expect("subscribes");
        assert_eq!(payloads(&take_acked(&mut source, 2).await), numbers(3..5), "restarted: {restarted}");
        drop(source);
        broker.close().await;
    }
    let names = orders.consumer_names().await;
    assert!(names.len() == 1 && names[0].starts_with("router-"), "{names:?}");
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_in_order() {
    for retention in [Retention::Limits, Retention::Interest, Retention::WorkQueue] {
        let orders = Orders::start().await;
        orders.jetstream.delete_stream("ORDERS").await.expect("deletes");
        orders.create(retention).await;
        // The only one that a work queue takes.
        let start = match retention {
            Retention::WorkQueue => crate::Start::Earliest,
            _ => crate::Start::Latest,
        };
        let broker = connect(Options { start, ..orders.options() }).await;
        let subscribe = || at_orders(Some("router"), &["orders.a"]);
        let mut source = broker.subscribe(subscribe()).await.expect("subscribes");
        orders.fill("orders.a", 0..10).await;
        let messages = take(&mut source, 10).await;
        source.ack(messages[3].position).await;
        drop(source);
        orders.fill("orders.a", 10..12).await;
        let mut source = broker.subscribe(subscribe()).await.expect("subscribes");
        let messages = take_acked(&mut source, 8).await;
        assert_eq!(payloads(&messages), numbers(4..12), "{retention:?}");
        assert_eq!(orders.consumer_names().await.len(), 1, "no stand-in is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_come_and_go_miss_nothing_and_see_nothing_acknowledged_twice() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let subscribe = || at_orders(Some("router"), &["orders.a"]);
    let mut source = broker.subscribe(subscribe()).await.expect("subscribes");
    for n in 0..60 {
        // At every point of a leave: in front of it, while it is not told to the server yet, and behind it.
        match n % 3 {
            0 => {
                orders.fill("orders.a", n..n + 1).await;
                drop(source);
                source = broker.subscribe(subscribe()).await.expect("subscribes");
            }
            1 => {
                drop(source);
                orders.fill("orders.a", n..n + 1).await;
                source = broker.subscribe(subscribe()).await.expect("subscribes");
            }
            _ => {
                drop(source);
                source = broker.subscribe(subscribe()).await.expect("subscribes");
                orders.fill("orders.a", n..n + 1).await;
            }
        }
        assert_eq!(payloads(&take_acked(&mut source, 1).await), [n.to_string()]);
    }
}

#[tokio::test]
async fn an_opening_that_fails_between_delete_and_create_loses_nothing() {
    let users = |may_not: &str| {
        format!(
            r#"authorization {{ users = [
                {{ user: operator, password: p }}
                {{ user: router, password: p, permissions: {{ publish: {{ deny: "{may_not}" }} }} }}
            ] }}"#
        )
    };
    let config = users("$JS.API.CONSUMER.CREATE.>");
    let server = Server::start_streams(&config).await;
    let orders = Orders::with(server, "operator").await;
    let subscribe = || at_orders(Some("router"), &["orders.a"]);
    let crashed = connect(orders.options_as("operator")).await;
    let mut source = crashed.subscribe(subscribe()).await.expect("subscribes");
    orders.fill("orders.a", 0..5).await;
    let messages = take(&mut source, 5).await;
    source.ack(messages[1].position).await;
    drop(source);
    // Returns once the server has the acknowledgement.
    crashed.close().await;
    drop(crashed);
    let broker = connect(orders.options_as("router")).await;
    let refused = broker.subscribe(subscribe()).await.err();
    assert!(matches!(refused, Some(BrokerError::Refused(_))), "{refused:?}");
    assert!(orders.consumer_names().await.is_empty(), "it was deleted");
    orders.fill("orders.a", 5..7).await;
    orders.server.reload(&users("nothing"));
    let mut opened = None;
    until("it may create again", async || {
        opened = broker.subscribe(subscribe()).await.ok();
        opened.is_some()
    })
    .await;
    let mut source = opened.expect("it is there");
    assert_eq!(payloads(&take_acked(&mut source, 5).await), numbers(2..7));
}

#[tokio::test]
async fn each_router_gets_every_message() {
    let orders = Orders::start().await;
    let mut sources = Vec::new();
    for instance in ["router-1:4000", "router-2:4000", "router-1:4001"] {
        let broker = connect(Options { instance: instance.into(), ..orders.options() }).await;
        sources.push(broker.subscribe(at_orders(Some("router"), &["orders.a"])).await.expect("subscribes"));
    }
    orders.fill("orders.a", 0..20).await;
    for source in &mut sources {
        assert_eq!(payloads(&take(source, 20).await), numbers(0..20));
    }
    assert_eq!(orders.consumer_names().await.len(), 3);
}

#[tokio::test]
async fn close_deletes_durable_consumers_or_keeps_them() {
    let orders = Orders::start().await;
    for (delete_durables_on_close, left) in [(false, 2), (true, 0)] {
        let broker = connect(Options { delete_durables_on_close, ..orders.options() }).await;
        let mut sources = Vec::new();
        for subject in ["orders.a", "orders.b"] {
            sources.push(broker.subscribe(at_orders(Some("router"), &[subject])).await.expect("subscribes"));
        }
        drop(sources);
        broker.close().await;
        assert_eq!(orders.consumer_names().await.len(), left);
    }
}

#[tokio::test]
async fn a_consumer_is_made_as_the_schema_says() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut subscribe = at_orders(Some("router"), &["orders.a"]);
    if let Feed::Stream(stream) = &mut subscribe.feed {
        stream.consumer_inactive_threshold_seconds = 45;
    }
    let _source = broker.subscribe(subscribe).await.expect("subscribes");
    let consumer = orders.consumers().await.remove(0).config;
    assert_eq!(consumer.inactive_threshold, Duration::from_secs(45));
    assert_eq!(consumer.filter_subject, "orders.a", "as servers before 2.10 know it");
    assert_eq!(consumer.max_ack_pending, -1, "only our own bounds hold a source back");
    assert_eq!(consumer.description.as_deref(), Some("tidegate router-1:4000"));
}
