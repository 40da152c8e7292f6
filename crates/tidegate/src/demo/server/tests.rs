//! A subgraph answers over a real socket.

use super::*;
use crate::demo::subgraphs;
use crate::demo::world::World;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[tokio::test]
async fn answers_post_and_only_post() {
    let subgraph = subgraphs(&Arc::new(World::load())).into_iter().find(|one| one.name == "teams").unwrap();
    let server = Server::start(subgraph, 0).await.unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for (method, body, status, expected) in [
        ("POST", r#"{"query":"{ team(id: \"t-1\") { name } }"}"#.to_owned(), 200, "Harbour City"),
        ("GET", String::new(), 405, "ask with POST"),
        ("POST", " ".repeat(BODY_BYTES_MAX + 1), 413, "too large"),
    ] {
        let request = Request::builder().method(method).uri(server.url()).body(Full::from(body)).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), status);
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&answer).contains(expected), "{method}: {answer:?}");
    }
}
