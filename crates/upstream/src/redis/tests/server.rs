//! A `redis-server` process for one test: free ports of 127.0.0.1, a folder of its own, stopped by its process id when
//! dropped. Never touches a server it did not start.

use super::until;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "TIDEGATE_TEST_REDIS_SERVER";

pub(super) struct Server {
    pub(super) port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
    /// How the test itself gets in.
    entrance: String,
}

impl Server {
    /// A place for a server that does not run yet.
    pub(super) fn reserve(arguments: &[&str]) -> Server {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("tidegate-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("makes a folder");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Server { port, folder, arguments, child: None, entrance: format!("redis://127.0.0.1:{port}") }
    }

    pub(super) async fn start() -> Server {
        Server::start_with(&[]).await
    }

    pub(super) async fn start_with(arguments: &[&str]) -> Server {
        let mut server = Server::reserve(arguments);
        server.start_again().await;
        server
    }

    /// Lets the test itself in with these credentials, `user:password`.
    pub(super) fn entered_as(mut self, credentials: &str) -> Server {
        self.entrance = self.url_as(credentials);
        self
    }

    /// Returns once it listens.
    pub(super) async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let program = std::env::var_os(VARIABLE).unwrap_or_else(|| "redis-server".into());
        let mut command = Command::new(&program);
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &self.port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(&self.folder).args(&self.arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!(
                "cannot start {} ({error}): run the tests by `bash scripts/test`, which installs what they need, \
                 or name a redis-server in {VARIABLE}",
                program.display()
            )
        }));
        until("the server listens", async || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    /// `kill -9`.
    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("stops our own child");
            child.wait().expect("reaps it");
        }
    }

    /// Stops or continues the process without ending it: its connections stay, and say nothing.
    pub(super) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let done = Command::new("kill").args([signal, &pid]).status().expect("`kill` runs");
        assert!(done.success());
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn url_as(&self, credentials: &str) -> String {
        format!("redis://{credentials}@127.0.0.1:{}", self.port)
    }

    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("writes a file");
        path
    }

    /// A connection of the test's own.
    pub(super) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(&*self.entrance).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("connects")
    }

    /// Sends one command, written with spaces between its words.
    pub(super) async fn call<T: FromRedisValue>(&self, words: &str) -> T {
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = Cmd::new();
        command.arg(&words);
        command
            .query_async(&mut self.connection().await)
            .await
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// How many clients a channel has.
    pub(super) async fn listeners(&self, channel: &str) -> usize {
        self.call::<(String, usize)>(&format!("PUBSUB NUMSUB {channel}")).await.1
    }

    /// Connections other than the one that asks.
    pub(super) async fn clients(&self) -> usize {
        self.call::<String>("CLIENT LIST").await.lines().count() - 1
    }
}

/// From below the range the kernel takes outgoing connections' ports from (32,768 on Linux), and from that of the NATS
/// tests, so that nothing else sits on it when the server starts, or starts again.
pub(super) fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(97).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + u16::try_from(next % 8_000).expect("below 8,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
