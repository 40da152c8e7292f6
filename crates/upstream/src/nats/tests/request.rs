//! Request and reply: the answer, or which of the reasons there is none.

use super::*;

/// Answers each request on `ask` with its headers and payload, or as the payload says.
async fn answerer(server: &Server) -> tokio::task::JoinHandle<()> {
    let client = async_nats::connect(server.url()).await.expect("connects");
    let mut asked = client.subscribe("ask").await.expect("subscribes");
    until("the server knows", async || !server.subscriptions("ask").await.is_empty()).await;
    tokio::spawn(async move {
        while let Some(request) = asked.next().await {
            let reply = request.reply.expect("a reply");
            let trace = request.headers.as_ref().and_then(|headers| headers.get("Trace"));
            let answer = format!("{} {}", trace.map_or("-", |v| v.as_str()), request.payload.len());
            let mut headers = HeaderMap::new();
            match &*request.payload {
                b"silence" => continue,
                b"fail" => {
                    headers.insert("Nats-Service-Error-Code", "422");
                    headers.insert("Nats-Service-Error", "no such order");
                }
                _ => {}
            }
            client.publish_with_headers(reply, headers, answer.into()).await.expect("publishes");
        }
    })
}

#[tokio::test]
async fn a_request_is_answered_or_says_why_not() {
    let server = Server::start().await;
    let answerer = answerer(&server).await;
    let request_timeout = Some(Duration::from_millis(300));
    let broker = connect(Options { request_timeout, ..options(&server) }).await;
    // Also the first one waits for the connection.
    let answer = broker.request(outgoing("ask", "four")).await.expect("is answered");
    assert_eq!(&*answer, b"- 4");
    let headers = vec![("Trace".to_owned(), "1".to_owned())];
    let answer = broker.request(Outgoing { headers, ..outgoing("ask", "") }).await.expect("is answered");
    assert_eq!(&*answer, b"1 0", "headers go along, and a payload may be empty");
    let failed = broker.request(outgoing("ask", "fail")).await;
    let told = |text: &String| text == "no such order (code 422)";
    assert!(matches!(&failed, Err(BrokerError::Failed(text)) if told(text)), "{failed:?}");
    let silent = broker.request(outgoing("ask", "silence")).await;
    assert!(matches!(silent, Err(BrokerError::Timeout)), "{silent:?}");
    let refused = broker.request(outgoing("ask.*", "")).await;
    assert!(matches!(refused, Err(BrokerError::Refused(_))), "{refused:?}");
    answerer.abort();
    // Its time to answer would be far longer than this test's patience.
    let patient = connect(Options { request_timeout: Some(PATIENCE * 10), ..options(&server) }).await;
    let nobody = tokio::time::timeout(PATIENCE, patient.request(outgoing("nobody", ""))).await;
    assert!(matches!(nobody, Ok(Err(BrokerError::NoResponders))), "{nobody:?}");
}

#[tokio::test]
async fn an_unanswered_request_leaves_nothing_behind() {
    let server = Server::start().await;
    let _answerer = answerer(&server).await;
    let request_timeout = Some(Duration::from_millis(50));
    let broker = connect(Options { request_timeout, ..options(&server) }).await;
    until("it is connected", async || broker.status() == BrokerStatus::Up).await;
    for _ in 0..3 {
        let all = (0..50).map(|_| broker.request(outgoing("ask", "silence")));
        let answers = futures::future::join_all(all).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(BrokerError::Timeout))));
    }
    let patient = connect(options(&server)).await;
    let mut waiting = Box::pin(patient.request(outgoing("ask", "silence")));
    until("one waits", async || {
        assert!(waiting.as_mut().now_or_never().is_none());
        !server.subscriptions("_INBOX").await.is_empty()
    })
    .await;
    drop(waiting);
    until("no inbox is left, nor one that all share", async || {
        server.subscriptions("_INBOX").await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_request_does_not_outlive_its_connection() {
    let mut server = Server::start().await;
    let _answerer = answerer(&server).await;
    let broker = connect(Options { request_timeout: Some(PATIENCE * 10), ..options(&server) }).await;
    broker.request(outgoing("ask", "")).await.expect("is answered");
    let mut waiting = std::pin::pin!(broker.request(outgoing("ask", "silence")));
    assert!(waiting.as_mut().now_or_never().is_none());
    server.stop();
    let lost = tokio::time::timeout(PATIENCE, waiting).await.expect("ends");
    assert!(matches!(lost, Err(BrokerError::Unavailable(_))), "{lost:?}");
    let away = tokio::time::timeout(PATIENCE, broker.request(outgoing("ask", ""))).await.expect("ends");
    assert!(matches!(away, Err(BrokerError::Unavailable(_))), "{away:?}");
}

#[tokio::test]
async fn a_request_that_is_denied_does_not_wait() {
    const USERS: &str = r#"authorization { users = [
        { user: narrow, password: p, permissions: { publish: ["ok", "_INBOX.>"], subscribe: "_INBOX.>" } }
        { user: deaf, password: p, permissions: { subscribe: "ok" } }
        { user: answerer, password: p }
    ] }"#;
    let server = Server::start_with(USERS).await;
    let url = |user: &str| server.url().replace("://", &format!("://{user}:p@"));
    let answerer = async_nats::ConnectOptions::with_user_and_password("answerer".into(), "p".into());
    let answerer = answerer.connect(server.url()).await.expect("connects");
    let _silent = answerer.subscribe(">").await.expect("subscribes");
    until("the server knows", async || !server.subscriptions(">").await.is_empty()).await;
    for (user, subject, told) in
        [("narrow", "no", "\"no\""), ("deaf", "ok", "Subscription"), ("deaf", "ok", "Subscription")]
    {
        let request_timeout = Some(PATIENCE * 10);
        let broker = connect(Options { urls: vec![url(user)], request_timeout, ..options(&server) }).await;
        for _ in 0..2 {
            let denied = tokio::time::timeout(PATIENCE, broker.request(outgoing(subject, ""))).await;
            let Ok(Err(BrokerError::Refused(text))) = &denied else { panic!("{user}: {denied:?}") };
            assert!(text.contains(told), "{text}");
        }
    }
}
