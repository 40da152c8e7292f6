//! Subgraphs over HTTP: one POST, one bounded answer, connections kept alive.
//! Owns what an answer is and when asking again is safe; the engine bounds the time and reads the answer.

use async_trait::async_trait;
use base64::Engine;
use bytes::{Bytes, BytesMut};
use engine::port::{Fetch, Subgraph, SubgraphError};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error as _;
use std::time::Duration;

const ACCEPTED: HeaderValue =
    HeaderValue::from_static("application/graphql-response+json, application/json;q=0.9");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));

/// Headers that describe this hop or this body: a client's never pass (RFC 9110 §7.6.1).
const NEVER_FORWARDED: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How to reach one subgraph, and its bounds.
#[derive(Clone)]
pub struct Options {
    /// `http://…` or `https://…`. A user and password in it are sent as basic authentication.
    pub url: String,
    /// Request headers of the client that this subgraph is sent; lower case.
    pub headers_forwarded: Vec<String>,
    /// `subgraph_bytes_max` of the limits.
    pub answer_bytes_max: usize,
    pub connect_timeout: Duration,
    /// Connections idle for this long are closed.
    pub idle_timeout: Duration,
    /// 0 keeps none.
    pub idle_connections_max: usize,
}

impl Options {
    pub fn new(url: impl Into<String>) -> Options {
        Options {
            url: url.into(),
            headers_forwarded: Vec::new(),
            answer_bytes_max: 16 << 20,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            idle_connections_max: 64,
        }
    }
}

/// A URL that cannot be asked. The text holds none of the URL: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the url {0}")]
pub struct UrlError(&'static str);

/// Why `fetch_url` brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    Answer(#[from] SubgraphError),
}

/// One subgraph behind a URL.
pub struct HttpSubgraph {
    client: HttpClient,
    target: Target,
    headers_forwarded: Vec<String>,
    answer_bytes_max: usize,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Where requests go: a URL without its credentials, and these as a header.
struct Target {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl HttpSubgraph {
    /// Opens nothing yet.
    pub fn new(options: Options) -> Result<HttpSubgraph, UrlError> {
        let client = client(options.connect_timeout, options.idle_timeout, options.idle_connections_max);
        let target = Target::parse(&options.url)?;
        let headers_forwarded =
            options.headers_forwarded.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(HttpSubgraph { client, target, headers_forwarded, answer_bytes_max: options.answer_bytes_max })
    }

    /// What is not listed is not sent, whoever asks: answers are shared between clients by the listed
    /// headers.
    fn forwards(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        self.headers_forwarded.iter().any(|listed| listed == name) && !NEVER_FORWARDED.contains(&name)
    }

    fn request(&self, fetch: &Fetch) -> Request<Full<Bytes>> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = &self.target.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        // As a map of its own, its first value of a name replaces ours and the next ones join it.
        let mut forwarded = HeaderMap::new();
        for (name, value) in &fetch.headers {
            let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
            let Ok(value) = HeaderValue::try_from(value.as_str()) else { continue };
            if self.forwards(&name) {
                forwarded.append(name, value);
            }
        }
        headers.extend(forwarded);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, ACCEPTED);
        headers.entry(USER_AGENT).or_insert(AGENT);
        let mut request = Request::new(Full::new(fetch.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    /// Asks, and asks once more when a kept connection turned out to be closed. hyper-util itself repeats a
    /// request of which nothing was written; here the server may have seen it, so only what changes nothing
    /// is repeated.
    async fn ask(&self, fetch: &Fetch) -> Result<http::Response<Incoming>, SubgraphError> {
        match self.client.request(self.request(fetch)).await {
            Err(error) if is_closed_early(&error) && is_query(&fetch.body) => {
                self.client.request(self.request(fetch)).await
            }
            outcome => outcome,
        }
        .map_err(unreachable)
    }
}

#[async_trait]
impl Subgraph for HttpSubgraph {
    async fn fetch(&self, fetch: Fetch) -> Result<Bytes, SubgraphError> {
        let response = self.ask(&fetch).await?;
        let status = response.status();
        let answer = read(response.into_body(), self.answer_bytes_max).await;
        if status.is_success() {
            return answer;
        }
        match answer {
            Ok(body) if is_graphql(&body) => Ok(body),
            _ => Err(SubgraphError::Status(status.as_u16())),
        }
    }

    fn forwarded(&self) -> &[String] {
        &self.headers_forwarded
    }
}

impl Target {
    fn parse(url: &str) -> Result<Target, UrlError> {
        let uri: Uri = url.trim().parse().map_err(|_| UrlError("is not valid"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(UrlError("does not start with `http://` or `https://`"));
        }
        let authority = uri.authority().ok_or(UrlError("names no host"))?.as_str();
        let Some((credentials, address)) = authority.rsplit_once('@') else {
            return Ok(Target { uri, authorization: None });
        };
        let credentials: Vec<u8> = percent_encoding::percent_decode_str(credentials).collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        let mut authorization =
            HeaderValue::try_from(format!("Basic {encoded}")).expect("base64 is a valid header value");
        authorization.set_sensitive(true);
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(address.parse().map_err(|_| UrlError("names no valid host"))?);
        let uri = Uri::from_parts(parts).map_err(|_| UrlError("is not valid"))?;
        Ok(Target { uri, authorization: Some(authorization) })
    }
}

/// Gets a document, such as a JWKS, within a size and a time. Redirects are not followed.
pub async fn fetch_url(url: &str, bytes_max: usize, timeout: Duration) -> Result<Bytes, FetchError> {
    let target = Target::parse(url)?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = target.uri;
    request.headers_mut().insert(USER_AGENT, AGENT);
    if let Some(authorization) = target.authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    let client = client(timeout, timeout, 0);
    let fetched = tokio::time::timeout(timeout, async {
        let response = client.request(request).await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            return Err(SubgraphError::Status(status.as_u16()));
        }
        read(response.into_body(), bytes_max).await
    });
    Ok(fetched.await.map_err(|_| SubgraphError::Timeout)??)
}

fn client(connect_timeout: Duration, idle_timeout: Duration, idle_connections_max: usize) -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        .pool_max_idle_per_host(idle_connections_max)
        .build(https)
}

/// Reads a body up to a bound; what exceeds it is never held.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<Bytes, SubgraphError> {
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(SubgraphError::TooLarge(bytes_max));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| SubgraphError::Unreachable(chain(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > bytes_max {
            return Err(SubgraphError::TooLarge(bytes_max));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// An error status with a GraphQL response in its body still is an answer, whatever its media type.
fn is_graphql(body: &[u8]) -> bool {
    let Ok(serde_json::Value::Object(answer)) = serde_json::from_slice(body) else { return false };
    answer.contains_key("data") || answer.contains_key("errors")
}

/// Whether a request body is plainly one query. Anything unclear is not: it may be a mutation.
fn is_query(body: &[u8]) -> bool {
    let Some(document) = body.strip_prefix(b"{\"query\":\"") else { return false };
    document.starts_with(b"{") || document.starts_with(b"query")
}

/// Whether the connection was closed or reset before any part of an answer came.
fn is_closed_early(error: &hyper_util::client::legacy::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    !error.is_connect() && source.is_some_and(|e| e.is_incomplete_message() || is_reset(e))
}

fn is_reset(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|e| {
        matches!(e.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    })
}

fn unreachable(error: hyper_util::client::legacy::Error) -> SubgraphError {
    SubgraphError::Unreachable(chain(&error))
}

/// An error with its causes. The URL is in none of them, and its credentials are not in the URL.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
