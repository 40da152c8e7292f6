//! A proxy in front of the shared broker, which holds requests back, freezes connections and edits answers.

use super::server::{Listener, Server};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The protocol's numbers of the requests that tests speak of.
pub(super) const PRODUCE: i16 = 0;
pub(super) const FETCH: i16 = 1;
pub(super) const LIST_OFFSETS: i16 = 2;

/// What it does to what passes, from now on.
#[derive(Clone, Default)]
struct Rules {
    /// Requests of this kind wait.
    held: Option<i16>,
    /// Connections of an earlier turn that have carried a request of this kind pass no request on.
    frozen: Option<i16>,
    turn: usize,
    /// In every answer; both of one length.
    edits: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(super) struct Proxy {
    port: u16,
    rules: watch::Sender<Rules>,
    /// Requests that came, by their kind.
    seen: Arc<Mutex<BTreeMap<i16, usize>>>,
}

impl Proxy {
    pub(super) async fn start(server: &Server) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("is bound").port();
        let (rules, _) = watch::channel(Rules::default());
        let proxy = Proxy { port, rules, seen: Arc::default() };
        let (rules, seen) = (proxy.rules.clone(), Arc::clone(&proxy.seen));
        // Clients go where the broker says it is: here.
        let place = |port: u16| [b"127.0.0.1", &u32::from(port).to_be_bytes()[..]].concat();
        let target = server.port(Listener::Plain);
        proxy.edit(place(target), place(port));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", target)).await.expect("it runs");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (rules, seen) = (rules.subscribe(), Arc::clone(&seen));
                let requests = requests(from_client, to_server, rules.clone(), seen);
                let answers = answers(from_server, to_client, rules);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = requests => {}
                        _ = answers => {}
                    }
                });
            }
        });
        proxy
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn hold(&self, kind: Option<i16>) {
        self.rules.send_modify(|rules| rules.held = kind);
    }

    /// Black-holes the connections that have carried such a request. Later ones work.
    pub(super) fn freeze(&self, kind: i16) {
        self.rules.send_modify(|rules| {
            rules.frozen = Some(kind);
            rules.turn += 1;
        });
    }

    pub(super) fn edit(&self, from: Vec<u8>, to: Vec<u8>) {
        assert_eq!(from.len(), to.len());
        self.rules.send_modify(|rules| rules.edits.push((from, to)));
    }

    /// Takes the last edit back.
    pub(super) fn unedit(&self) {
        self.rules.send_modify(|rules| drop(rules.edits.pop()));
    }

    pub(super) fn seen(&self, kind: i16) -> usize {
        self.seen.lock().expect("no panic").get(&kind).copied().unwrap_or_default()
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut rules: watch::Receiver<Rules>,
    seen: Arc<Mutex<BTreeMap<i16, usize>>>,
) -> std::io::Result<()> {
    let born = rules.borrow().turn;
    let mut carried = Vec::new();
    loop {
        let frame = frame(&mut from).await?;
        let kind = i16::from_be_bytes([frame[0], frame[1]]);
        carried.push(kind);
        *seen.lock().expect("no panic").entry(kind).or_default() += 1;
        let passes = |rules: &Rules| {
            let is_frozen = rules.turn > born && rules.frozen.is_some_and(|kind| carried.contains(&kind));
            rules.held != Some(kind) && !is_frozen
        };
        drop(rules.wait_for(passes).await);
        send(&mut to, &frame).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    rules: watch::Receiver<Rules>,
) -> std::io::Result<()> {
    loop {
        let mut frame = frame(&mut from).await?;
        let edits = rules.borrow().edits.clone();
        for (old, new) in edits {
            let mut at = 0;
            while let Some(found) = frame[at..].windows(old.len()).position(|window| window == old) {
                frame[at + found..at + found + new.len()].copy_from_slice(&new);
                at += found + new.len();
            }
        }
        send(&mut to, &frame).await?;
    }
}

async fn frame(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; from.read_u32().await? as usize];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn send(to: &mut OwnedWriteHalf, frame: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(frame.len()).expect("small");
    to.write_all(&[&length.to_be_bytes(), frame].concat()).await
}
