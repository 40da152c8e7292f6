//! What happens to JetStream sources when a stream, a consumer or the server goes: nothing is lost.

use super::*;
use std::collections::BTreeSet;

/// Takes until all of these numbers were there, acknowledging; at least once is allowed.
async fn take_all(source: &mut Box<dyn Source>, numbers: std::ops::Range<u32>) {
    let mut missing: BTreeSet<String> = numbers.map(|n| n.to_string()).collect();
    while !missing.is_empty() {
        for payload in payloads(&take_acked(source, 1).await) {
            missing.remove(&payload);
        }
    }
}

#[tokio::test]
async fn a_missing_stream_is_refused_with_the_way_out() {
    let orders = Orders::start().await;
    let without = Server::start().await;
    orders.jetstream.delete_stream("ORDERS").await.expect("deletes");
    for (server, told) in [(&orders.server, "nats stream add ORDERS"), (&without, "with `-js`")] {
        let broker = broker(server).await;
        for consumer in [None, Some("router")] {
            let refused = broker.subscribe(at_orders(consumer, &["orders.a"])).await.err();
            let told = |text: &String| text.contains(told) && text.contains("`ORDERS`");
            assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_consumer_that_the_server_refuses_is_told() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let refused = broker.subscribe(at_orders(Some("router"), &["orders.*", "orders.a"])).await.err();
    let told = |text: &String| text.contains("create its consumer of the stream `ORDERS`: ");
    assert!(matches!(&refused, Some(BrokerError::Refused(text)) if told(text)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_is_killed() {
    let mut orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut plain = broker.subscribe(at_orders(None, &["orders.a"])).await.expect("subscribes");
    let mut durable = broker.subscribe(at_orders(Some("router"), &["orders.a"])).await.expect("subscribes");
    for round in 0..3 {
        let from = round * 1_000;
        orders.fill("orders.a", from..from + 400).await;
        let taken = take_acked(&mut durable, 100).await.len();
        orders.server.stop();
        until("down is seen", async || matches!(broker.status(), BrokerStatus::Down { .. })).await;
        orders.server.start_again().await;
        // Some of it before the sources are back.
        orders.fill("orders.a", from + 400..from + 800).await;
        let taken = u32::try_from(taken).expect("small");
        take_all(&mut durable, from + taken..from + 800).await;
        let messages = take(&mut plain, 800).await;
        assert_eq!(payloads(&messages), numbers(from..from + 800), "each once and in order");
    }
}

#[tokio::test]
async fn a_consumer_deleted_behind_our_back_is_made_again() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    for consumer in [None, Some("router")] {
        let mut source = broker.subscribe(at_orders(consumer, &["orders.a"])).await.expect("subscribes");
        for from in [0, 20, 40] {
            orders.fill("orders.a", from..from + 10).await;
            let messages = take(&mut source, 10).await;
            assert_eq!(payloads(&messages), numbers(from..from + 10));
            // Half of it is acknowledged when the consumer goes.
            source.ack(messages[4].position).await;
            for name in orders.consumer_names().await {
                orders.stream().await.delete_consumer(&name).await.expect("deletes");
            }
            orders.fill("orders.a", from + 10..from + 20).await;
            let messages = take_acked(&mut source, 10).await;
            assert_eq!(payloads(&messages), numbers(from + 10..from + 20), "each once and in order");
        }
    }
}

#[tokio::test]
async fn a_message_that_somebody_else_took_is_fetched() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut source = broker.subscribe(at_orders(Some("router"), &["orders.a"])).await.expect("subscribes");
    let name = orders.consumer_names().await.remove(0);
    let thief: async_nats::jetstream::consumer::PullConsumer =
        orders.stream().await.get_consumer(&name).await.expect("is there");
    for round in 0..5 {
        let from = round * 10;
        let mut stolen = thief.batch().max_messages(1).messages().await.expect("asks");
        orders.fill("orders.a", from..from + 10).await;
        assert!(stolen.next().await.expect("a message").is_ok());
        let messages = take_acked(&mut source, 10).await;
        assert_eq!(payloads(&messages), numbers(from..from + 10), "round {round}");
    }
}

#[tokio::test]
async fn a_stream_that_returns_is_read_again_from_its_beginning() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let mut sources = Vec::new();
    for consumer in [None, Some("router")] {
        sources.push(broker.subscribe(at_orders(consumer, &["orders.a"])).await.expect("subscribes"));
    }
    orders.fill("orders.a", 0..20).await;
    for source in &mut sources {
        let messages = take(source, 20).await;
        source.ack(messages[9].position).await;
    }
    orders.jetstream.delete_stream("ORDERS").await.expect("deletes");
    orders.create(Retention::Limits).await;
    orders.fill("orders.a", 20..30).await;
    for source in &mut sources {
        let messages = take_acked(source, 10).await;
        assert_eq!(payloads(&messages), numbers(20..30));
        assert_eq!(messages[0].position.sequence, 1, "sequences begin anew");
    }
    until("everything is acknowledged", async || {
        orders.consumers().await.iter().all(|consumer| consumer.num_ack_pending == 0)
    })
    .await;
}

/// A server that answers everything, as a real one does, but sends nothing: JetStream where a leader went away.
/// (It cannot send in the end: a server lets nobody but itself use `$JS.ACK` in a reply.)
#[tokio::test]
async fn a_silent_server_is_asked_anew() {
    let orders = Orders::start().await;
    let silent = Server::start().await;
    let answers = orders.jetstream.client();
    let stand_in = async_nats::connect(silent.url()).await.expect("connects");
    let mut asked = stand_in.subscribe("$JS.API.>").await.expect("subscribes");
    until("the server knows", async || !silent.subscriptions("$JS").await.is_empty()).await;
    let options = Options { idle_heartbeat: Duration::from_millis(200), ..options(&silent) };
    let broker = connect(options).await;
    let _opening = tokio::spawn(async move {
        let mut source = broker.subscribe(at_orders(None, &["orders.a"])).await.expect("subscribes");
        source.next().await
    });
    let mut consumers = BTreeSet::new();
    while consumers.len() < 3 {
        let request = tokio::time::timeout(PATIENCE, asked.next()).await.expect("asks on").expect("lives");
        let Some(reply) = request.reply else { continue };
        if request.subject.contains(".MSG.NEXT.") {
            consumers.insert(request.subject);
            continue;
        }
        let answer = answers.request(request.subject, request.payload).await.expect("answers");
        stand_in.publish(reply, answer.payload).await.expect("publishes");
    }
}

#[tokio::test]
async fn what_an_account_may_not_do_with_a_stream_is_told() {
    const USERS: &str = r#"
        authorization { users = [
            { user: operator, password: p }
            { user: pull, password: p, permissions: { publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.>" } } }
            { user: make, password: p, permissions: { publish: { deny: "$JS.API.CONSUMER.CREATE.>" } } }
            { user: ack, password: p, permissions: { publish: { deny: "$JS.ACK.>" } } }
        ] }"#;
    let server = Server::start_streams(USERS).await;
    let operator = async_nats::ConnectOptions::with_user_and_password("operator".into(), "p".into());
    let client = operator.connect(server.url()).await.expect("connects");
    let orders = Orders { jetstream: async_nats::jetstream::new(client), server };
    orders.create(Retention::Limits).await;
    let connect_as = async |user: &str| {
        let url = orders.server.url().replace("://", &format!("://{user}:p@"));
        connect(Options { urls: vec![url], ..orders.options() }).await
    };
    for (user, told) in [("make", "CONSUMER.CREATE"), ("pull", "MSG.NEXT")] {
        let refused = connect_as(user).await.subscribe(at_orders(Some("router"), &["orders.a"])).await.err();
        let is_told = |text: &String| text.contains(told);
        assert!(matches!(&refused, Some(BrokerError::Refused(text)) if is_told(text)), "{refused:?}");
    }
    let broker = connect_as("ack").await;
    let mut source = broker.subscribe(at_orders(Some("router"), &["orders.a"])).await.expect("subscribes");
    orders.fill("orders.a", 0..1).await;
    assert_eq!(payloads(&take_acked(&mut source, 1).await), ["0"]);
    let end = tokio::time::timeout(PATIENCE, source.next()).await.expect("ends");
    assert!(end.is_none() && source.end_reason().contains("$JS.ACK."), "{}", source.end_reason());
}
