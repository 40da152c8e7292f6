//! Both ends of the pipe against each other.
//! Owns no runtime: bodies are polled by hand.

use super::*;
use http_body::Body;
use std::sync::atomic::{AtomicUsize, Ordering};

fn next(outlet: &mut Outlet) -> Poll<Option<Result<Bytes, ErrorKind>>> {
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(outlet).poll_frame(&mut cx).map(|frame| {
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()).map_err(|error| error.kind()))
    })
}

fn counted(inlet: &Inlet) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    inlet.on_change(Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    count
}

#[test]
fn it_takes_what_fits_and_tells_once_of_room() {
    let (inlet, mut outlet) = pipe();
    let nudges = counted(&inlet);
    let chunk = vec![7; BYTES_MAX / 4];
    for _ in 0..4 {
        assert_eq!(inlet.write(&chunk).unwrap(), chunk.len());
    }
    assert_eq!(inlet.write(&chunk).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(matches!(next(&mut outlet), Poll::Ready(Some(Ok(_)))));
    assert_eq!(nudges.load(Ordering::Relaxed), 0, "there is little room yet");
    assert!(matches!(next(&mut outlet), Poll::Ready(Some(Ok(_)))));
    assert!(matches!(next(&mut outlet), Poll::Ready(Some(Ok(_)))));
    assert_eq!(nudges.load(Ordering::Relaxed), 1);
    assert_eq!(inlet.write(&vec![7; BYTES_MAX]).unwrap(), 3 * chunk.len(), "as far as there is room");
}

#[test]
fn an_end_is_whole_and_a_loss_is_not() {
    for is_finished in [true, false] {
        let (inlet, mut outlet) = pipe();
        inlet.write(b"last").unwrap();
        if is_finished {
            inlet.finish();
        }
        drop(inlet);
        if is_finished {
            assert_eq!(next(&mut outlet), Poll::Ready(Some(Ok(Bytes::from_static(b"last")))));
            assert_eq!(next(&mut outlet), Poll::Ready(None));
        } else {
            assert_eq!(next(&mut outlet), Poll::Ready(Some(Err(ErrorKind::ConnectionAborted))));
        }
    }
}

#[test]
fn a_reader_that_is_gone_is_told_to_the_writer() {
    let (inlet, mut outlet) = pipe();
    let nudges = counted(&inlet);
    assert_eq!(next(&mut outlet), Poll::Pending);
    drop(outlet);
    assert!(nudges.load(Ordering::Relaxed) == 1 && inlet.is_reader_gone());
    assert_eq!(inlet.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}
