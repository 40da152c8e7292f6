//! A scripted HTTP/1.1 server: what it saw, and exactly the bytes it answers, right or wrong.
//! Never more polite than its script.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One request as it came: head in lower case, body as it is.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: String,
}

/// What follows the answer's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    Keep,
    Close,
    /// Says nothing more and waits for the client to go.
    Hang,
    /// Chunks of a body, for as long as the client reads.
    Flood,
}

pub(super) struct Stub {
    pub(super) address: String,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) requests: mpsc::UnboundedReceiver<Seen>,
    /// One message per connection that the client closed.
    pub(super) gone: mpsc::UnboundedReceiver<()>,
}

/// A complete answer.
pub(super) fn answer(status: &str, body: &str) -> (String, Then) {
    (format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()), Then::Keep)
}

impl Stub {
    /// The script is asked with the number of the request on its connection, and the request.
    pub(super) async fn start(
        script: impl Fn(usize, &Seen) -> (String, Then) + Send + Sync + 'static,
    ) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (seen, requests) = mpsc::unbounded_channel();
        let (gone_sender, gone) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (script, seen, gone) = (Arc::clone(&script), seen.clone(), gone_sender.clone());
                tokio::spawn(async move {
                    if serve(stream, &*script, &seen).await.is_none() {
                        // A test that does not ask has dropped the other end.
                        gone.send(()).ok();
                    }
                });
            }
        });
        Stub { address, connections, requests, gone }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}

/// `None` = the client left; `Some` = the script closed.
async fn serve(
    mut stream: TcpStream,
    script: &(dyn Fn(usize, &Seen) -> (String, Then) + Send + Sync),
    seen: &mpsc::UnboundedSender<Seen>,
) -> Option<()> {
    for nth in 0.. {
        let request = read(&mut stream).await?;
        let (bytes, then) = script(nth, &request);
        drop(seen.send(request));
        stream.write_all(bytes.as_bytes()).await.ok()?;
        match then {
            Then::Keep => {}
            Then::Close => return Some(()),
            Then::Hang => while stream.read(&mut [0; 64]).await.ok()? > 0 {},
            Then::Flood => loop {
                stream.write_all(b"1000\r\n").await.ok()?;
                stream.write_all(&[b' '; 0x1000]).await.ok()?;
                stream.write_all(b"\r\n").await.ok()?;
            },
        }
    }
    None
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        fill(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |l| l.parse().expect("a length"));
    while bytes.len() < head_end + length {
        fill(stream, &mut bytes).await?;
    }
    Some(Seen { head, body: String::from_utf8_lossy(&bytes[head_end..]).into_owned() })
}

async fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(bytes).await.ok()? > 0).then_some(())
}
