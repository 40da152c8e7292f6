//! A `nats-server` process for one test: a free port of 127.0.0.1, stopped by its process id when dropped.
//! Never touches a server it did not start.

use super::{PATIENCE, until};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const VARIABLE: &str = "TIDEGATE_TEST_NATS_SERVER";

pub(super) struct Server {
    program: PathBuf,
    port: u16,
    monitor_port: u16,
    config: Option<PathBuf>,
    /// Where JetStream keeps its streams, if it is on.
    store: Option<PathBuf>,
    child: Option<Child>,
}

impl Server {
    /// A place for a server that does not run yet.
    pub(super) fn reserve() -> Server {
        let Some(program) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            panic!("{VARIABLE} does not name a nats-server; `scripts/test` installs one and sets it");
        };
        let [port, monitor_port] = [free_port(), free_port()];
        Server { program, port, monitor_port, config: None, store: None, child: None }
    }

    pub(super) async fn start() -> Server {
        let mut server = Server::reserve();
        server.start_again().await;
        server
    }

    pub(super) async fn start_with(config: &str) -> Server {
        let mut server = Server::reserve();
        let path = server.place("conf");
        std::fs::write(&path, config).expect("writes the configuration");
        server.config = Some(path);
        server.start_again().await;
        server
    }

    /// With JetStream, whose store outlives a restart; the configuration may be empty.
    pub(super) async fn start_streams(config: &str) -> Server {
        let mut server = Server::reserve();
        if !config.is_empty() {
            let path = server.place("conf");
            std::fs::write(&path, config).expect("writes the configuration");
            server.config = Some(path);
        }
        server.store = Some(server.place("store"));
        server.start_again().await;
        server
    }

    fn place(&self, kind: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tidegate-nats-{}-{}-{kind}", std::process::id(), self.port))
    }

    /// Returns once it listens.
    pub(super) async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let mut command = Command::new(&self.program);
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-m", &self.monitor_port.to_string()]);
        if let Some(config) = &self.config {
            command.arg("-c").arg(config);
        }
        if let Some(store) = &self.store {
            command.arg("-js").arg("-sd").arg(store);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{VARIABLE}: {error}")));
        for port in [self.port, self.monitor_port] {
            until("the server listens", async || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("stops our own child");
            child.wait().expect("reaps it");
        }
    }

    /// Gives it another configuration, which it takes over some time after this returns.
    pub(super) fn reload(&self, config: &str) {
        std::fs::write(self.config.as_ref().expect("it has one"), config).expect("writes the configuration");
        let status = Command::new("kill").args(["-HUP", &self.pid().to_string()]).status();
        assert!(status.expect("is there").success());
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// One page of its monitor.
    pub(super) async fn monitor(&self, page: &str) -> serde_json::Value {
        let url = format!("http://127.0.0.1:{}/{page}", self.monitor_port);
        let answer =
            crate::fetch_url(&url, 1 << 20, PATIENCE.min(Duration::from_secs(5))).await.expect("answers");
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// Messages that clients sent it, and that it sent to clients.
    pub(super) async fn traffic(&self) -> (u64, u64) {
        let page = self.monitor("varz").await;
        let count = |name: &str| page[name].as_u64().expect("a count");
        (count("in_msgs"), count("out_msgs"))
    }

    /// The subjects of its clients' subscriptions that start so, from the monitor; sorted.
    pub(super) async fn subscriptions(&self, prefix: &str) -> Vec<String> {
        let answer = self.monitor("connz?subs=1").await;
        let connections = answer["connections"].as_array().expect("connections");
        let subjects = connections.iter().filter_map(|c| c["subscriptions_list"].as_array()).flatten();
        let mut subjects: Vec<String> =
            subjects.filter_map(|s| s.as_str()).filter(|s| s.starts_with(prefix)).map(String::from).collect();
        subjects.sort();
        subjects
    }
}

/// From below the range the kernel takes outgoing connections' ports from (32,768 on Linux), so that no
/// connection of another test sits on it when the server starts, or starts again.
fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(97).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(next % 12_000).expect("below 12,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some(config) = self.config.take() {
            drop(std::fs::remove_file(config));
        }
        if let Some(store) = self.store.take() {
            drop(std::fs::remove_dir_all(store));
        }
    }
}
