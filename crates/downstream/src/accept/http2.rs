//! One HTTP/2 connection: many requests at once; a stream of events is the body of one, fed by a shard.
//! Owns the bounds of such a connection; its frames are the HTTP library's.

use super::Driver;
use super::http1::Socket;
use crate::http::{self, Door};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) async fn drive(driver: Driver, stream: impl Socket) {
    let Driver { site, seat, mut stop } = driver;
    let has_asked = Arc::new(AtomicBool::new(false));
    let (answering, asked) = (site.clone(), has_asked.clone());
    let answer = hyper::service::service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        Box::pin(http::answer(answering.clone(), request, Door::Body(seat.clone())))
    });
    let bound = |max: usize| u32::try_from(max).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(bound(site.limits.http2_streams_max))
        // The library resets what is over this, so `answer` refuses with a status before.
        .max_header_list_size(bound(site.limits.request_head_bytes_max.saturating_mul(2)))
        .keep_alive_interval(site.timings.ping)
        .keep_alive_timeout(site.timings.ping)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let mut is_stopping = *stop.borrow();
    if is_stopping {
        connection.as_mut().graceful_shutdown();
    }
    let silence = tokio::time::sleep(site.timings.request);
    let mut silence = std::pin::pin!(silence);
    let mut is_silence_over = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an HTTP/2 connection ended early");
                }
                return;
            }
            _ = stop.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut(), if !is_silence_over => {
                is_silence_over = true;
                if !has_asked.load(Ordering::Relaxed) {
                    site.metrics.refusals.add(&["head_timeout"], 1);
                    return;
                }
            }
        }
    }
}
