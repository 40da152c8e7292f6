//! How commands talk to a running router: one HTTP request, with errors that say what to try next.
//! Owns the connection and the reading of whole answers; never keeps one for later.

use super::Failure;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use miette::miette;

/// An error answer is a sentence; a router that sends more is none.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Sends one POST. The token goes along as a bearer token.
pub(super) async fn post(
    url: &str,
    headers: &[(header::HeaderName, &'static str)],
    token: Option<&str>,
    body: Bytes,
) -> Result<Response<Incoming>, Failure> {
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        let help = "write `--url` with its scheme, as http://127.0.0.1:4000/graphql or http://127.0.0.1:8088";
        return Err(miette!(help = help, "{url} is no HTTP address"));
    }
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| miette!("the token holds characters that no header may"))?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    let request =
        request.body(Full::new(body)).map_err(|error| miette!("{url} is no HTTP address: {error}"))?;
    let connector =
        hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    client.request(request).await.map_err(|error| {
        miette!(
            help = "is the router running there? `tidegate serve` and `tidegate demo` print their addresses; \
                    `--url` names another",
            "{url} cannot be reached: {}",
            root_cause(&error)
        )
    })
}

/// The whole body as text.
pub(super) async fn read_text(answer: Response<Incoming>) -> Result<String, Failure> {
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let bytes = body.map_err(|error| miette!("the answer broke off: {error}"))?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What actually happened: `client error (Connect)` helps nobody.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
