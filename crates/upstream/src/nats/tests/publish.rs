//! Publishing to a stream: only the stream's own word is success.

use super::*;

fn to_stream(stream_name: &str, subject: &str) -> Outgoing {
    let stream = Stream {
        stream_name: stream_name.into(),
        consumer_name: None,
        consumer_inactive_threshold_seconds: 0,
    };
    let headers = vec![("Trace".to_owned(), "1".to_owned())];
    Outgoing { feed: Feed::Stream(stream), headers, ..outgoing(subject, "payload") }
}

#[tokio::test]
async fn success_means_that_the_stream_has_the_message() {
    let orders = Orders::start().await;
    let metrics = Metrics::default();
    let broker = NatsBroker::connect(orders.options(), &metrics).await.expect("options are right");
    broker.publish(to_stream("ORDERS", "orders.a")).await.expect("publishes");
    let stored = orders.stream().await.get_raw_message(1).await.expect("is stored");
    assert_eq!((stored.subject.as_str(), &*stored.payload), ("orders.a", &b"payload"[..]));
    assert_eq!(stored.headers.get("Trace").map(|value| value.as_str()), Some("1"));
    assert!(metrics.render().contains("messages_published_total{family=\"nats\",provider=\"default\"} 1\n"));
}

#[tokio::test]
async fn no_stream_or_another_one_is_no_success() {
    let orders = Orders::start().await;
    let broker = orders.broker().await;
    let nobody = broker.publish(to_stream("ORDERS", "elsewhere")).await;
    assert!(matches!(nobody, Err(BrokerError::NoResponders)), "{nobody:?}");
    let refused = broker.publish(to_stream("OTHERS", "orders.a")).await;
    let told = |text: &String| text.contains("`OTHERS`") && text.contains("expected stream does not match");
    assert!(matches!(&refused, Err(BrokerError::Refused(text)) if told(text)), "{refused:?}");
    assert_eq!(orders.stream().await.get_info().await.expect("answers").state.messages, 0);
    // Somebody who is no stream answers there.
    let client = async_nats::connect(orders.server.url()).await.expect("connects");
    let mut asked = client.subscribe("elsewhere").await.expect("subscribes");
    until("the server knows", async || !orders.server.subscriptions("elsewhere").await.is_empty()).await;
    let answer = async {
        let request = asked.next().await.expect("a message");
        client.publish(request.reply.expect("a reply"), "thanks".into()).await.expect("publishes");
    };
    let (refused, ()) = tokio::join!(broker.publish(to_stream("ORDERS", "elsewhere")), answer);
    assert!(matches!(&refused, Err(BrokerError::Refused(text)) if text.contains("no stream")), "{refused:?}");
}
