//! The origin matrix.
//! Owns the table; touches no socket.

use super::*;

fn headers(origin: Option<&str>, host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, host.parse().unwrap());
    if let Some(origin) = origin {
        headers.insert(ORIGIN, origin.parse().unwrap());
    }
    headers
}

#[test]
fn handshakes_are_admitted_by_this_table() {
    let origins = Origins::new(&["https://app.example.com".into()]);
    let table = [
        (None, "api.example.com", true),
        (Some("https://api.example.com"), "api.example.com", true),
        (Some("https://API.example.com"), "api.EXAMPLE.com", true),
        (Some("https://api.example.com"), "api.example.com:443", true),
        (Some("http://localhost:4000"), "localhost:4000", true),
        (Some("http://localhost:4001"), "localhost:4000", false),
        (Some("http://localhost"), "localhost:4000", false),
        (Some("https://app.example.com"), "api.example.com", true),
        (Some("HTTPS://APP.EXAMPLE.COM"), "api.example.com", true),
        (Some("http://app.example.com"), "api.example.com", false),
        (Some("https://app.example.com:8443"), "api.example.com", false),
        (Some("https://evil-app.example.com"), "api.example.com", false),
        (Some("https://app.example.com.evil.com"), "api.example.com", false),
        (Some("https://evil.com"), "api.example.com", false),
        (Some("https://api.example.com.evil.com"), "api.example.com", false),
        (Some("https://xn--pp-eka.example.com"), "api.example.com", false),
        (Some("null"), "api.example.com", false),
        (Some("file://api.example.com"), "api.example.com", false),
        (Some(""), "api.example.com", false),
    ];
    for (origin, host, expected) in table {
        assert_eq!(origins.admits(&headers(origin, host)), expected, "{origin:?} at {host}");
    }
}

#[test]
fn cors_names_the_origin_and_never_any_with_credentials() {
    let find = |origins: &Origins, origin: &str, name: &str| {
        let found = origins.response_headers(&headers(Some(origin), "h"));
        found.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.to_str().unwrap().to_owned())
    };
    let listed = Origins::new(&["http://a".into()]);
    assert_eq!(find(&listed, "http://a", "access-control-allow-origin").as_deref(), Some("http://a"));
    assert_eq!(find(&listed, "http://a", "access-control-allow-credentials").as_deref(), Some("true"));
    assert_eq!(find(&listed, "http://b", "access-control-allow-origin"), None);
    let any = Origins::new(&["*".into()]);
    assert_eq!(find(&any, "http://b", "access-control-allow-origin").as_deref(), Some("*"));
    assert_eq!(find(&any, "http://b", "access-control-allow-credentials"), None);
}
