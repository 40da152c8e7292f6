//! Which web pages may talk to us: the origin check of WebSocket handshakes, and CORS.
//! Owns the comparison of origins; never decides about identities.

use http::HeaderMap;
use http::header::{HOST, HeaderName, HeaderValue, ORIGIN};

/// The origins that may connect from a browser, beside the page's own host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    any: bool,
    allowed: Vec<String>,
}

impl Origins {
    /// `*` allows every origin, and then never with credentials.
    pub(crate) fn new(allowed: &[String]) -> Origins {
        let normal = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Origins { any: allowed.iter().any(|it| it == "*"), allowed: allowed.iter().map(normal).collect() }
    }

    /// Whether a handshake may go on. No `Origin` means no browser, so nothing to protect; any other value
    /// must be the host that was asked, or be listed: browsers send cookies along, whatever page opens the
    /// socket.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        self.is_listed(origin) || is_same_host(origin, headers)
    }

    fn is_listed(&self, origin: &str) -> bool {
        self.any || self.allowed.iter().any(|it| it.eq_ignore_ascii_case(origin))
    }

    /// The CORS headers for a request; none where its origin is absent, our own or not allowed.
    pub(crate) fn response_headers(&self, headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        let Some(origin) = headers.get(ORIGIN) else { return Vec::new() };
        if !origin.to_str().is_ok_and(|text| self.is_listed(text)) {
            return Vec::new();
        }
        let allow = http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
        if self.any {
            return vec![(allow, HeaderValue::from_static("*"))];
        }
        vec![
            (allow, origin.clone()),
            (http::header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (http::header::VARY, HeaderValue::from_static("origin")),
        ]
    }
}

/// The scheme is not compared: behind a proxy that ends TLS ours is always http.
fn is_same_host(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let without_default = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    without_default(authority) == without_default(host)
}

#[cfg(test)]
mod tests;
