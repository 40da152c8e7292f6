//! One HTTP/1.1 connection: requests one after the other, until it ends or becomes a stream, which is the shard's.
//! Owns taking the socket back from the HTTP library, and the head it is handed over with.

use super::Driver;
use crate::http::{self, Door, Takeover};
use crate::shard::{Adoption, StreamKind, Wire};
use ::http::header::{CONNECTION, DATE, HeaderValue, TRANSFER_ENCODING};
use ::http::response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

/// To a head that never ends.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A socket that a shard can take.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Stays non-blocking, and leaves the runtime's poll.
    fn into_wire(self) -> io::Result<Wire>;
}

impl Socket for TcpStream {
    fn into_wire(self) -> io::Result<Wire> {
        Ok(Wire::Tcp(mio::net::TcpStream::from_std(self.into_std()?)))
    }
}

impl Socket for TlsStream<TcpStream> {
    fn into_wire(self) -> io::Result<Wire> {
        let (stream, session) = self.into_inner();
        Ok(Wire::tls(mio::net::TcpStream::from_std(stream.into_std()?), session))
    }
}

pub(super) async fn drive(driver: Driver, stream: impl Socket) {
    let Driver { site, seat, mut stop } = driver;
    let (takeovers, mut taken) = mpsc::channel(1);
    let answering = site.clone();
    let answer = hyper::service::service_fn(move |request| {
        Box::pin(http::answer(answering.clone(), request, Door::Takeover(takeovers.clone())))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.timings.request)
        // One smaller than this the library does not take.
        .max_buf_size(site.limits.request_head_bytes_max.max(8 << 10))
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
                    let parts = connection.into_parts();
                    tracing::debug!(%error, "an HTTP connection ended early");
                    let Some(label) = refused_head(&error, parts.read_buf.is_empty()) else { return };
                    site.metrics.refusals.add(&[label], 1);
                    // The library answers the other faults by itself.
                    if error.is_timeout() {
                        let mut stream = parts.io.into_inner();
                        // Where no answer can be written, nobody waits for one.
                        if stream.write_all(TIMED_OUT).await.is_ok() {
                            finish(stream).await;
                        }
                    }
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
    let Takeover { head, stream_kind, shard } = takeover;
    match parts.io.into_inner().into_wire() {
        Ok(wire) => {
            let head = written(head, &stream_kind);
            let adoption = Adoption { wire, head, leftover: parts.read_buf, stream_kind, seat };
            site.hand_over(shard, adoption).await;
        }
        Err(error) => tracing::warn!(%error, "a connection could not be handed to its shard"),
    }
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

async fn finish(mut stream: impl Socket) {
    if let Err(error) = stream.shutdown().await {
        tracing::debug!(%error, "an HTTP connection was gone before its end");
    }
}

/// A head as HTTP/1.1 writes it. A body goes on until its last chunk, or where it has none, until the connection ends.
fn written(mut head: response::Parts, stream_kind: &StreamKind) -> Vec<u8> {
    match stream_kind {
        StreamKind::WebSocket { .. } => {}
        StreamKind::Body { is_chunked, .. } | StreamKind::Shared { is_chunked, .. } => {
            if *is_chunked {
                head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
            let now = httpdate::fmt_http_date(SystemTime::now());
            head.headers.extend(HeaderValue::try_from(now).map(|now| (DATE, now)));
        }
    }
    let status = head.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests;
