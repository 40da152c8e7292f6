//! Heads that break a rule, one by one.
//! Owns no socket.

use super::*;

fn request(version: Version, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().version(version).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

#[test]
fn an_http_1_1_request_names_one_host() {
    let status = |version, hosts: &[&str]| {
        let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        fault(&request(version, "/graphql", &headers), 1 << 10).map(|(status, ..)| status.as_u16())
    };
    for host in ["localhost", "localhost:4000", "127.0.0.1:80", "[::1]:4000", "a.example", ""] {
        assert_eq!(status(Version::HTTP_11, &[host]), None, "{host}");
    }
    for hosts in [&[][..], &["a", "a"], &["a", "b"], &["a/b c"], &["a b"], &["me@a"], &["a:b:c"], &["a?b"]] {
        assert_eq!(status(Version::HTTP_11, hosts), Some(400), "{hosts:?}");
        assert_eq!(status(Version::HTTP_10, hosts), None, "{hosts:?}");
    }
}

#[test]
fn a_head_over_the_bound_is_told_which_part_is_too_much() {
    let long = "x".repeat(100);
    let path = format!("/graphql?{long}");
    for (path, header, expected) in [
        ("/graphql", "short", None),
        ("/graphql", &long, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
        (&path, "short", Some(StatusCode::URI_TOO_LONG)),
    ] {
        let request = request(Version::HTTP_2, path, &[("x", header)]);
        assert_eq!(fault(&request, 100).map(|(status, ..)| status), expected, "{path} {header}");
    }
}
