//! Static pages, as the console at `/`.
//! Owns nothing but the look-up; the bytes come with the options.

use super::{Answer, not_allowed, plain};
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode};
use http_body_util::Full;

/// The page at this exact path.
pub(super) fn page(site: &Site, method: &Method, path: &str) -> Answer {
    let Some(page) = site.pages.get(path) else { return plain(StatusCode::NOT_FOUND, "not found") };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return not_allowed("a page is read by GET", "GET, HEAD");
    }
    let mut response = Response::new(Full::new(page.bytes.clone()));
    let headers = response.headers_mut();
    let mut insert = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.as_bytes())) {
            headers.insert(name, value);
        }
    };
    insert(CONTENT_TYPE, &page.content_type);
    insert(CACHE_CONTROL, "no-cache");
    insert(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Some(encoding) = &page.content_encoding {
        insert(CONTENT_ENCODING, encoding);
    }
    response
}
