//! From listener to HTTP: accepts, speaks TLS, tells HTTP/1.1 from HTTP/2, lets hyper read requests, and takes a
//! connection back when it becomes a stream.
//! Owns the hand-over: after it no task and no channel is left for an HTTP/1.1 connection.

mod http1;
mod http2;

use crate::descriptors::{self, REFUSALS_MAX};
use crate::seat::Seat;
use crate::site::Site;
use crate::tls::{H2, Tls};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a refused connection may take to read that it is.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);

/// Out of descriptors, accepting fails until a connection ends; asking at once again would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Between two looks at the first bytes of a connection that sent fewer than it takes to tell.
const SNIFF_PAUSE: Duration = Duration::from_millis(5);

/// How an HTTP/2 connection without TLS begins (RFC 9113 §3.4); no method of HTTP/1.1 may be called so.
const HTTP2_FIRST_BYTES: &[u8] = b"PRI";

/// Ends with the connection, so it needs no length.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain\r\n\r\nno place is left: limits.connections_max, or the limit on open files";

/// What every connection is driven with.
struct Driver {
    site: Arc<Site>,
    seat: Arc<Seat>,
    stop: watch::Receiver<bool>,
}

/// A connection that is ready for its first request.
enum Begun {
    Plain { stream: TcpStream, is_http2: bool },
    Tls { stream: Box<TlsStream<TcpStream>>, is_http2: bool },
}

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
                let driver = Driver { site: site.clone(), seat: Arc::new(seat), stop: stop.clone() };
                tokio::spawn(driver.drive(stream));
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

/// Says 503, and waits a little for the client to read it. Under TLS the client sees no HTTP, but an end.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 512];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    if !matches!(timeout(REFUSAL_PATIENCE, told).await, Ok(Ok(()))) {
        tracing::debug!("a refused connection did not wait to be told");
    }
}

impl Driver {
    /// Serves one connection's requests until it ends or one of them takes it over.
    async fn drive(self, stream: TcpStream) {
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| descriptors::lose_when_silent(&stream, self.site.timings.unacknowledged));
        if let Err(error) = prepared {
            tracing::debug!(%error, "a connection ended before its first request");
            return;
        }
        let mut stop = self.stop.clone();
        if *stop.borrow() {
            return;
        }
        // Whoever has asked for nothing yet is owed nothing once the router stops.
        let begun = tokio::select! {
            begun = self.begin(stream) => begun,
            _ = stop.changed() => return,
        };
        match begun {
            Some(Begun::Plain { stream, is_http2: true }) => http2::drive(self, stream).await,
            Some(Begun::Plain { stream, is_http2: false }) => http1::drive(self, stream).await,
            Some(Begun::Tls { stream, is_http2: true }) => http2::drive(self, *stream).await,
            Some(Begun::Tls { stream, is_http2: false }) => http1::drive(self, *stream).await,
            None => {}
        }
    }

    /// Finds out what a connection speaks; `None` = it ended before that.
    async fn begin(&self, stream: TcpStream) -> Option<Begun> {
        if let Some(tls) = &self.site.tls {
            let stream = Box::new(self.shake_hands(tls, stream).await?);
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            return Some(Begun::Tls { stream, is_http2 });
        }
        let is_http2 = self.site.http2 && self.is_http2(&stream).await?;
        Some(Begun::Plain { stream, is_http2 })
    }

    async fn shake_hands(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let handshake = TlsAcceptor::from(tls.config.clone()).accept(stream);
        match timeout(self.site.timings.request, handshake).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                self.site.metrics.refusals.add(&["tls_handshake"], 1);
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                self.site.metrics.refusals.add(&["tls_timeout"], 1);
                None
            }
        }
    }

    /// Looks at the first bytes without taking them; `None` = it ended before there were enough.
    async fn is_http2(&self, stream: &TcpStream) -> Option<bool> {
        let sniffed = async {
            let mut first = [0; HTTP2_FIRST_BYTES.len()];
            loop {
                let seen = stream.peek(&mut first).await.ok().filter(|seen| *seen > 0)?;
                if first[..seen] != HTTP2_FIRST_BYTES[..seen] {
                    return Some(false);
                }
                if seen == first.len() {
                    return Some(true);
                }
                tokio::time::sleep(SNIFF_PAUSE).await;
            }
        };
        // Whoever has sent nothing by then is no refusal, and ends as an idle connection does.
        timeout(self.site.timings.request, sniffed).await.ok().flatten()
    }
}
