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

const SSE: Form = Form::EventStream;
const APOLLO: Form = Form::Multipart(Spec::Apollo);
const INCREMENTAL: Form = Form::Multipart(Spec::Incremental);

#[test]
fn accept_chooses_by_this_table() {
    use Media::{GraphqlResponse, Json};
    let either = |media: Media, form: Form| Some((Some(media), Some(form), false));
    let whole = |media: Media| Some((Some(media), None, false));
    let stream = |form: Form| Some((None, Some(form), true));
    let first = |form: Form, media: Media| Some((Some(media), Some(form), true));
    let table = [
        (None, whole(Json)),
        (Some("*/*"), whole(Json)),
        (Some("application/*"), whole(Json)),
        (Some("application/json"), whole(Json)),
        (Some("application/graphql-response+json"), whole(GraphqlResponse)),
        (Some("application/graphql-response+json, application/json;q=0.9"), whole(GraphqlResponse)),
        (Some("application/graphql-response+json;q=0.1, application/json;q=0.9"), whole(Json)),
        (Some("*/*, application/graphql-response+json"), whole(GraphqlResponse)),
        (Some("application/json;q=0, */*"), whole(GraphqlResponse)),
        (Some("application/json;q=0, application/graphql-response+json;q=0, */*"), None),
        (Some("text/event-stream"), stream(SSE)),
        (Some("TEXT/Event-Stream; charset=utf-8"), stream(SSE)),
        (Some("text/*"), stream(SSE)),
        (Some("application/json, text/event-stream"), either(Json, SSE)),
        (Some("application/json;q=0.5, text/event-stream"), first(SSE, Json)),
        (Some("text/event-stream, */*;q=0.5"), first(SSE, Json)),
        (Some("text/event-stream;q=0"), None),
        (Some("multipart/mixed"), stream(INCREMENTAL)),
        (Some("multipart/mixed;deferSpec=20220824, application/json"), first(INCREMENTAL, Json)),
        (
            Some("multipart/mixed;boundary=\"a,b;c\";subscriptionSpec=\"1.0\", application/json"),
            first(APOLLO, Json),
        ),
        (
            Some(
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9",
            ),
            first(APOLLO, GraphqlResponse),
        ),
        (Some("application/json, multipart/mixed, text/event-stream"), either(Json, INCREMENTAL)),
        (Some("multipart/mixed;q=0.5, multipart/mixed;subscriptionSpec=1.0;q=0.4"), stream(INCREMENTAL)),
        (Some("multipart/*"), stream(INCREMENTAL)),
        (Some("multipart/mixed;subscriptionSpec=2.0"), None),
        (Some("text/html"), None),
        (Some("text/html, */*;q=0.8"), whole(Json)),
        (Some("application/json;q=nonsense"), whole(Json)),
        (Some("\""), None),
    ];
    for (accept, expected) in table {
        let found = accepted(&with(ACCEPT, accept));
        let found = found.map(|Accepted { media, form, prefers_form }| (media, form, prefers_form));
        assert_eq!(found, expected, "{accept:?}");
    }
}

#[test]
fn the_first_sub_protocol_that_both_know_is_spoken() {
    let table = [
        (None, None),
        (Some("mqtt"), None),
        (Some("graphql-ws"), Some(Dialect::Legacy)),
        (Some("graphql-transport-ws"), Some(Dialect::TransportWs)),
        (Some("mqtt, graphql-ws,graphql-transport-ws"), Some(Dialect::Legacy)),
        (Some("graphql-transport-ws , graphql-ws"), Some(Dialect::TransportWs)),
    ];
    for (offered, expected) in table {
        assert_eq!(dialect(&with(SEC_WEBSOCKET_PROTOCOL, offered)), expected, "{offered:?}");
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
