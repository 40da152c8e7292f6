//! For tests: an engine that does what its documents say, and a server around it.
//! Owns no assertion; waits by channel, never by sleeping.

pub(crate) mod client;

use crate::backend::{Backend, Call, Joined};
use crate::options::{Drain, Options, Timings};
use crate::server::{Server, serve_backend};
use bytes::Bytes;
use engine::outbox::{End, Member, MemberId, Overflow, Payload, ShardTurn};
use engine::{Identity, Limits, Request};
use futures::future::BoxFuture;
use graph::error::{Code, GraphqlError};
use graph::operation::Kind;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Long enough for a busy machine; only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the engine saw.
pub(crate) enum Seen {
    Prepared,
    Joined(Member),
    Left(MemberId),
    Drained,
}

/// Runs documents by their first words; see `prepare` and `FakeCall`.
pub(crate) struct FakeEngine {
    seen: Mutex<Sender<Seen>>,
    /// Lets one document that begins with `slow` go on.
    pub(crate) gate: Arc<Semaphore>,
}

struct FakeCall {
    kind: Kind,
    request: Request,
    identity: Identity,
    seen: Sender<Seen>,
    gate: Arc<Semaphore>,
}

struct Guard(MemberId, Sender<Seen>);

impl Drop for Guard {
    fn drop(&mut self) {
        // A test that is over listens no more.
        drop(self.1.send(Seen::Left(self.0)));
    }
}

impl Backend for FakeEngine {
    fn prepare(
        &self,
        request: Request,
        identity: Identity,
    ) -> BoxFuture<'static, Result<Box<dyn Call>, Vec<GraphqlError>>> {
        let (seen, gate) = (self.seen.lock().unwrap().clone(), self.gate.clone());
        Box::pin(async move {
            drop(seen.send(Seen::Prepared));
            if request.query.contains("invalid") {
                return Err(vec![GraphqlError::new(Code::GraphqlValidationFailed, "invalid")]);
            }
            if request.query.contains("forbidden") {
                return Err(vec![GraphqlError::new(Code::Forbidden, "forbidden")]);
            }
            assert!(!request.query.contains("panic"), "the document asked for it");
            let kind = match request.query.split_whitespace().next() {
                Some("subscription") => Kind::Subscription,
                Some("mutation") => Kind::Mutation,
                _ => Kind::Query,
            };
            Ok(Box::new(FakeCall { kind, request, identity, seen, gate }) as Box<dyn Call>)
        })
    }

    fn drain(&self) -> BoxFuture<'static, ()> {
        drop(self.seen.lock().unwrap().send(Seen::Drained));
        Box::pin(async {})
    }
}

impl FakeCall {
    async fn pass_gate(&self) {
        if self.request.query.contains("slow") {
            self.gate.acquire().await.unwrap().forget();
        }
    }
}

impl Call for FakeCall {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn execute(self: Box<Self>) -> BoxFuture<'static, Bytes> {
        Box::pin(async move {
            self.pass_gate().await;
            let claims = &*self.identity.claims;
            Bytes::from(json!({ "data": { "echo": self.request.variables, "claims": claims } }).to_string())
        })
    }

    fn subscribe(self: Box<Self>, member: Member) -> BoxFuture<'static, Result<Joined, Vec<GraphqlError>>> {
        if self.request.query.contains("refused") {
            let refusal = GraphqlError::new(Code::SubscriptionRefused, "not you");
            return Box::pin(async { Err(vec![refusal]) });
        }
        // From here on it can be left, before it has joined too.
        let guard = Guard(member.id, self.seen.clone());
        Box::pin(async move {
            self.pass_gate().await;
            drop(self.seen.send(Seen::Joined(member)));
            Ok(Box::new(guard) as Joined)
        })
    }
}

/// A server over a fake engine, with its own runtime.
pub(crate) struct World {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) server: Option<Server>,
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) address: SocketAddr,
    seen: Receiver<Seen>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(Limits::default(), Options { timings: patient(), ..Options::default() })
    }

    pub(crate) fn with(limits: Limits, options: Options) -> World {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (sender, seen) = channel();
        let engine = Arc::new(FakeEngine { seen: Mutex::new(sender), gate: Arc::new(Semaphore::new(0)) });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let options = Options { shards: 1, ..options };
        let entered = runtime.enter();
        let server = serve_backend(listener, engine.clone(), Arc::new(limits), options).unwrap();
        drop(entered);
        World { runtime, address: server.address(), server: Some(server), engine, seen }
    }

    /// The next thing the engine saw, preparations aside.
    pub(crate) fn next(&self) -> Seen {
        loop {
            match self.seen.recv_timeout(PATIENCE).expect("the engine should have seen something") {
                Seen::Prepared => {}
                seen => return seen,
            }
        }
    }

    /// All it saw by now.
    pub(crate) fn seen_so_far(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }

    pub(crate) fn joined(&self) -> Member {
        match self.next() {
            Seen::Joined(member) => member,
            _ => panic!("expected a join"),
        }
    }

    pub(crate) fn left(&self) -> MemberId {
        match self.next() {
            Seen::Left(member) => member,
            _ => panic!("expected a leave"),
        }
    }

    pub(crate) fn prepared(&self) {
        assert!(matches!(self.seen.recv_timeout(PATIENCE), Ok(Seen::Prepared)), "expected a preparation");
    }

    pub(crate) fn push(&self, member: &Member, turn: ShardTurn) {
        self.runtime.block_on(member.shard.push(turn));
    }

    pub(crate) fn deliver(&self, members: &[&Member], json: &str, overflow: Overflow) {
        let payload = Payload { json: Bytes::copy_from_slice(json.as_bytes()), overflow, key: None };
        let ids: Arc<[MemberId]> = members.iter().map(|member| member.id).collect();
        self.push(members[0], ShardTurn::Deliver { payload, members: ids });
    }

    pub(crate) fn end(&self, member: &Member, end: End) {
        self.push(member, ShardTurn::End { members: [member.id].into(), end });
    }

    pub(crate) fn metrics(&self) -> String {
        self.server.as_ref().unwrap().metrics().render()
    }

    /// Waits until no connection is left.
    pub(crate) async fn all_gone(&self) {
        self.server.as_ref().unwrap().all_gone().await;
    }

    /// Drains on the runtime's threads, so that the test can go on reading.
    pub(crate) fn drain(&mut self) -> tokio::task::JoinHandle<()> {
        self.drain_as(at_once())
    }

    pub(crate) fn drain_as(&mut self, drain: Drain) -> tokio::task::JoinHandle<()> {
        let server = self.server.take().unwrap();
        self.runtime.spawn(server.drain(drain))
    }
}

/// Everybody ends now.
pub(crate) fn at_once() -> Drain {
    Drain { spread: Duration::ZERO, within: PATIENCE, completes_event_streams: true }
}

/// No timer fires by itself within a test.
pub(crate) fn patient() -> Timings {
    let long = Duration::from_secs(3600);
    let heartbeats = Timings { heartbeat: long, multipart_heartbeat: long, ..Timings::default() };
    Timings { connection_init: long, ping: long, ..heartbeats }
}
