//! The operator's listener: health, metrics, census, and publishing an event by hand.
//! Owns this small HTTP surface; what it reports, the rooms count. Never reachable through the clients' port.

mod guard;
mod health;

use crate::config::Secret;
use bytes::Bytes;
use engine::Engine;
use engine::exposition::Exposition;
use engine::snapshot::Provider;
use guard::Refused;
pub(crate) use health::Phase;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// More than any scraper and prober needs at once; the rest wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;

/// A caller that has not sent its headers by then is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// A room's metrics in Prometheus text form.
pub(crate) type Render = Box<dyn Fn() -> String + Send + Sync>;

/// What the listener reports on.
pub(crate) struct Admin {
    pub(crate) engine: Arc<Engine>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) metrics: Vec<Render>,
    pub(crate) connections: Box<dyn Fn() -> usize + Send + Sync>,
    pub(crate) token: Option<Secret>,
}

/// Answers until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: waiting is what helps, a busy loop is not.
                tracing::warn!(%error, "the admin listener cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let admin = Arc::clone(&admin);
                async move { Ok::<_, Infallible>(admin.answer(request, peer).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
                tracing::debug!(%error, "an admin connection broke off");
            }
            drop(permit);
        });
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let path = request.uri().path();
        let allowed = if path == "/publish" { Method::POST } else { Method::GET };
        let read = request.method() == Method::HEAD && allowed == Method::GET;
        if *request.method() != allowed && !read {
            let message = format!("{path} takes {allowed}");
            return refusal(StatusCode::METHOD_NOT_ALLOWED, &message, "use that method");
        }
        match path {
            "/health/live" => json_answer(StatusCode::OK, &json!({ "live": true })),
            "/health/ready" => self.ready(request.uri().query().unwrap_or_default()),
            "/metrics" => self.metrics(),
            "/census" => match guard::check(&request, peer, self.token.as_ref()) {
                Ok(()) => json_answer(StatusCode::OK, &self.census()),
                Err(refused) => refused.into(),
            },
            "/publish" => match guard::check(&request, peer, self.token.as_ref()) {
                Ok(()) => self.publish(request).await,
                Err(refused) => refused.into(),
            },
            _ => {
                let known = "/health/live, /health/ready, /metrics, /census, /publish";
                refusal(StatusCode::NOT_FOUND, &format!("nothing at {path}"), &format!("there is: {known}"))
            }
        }
    }

    /// `?providers=up` asks for every provider too, as a deployment may that must not go on without its brokers.
    fn ready(&self, query: &str) -> Answer {
        let mut asked = form_urlencoded::parse(query.as_bytes());
        let wants_all_up = asked.any(|(name, value)| name == "providers" && value == "up");
        let (ready, report) = health::report(*self.phase.borrow(), &self.providers, wants_all_up);
        json_answer(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &report)
    }

    fn metrics(&self) -> Answer {
        let mut text: String = self.metrics.iter().map(|render| render()).collect();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let mut runtime = Exposition::default();
        let about = "Tasks alive; as many as after the start once every client left.";
        runtime.gauge("runtime_tasks", about, tasks);
        text.push_str(&runtime.into_text());
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }

    /// Who is here now; all zero once every client has left and `subscriptions.linger` is over.
    fn census(&self) -> Value {
        let mut census = self.engine.census();
        census["connections"] = json!((self.connections)());
        census
    }

    async fn publish(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let (mut provider, mut subject, mut family) = ("default".to_owned(), None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "provider" => provider = value.into_owned(),
                "subject" => subject = Some(value.into_owned()),
                "family" => match health::transport(&value) {
                    Some(transport) => family = Some(transport),
                    None => {
                        let help = "there are nats, kafka, redis and memory";
                        return refusal(StatusCode::BAD_REQUEST, &format!("`{value}` is no family"), help);
                    }
                },
                _ => {}
            }
        }
        let Some(subject) = subject.filter(|subject| !subject.is_empty()) else {
            let help = "send it as /publish?provider=default&subject=employeeUpdated.1";
            return refusal(StatusCode::BAD_REQUEST, "`subject` is missing", help);
        };
        let known: Vec<&str> = self.providers.iter().map(|provider| &*provider.id).collect();
        if !known.contains(&provider.as_str()) {
            let help = format!("configured under `events.providers`: {}", known.join(", "));
            return refusal(StatusCode::NOT_FOUND, &format!("there is no provider `{provider}`"), &help);
        }
        let most = self.engine.limits.event_bytes_max;
        let Ok(payload) = Limited::new(body, most).collect().await else {
            let message = format!("the event is larger than {most} bytes, or broke off");
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, &message, "`limits.event_bytes_max` is the bound");
        };
        let payload = payload.to_bytes();
        let size = payload.len();
        match self.engine.publish(family, &provider, &subject, payload).await {
            Ok(()) => {
                let outcome =
                    json!({ "published": true, "provider": provider, "subject": subject, "bytes": size });
                json_answer(StatusCode::OK, &outcome)
            }
            Err(error) => {
                let help = match error.starts_with("several families") {
                    true => "add `family=nats`, kafka, redis or memory (`--family` of `tidegate publish`)",
                    false => "is the subject one to publish on? /health/ready says how the provider is",
                };
                refusal(StatusCode::BAD_GATEWAY, &error, help)
            }
        }
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Answer {
        refusal(refused.status, refused.message, refused.help)
    }
}

fn refusal(status: StatusCode, message: &str, help: &str) -> Answer {
    json_answer(status, &json!({ "error": message, "help": help }))
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
