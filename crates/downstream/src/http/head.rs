//! What every request's head must be, whatever it asks for.
//! Owns its bound, and that an HTTP/1.1 request names one host; never reads a body.

use super::answers::{Answer, plain};
use crate::site::Site;
use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use http::{Request, StatusCode, Version};
use hyper::body::Incoming;

/// HTTP/2 says in the address what HTTP/1.1 says in a header.
pub(super) fn name_host(request: &mut Request<Incoming>) {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(host) = authority.and_then(|authority| HeaderValue::try_from(authority).ok()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// The answer to a head that breaks a rule.
pub(super) fn refused(site: &Site, request: &Request<Incoming>) -> Option<Answer> {
    let (status, label, text) = fault(request, site.limits.request_head_bytes_max)?;
    site.metrics.refusals.add(&[label], 1);
    Some(plain(status, text))
}

/// The library bounds what it reads at once; a head just over the bound may still come through whole.
fn fault<B>(request: &Request<B>, bytes_max: usize) -> Option<(StatusCode, &'static str, &'static str)> {
    let uri = request.uri();
    let line = uri.path().len() + uri.query().map_or(0, str::len);
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    if line > bytes_max {
        let text = "the request's address is longer than limits.request_head_bytes_max";
        return Some((StatusCode::URI_TOO_LONG, "head_too_large", text));
    }
    if line + fields.sum::<usize>() > bytes_max {
        let text = "the request's head is larger than limits.request_head_bytes_max";
        return Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", text));
    }
    if request.version() == Version::HTTP_11 && !names_one_host(request) {
        let text =
            "an HTTP/1.1 request has exactly one `host` header, a name or address with or without a port";
        return Some((StatusCode::BAD_REQUEST, "bad_head", text));
    }
    None
}

/// RFC 9112 §3.2. Empty is the host of an address that has none.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_host = |authority: Authority| !authority.as_str().contains('@');
    host.is_empty() || Authority::try_from(host.as_bytes()).is_ok_and(is_host)
}

#[cfg(test)]
mod tests;
