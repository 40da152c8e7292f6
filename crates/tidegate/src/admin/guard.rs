//! Who may publish and count through the admin listener: holders of the token, or this machine where there is
//! none. Owns the refusals; a web page never passes, even on this machine.

use crate::config::Secret;
use http::{HeaderMap, Request, StatusCode, header};
use std::net::SocketAddr;

/// Why a caller may not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
    pub(super) help: &'static str,
}

/// Lets the caller through, or says why not.
pub(super) fn check<B>(
    request: &Request<B>,
    peer: SocketAddr,
    token: Option<&Secret>,
) -> Result<(), Refused> {
    let headers = request.headers();
    let refuse = |status, message, help| Err(Refused { status, message, help });
    // A page in a browser on this machine reaches loopback too. Browsers name the origin of such requests,
    // and a rebound DNS name shows in `Host`.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return refuse(StatusCode::FORBIDDEN, "web pages may not do this", "use `tidegate publish`, or curl");
    }
    match token {
        Some(token) if is_bearer(headers, token) => Ok(()),
        Some(_) => refuse(
            StatusCode::UNAUTHORIZED,
            "the admin token is missing or wrong",
            "send `admin.token` with `--token`, or as `Authorization: Bearer …`",
        ),
        None if peer.ip().is_loopback() && names_this_machine(headers) => Ok(()),
        None => refuse(
            StatusCode::FORBIDDEN,
            "only this machine may do this",
            "set `admin.token` to let others in with it",
        ),
    }
}

/// Compares in constant time: the time taken must not tell how much of a guess is right.
fn is_bearer(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let Some(given) = given.strip_prefix(b"Bearer ") else { return false };
    let wanted = token.expose().as_bytes();
    let differs = given.iter().zip(wanted).fold(0, |differs, (a, b)| differs | (a ^ b));
    given.len() == wanted.len() && differs == 0 && !wanted.is_empty()
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_or_this_machine_passes_and_never_a_page() {
        let token = Secret::new("t0ken");
        let (here, there) = ("127.0.0.1:5", "10.0.0.7:5");
        let table = [
            (None, here, vec![], true),
            (None, "[::1]:5", vec![("host", "[::1]:8088")], true),
            (None, here, vec![("host", "localhost:8088")], true),
            (None, here, vec![("host", "evil.example:8088")], false),
            (None, here, vec![("origin", "http://evil.example")], false),
            (None, here, vec![("sec-fetch-site", "cross-site")], false),
            (None, there, vec![], false),
            (Some(&token), there, vec![("authorization", "Bearer t0ken")], true),
            (Some(&token), here, vec![], false),
            (Some(&token), here, vec![("authorization", "Bearer t0ke")], false),
            (Some(&token), here, vec![("authorization", "Bearer t0ken2")], false),
            (Some(&token), here, vec![("authorization", "t0ken")], false),
            (Some(&token), there, vec![("authorization", "Bearer t0ken"), ("origin", "null")], false),
        ];
        for (token, peer, headers, passes) in table {
            let mut request = Request::new(());
            for (name, value) in &headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            let outcome = check(&request, peer.parse().unwrap(), token);
            assert_eq!(outcome.is_ok(), passes, "{peer} {headers:?}: {outcome:?}");
        }
        let empty = Secret::new("");
        let mut request = Request::new(());
        request.headers_mut().insert("authorization", "Bearer ".parse().unwrap());
        assert!(check(&request, here.parse().unwrap(), Some(&empty)).is_err());
    }
}
