//! The embedded subgraphs on ordinary sockets, so that the router meets them as it would any other.
//! Owns listening and HTTP framing; what is answered is the subgraph's.

use super::subgraph::Subgraph;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request body over this is refused with 413.
const BODY_BYTES_MAX: usize = 2 << 20;

/// Open connections of one subgraph; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;

/// Rest after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A subgraph that listens. Dropping it stops it with its connections.
pub struct Server {
    pub subgraph: Arc<Subgraph>,
    pub address: SocketAddr,
    /// Aborts what it holds when it is dropped.
    _tasks: JoinSet<()>,
}

impl Server {
    /// Listens on a loopback port; 0 takes a free one.
    pub async fn start(subgraph: Subgraph, port: u16) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let subgraph = Arc::new(subgraph);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&subgraph)));
        Ok(Server { subgraph, address, _tasks: tasks })
    }

    /// Where the router is to ask.
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}

async fn accept(listener: TcpListener, subgraph: Arc<Subgraph>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, Arc::clone(&subgraph)))),
                Err(error) => {
                    tracing::warn!(%error, subgraph = subgraph.name, "a connection was not accepted");
                    // Out of descriptors, say: asking again at once would only burn the CPU.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn converse(stream: TcpStream, subgraph: Arc<Subgraph>) {
    let respond = service_fn(move |request| {
        let subgraph = Arc::clone(&subgraph);
        async move { Ok::<_, Infallible>(respond(request, &subgraph).await) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), respond).await {
        tracing::debug!(%error, "a connection to an embedded subgraph broke");
    }
}

async fn respond(request: Request<Incoming>, subgraph: &Subgraph) -> Response<Full<Bytes>> {
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "ask with POST\n");
    }
    match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let mut response = Response::new(Full::from(subgraph.answer(&body.to_bytes())));
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large or broke off\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
