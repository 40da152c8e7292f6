//! Every form of URL that go-redis users write, and what is none.

use super::*;

#[test]
fn urls_are_read_as_go_redis_reads_them() {
    let table = [
        ("redis://a", ("a", 6379, false, "", None, 0)),
        ("redis://", ("localhost", 6379, false, "", None, 0)),
        ("redis://a:7000/3", ("a", 7000, false, "", None, 3)),
        ("redis://a:7000/?db=4&dial_timeout=3s&pool_size=10&protocol=3", ("a", 7000, false, "", None, 4)),
        ("rediss://u:p%40%2F%3A@a.b:1", ("a.b", 1, true, "u", Some("p@/:"), 0)),
        ("redis://:secret@a", ("a", 6379, false, "", Some("secret"), 0)),
        ("redis://u%20x:@a", ("a", 6379, false, "u x", None, 0)),
        ("redis://[::1]:7", ("::1", 7, false, "", None, 0)),
    ];
    for (text, (host, port, is_tls, username, password, database)) in table {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((url.node.host.as_str(), url.node.port, url.is_tls), (host, port, is_tls), "{text}");
        let login = (url.username.as_str(), url.password.as_deref(), url.database);
        assert_eq!(login, (username, password, database), "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused_without_its_text() {
    for text in [
        "",
        "secret",
        "secret:6379",
        "http://secret@a",
        "redis+unix:///secret",
        "redis://u:secret@a:port",
        "redis://u:secret@a/one",
        "redis://u:secret@a/-1",
        "redis://u:%ff@a",
    ] {
        let Err(error) = Url::parse(text) else { panic!("accepted: {text}") };
        assert!(error.contains("`urls`") && !error.contains("secret"), "{text}: {error}");
    }
}

#[test]
fn redirections_name_a_node() {
    let asked = Node { host: "asked".into(), port: 1 };
    let table = [
        ("10.0.0.1:7001", Some("10.0.0.1:7001")),
        (":7001", Some("asked:7001")),
        ("?:7001", Some("asked:7001")),
        ("fe80::1:7001", Some("[fe80::1]:7001")),
        ("nonsense", None),
        ("a:b", None),
    ];
    for (text, expected) in table {
        let node = Node::redirected(text, &asked).map(|node| node.to_string());
        assert_eq!(node.as_deref(), expected, "{text}");
    }
}
