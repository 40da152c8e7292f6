//! The negotiation tables.
//! Owns the tables; touches no socket.

use super::*;

fn with(name: http::HeaderName, value: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(value) = value {
        headers.insert(name, value.parse().unwrap());
    }
    headers
}

#[test]
fn accept_chooses_by_this_table() {
    use Media::{EventStream, GraphqlResponse, Json};
    let table = [
        (None, Some(Json)),
        (Some("*/*"), Some(Json)),
        (Some("application/*"), Some(Json)),
        (Some("application/json"), Some(Json)),
        (Some("application/graphql-response+json"), Some(GraphqlResponse)),
        (Some("application/graphql-response+json, application/json;q=0.9"), Some(GraphqlResponse)),
        (Some("application/graphql-response+json;q=0.1, application/json;q=0.9"), Some(Json)),
        (Some("*/*, application/graphql-response+json"), Some(GraphqlResponse)),
        (Some("text/event-stream"), Some(EventStream)),
        (Some("TEXT/Event-Stream; charset=utf-8"), Some(EventStream)),
        (Some("application/json, text/event-stream"), Some(Json)),
        (Some("application/json;q=0.5, text/event-stream"), Some(EventStream)),
        (Some("text/event-stream;q=0"), None),
        (Some("application/json, multipart/mixed"), Some(Json)),
        (Some("text/html"), None),
        (Some("text/html, */*;q=0.8"), Some(Json)),
        (Some("application/json;q=nonsense"), Some(Json)),
    ];
    for (accept, expected) in table {
        assert_eq!(media(&with(ACCEPT, accept)), expected, "{accept:?}");
    }
}

#[test]
fn only_json_bodies_are_read() {
    let table = [
        (None, false),
        (Some("application/json"), true),
        (Some("Application/JSON; charset=UTF-8"), true),
        (Some("application/json; charset=\"utf-8\""), true),
        (Some("application/json; charset=utf-16"), false),
        (Some("text/plain"), false),
        (Some("text/plain; application/json"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (Some("application/graphql"), false),
    ];
    for (content_type, expected) in table {
        assert_eq!(is_json(&with(CONTENT_TYPE, content_type)), expected, "{content_type:?}");
    }
}

#[test]
fn an_upgrade_needs_both_headers() {
    let mut headers = with(UPGRADE, Some("websocket"));
    assert!(!is_upgrade(&headers));
    headers.insert(CONNECTION, "keep-alive, Upgrade".parse().unwrap());
    assert!(is_upgrade(&headers));
    headers.insert(UPGRADE, "h2c".parse().unwrap());
    assert!(!is_upgrade(&headers));
}
