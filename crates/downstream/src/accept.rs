//! From listener to HTTP: accepts, lets hyper read heads, and takes a connection back when it becomes a
//! stream.
//! Owns the hand-over: after it no task and no channel is left for the connection.

use crate::descriptors::{self, REFUSALS_MAX};
use crate::http;
use crate::seat::Seat;
use crate::shard::{Adoption, Takeover};
use crate::site::Site;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

/// How long a refused connection may take to read that it is.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);

/// Out of descriptors, accepting fails until a connection ends; asking at once again would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Ends with the connection, so it needs no length.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain\r\n\r\nno place is left: limits.connections_max, or the limit on open files";

/// Accepts until told to stop.
pub(crate) async fn accept(listener: TcpListener, site: Arc<Site>, mut stop: watch::Receiver<bool>) {
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => {
                is_failing = false;
                stream
            }
            Err(error) => {
                site.metrics.refusals.add(&["accept_failed"], 1);
                // Said once, until one succeeds: it fails twenty times a second.
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "connections cannot be accepted; open ones go on");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match site.seats.take() {
            Some(seat) => {
                tokio::spawn(drive(site.clone(), stream, seat, stop.clone()));
            }
            None => {
                site.metrics.refusals.add(&["connections_max"], 1);
                if let Ok(permit) = refusals.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        refuse(stream).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

/// Says 503, and waits a little for the client to read it.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 512];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    if !matches!(tokio::time::timeout(REFUSAL_PATIENCE, told).await, Ok(Ok(()))) {
        tracing::debug!("a refused connection did not wait to be told");
    }
}

/// Serves one connection's requests until it ends or one of them takes it over.
async fn drive(site: Arc<Site>, stream: TcpStream, seat: Seat, mut stop: watch::Receiver<bool>) {
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| descriptors::lose_when_silent(&stream, site.timings.unacknowledged));
    if let Err(error) = prepared {
        tracing::debug!(%error, "a connection ended before its first request");
        return;
    }
    let (takeovers, mut taken) = mpsc::channel(1);
    let answering = site.clone();
    let answer = hyper::service::service_fn(move |request| {
        Box::pin(http::answer(answering.clone(), request, takeovers.clone()))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.timings.request)
        .serve_connection(TokioIo::new(stream), answer);
    let mut is_stopping = *stop.borrow();
    if is_stopping {
        Pin::new(&mut connection).graceful_shutdown();
    }
    let takeover = loop {
        tokio::select! {
            biased;
            Some(takeover) = taken.recv() => break takeover,
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                if let Err(error) = ended {
                    // Idle between requests is no refusal.
                    let is_idle = connection.into_parts().read_buf.is_empty();
                    if let Some(label) = refused_head(&error, is_idle) {
                        site.metrics.refusals.add(&[label], 1);
                    }
                    tracing::debug!(%error, "an HTTP connection ended early");
                    return;
                }
                return finish(connection.into_parts().io.into_inner()).await;
            }
            _ = stop.changed(), if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    adopt(&site, parts.io.into_inner(), parts.read_buf, takeover, seat).await;
}

/// What the end of a connection before or within a request's head is counted under; `None` = its client just
/// left.
fn refused_head(error: &hyper::Error, is_idle: bool) -> Option<&'static str> {
    if error.is_timeout() {
        (!is_idle).then_some("head_timeout")
    } else if error.is_parse_too_large() {
        Some("head_too_large")
    } else if error.is_parse() {
        Some("bad_head")
    } else {
        None
    }
}

async fn finish(mut stream: TcpStream) {
    if let Err(error) = stream.shutdown().await {
        tracing::debug!(%error, "an HTTP connection was gone before its end");
    }
}

async fn adopt(site: &Site, stream: TcpStream, leftover: Bytes, takeover: Takeover, seat: Seat) {
    // Stays non-blocking, and leaves the runtime's poll.
    match stream.into_std() {
        Ok(stream) => {
            site.hand_over(Adoption { stream, leftover, takeover, seat }).await;
        }
        Err(error) => tracing::warn!(%error, "a connection could not be handed to its shard"),
    }
}
