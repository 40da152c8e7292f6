//! An Apache Kafka broker of one node (KRaft) on free ports of 127.0.0.1, from the jars in TIDEGATE_TEST_KAFKA_JARS.
//! Owns its process, which dies with this one; never touches a broker it did not start.

use super::PATIENCE;
use super::certificates::Certificates;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const VARIABLE: &str = "TIDEGATE_TEST_KAFKA_JARS";

/// Runs the broker until standard input closes: by us, or because this process is gone, however it went. Where that
/// happens without our word, its folder goes as well.
const UNTIL_STDIN_CLOSES: &str = r#"
    folder=$1; shift; "$@" >"$folder/log" 2>&1 </dev/null & child=$!
    read -r word; kill -9 $child; wait $child; [ "$word" = keep ] || rm -rf "$folder""#;

/// The accounts of the listeners with SASL, all with the same password.
pub(super) const PASSWORD: &str = "it's a \"s3cret\"";

pub(super) struct Server {
    jars: PathBuf,
    folder: PathBuf,
    ports: [u16; 5],
    process: Option<Child>,
    pub(super) certificates: Certificates,
}

/// The listeners, in the order of their ports.
#[derive(Clone, Copy)]
pub(super) enum Listener {
    Plain,
    Sasl,
    Tls,
    MutualTls,
    Controller,
}

/// The broker that most tests share: one takes seconds to start.
pub(super) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::start)
}

/// One of the test's own.
pub(super) fn private() -> Server {
    Server::start()
}

impl Server {
    fn start() -> Server {
        let Some(jars) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            panic!("{VARIABLE} does not name a folder of jars; `scripts/test` installs them and sets it");
        };
        let ports = [free_port(), free_port(), free_port(), free_port(), free_port()];
        let folder = std::env::temp_dir().join(format!("tidegate-kafka-{}-{}", std::process::id(), ports[0]));
        std::fs::create_dir_all(&folder).expect("makes a folder");
        let certificates = Certificates::make(&folder);
        let mut server = Server { jars, folder, ports, process: None, certificates };
        std::fs::write(server.path("server.properties"), server.properties()).expect("writes the settings");
        server.format();
        server.start_again();
        server
    }

    /// Returns once it takes requests.
    pub(super) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let (log, settings) = (self.path("log"), self.path("server.properties"));
        // An old log must not look like a start.
        drop(std::fs::remove_file(&log));
        let mut command = Command::new("sh");
        command.args(["-c", UNTIL_STDIN_CLOSES, "sh"]).arg(&self.folder).args(self.java(&["-Xmx320m"]));
        command.arg("kafka.Kafka").arg(settings).stdin(Stdio::piped()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("starts sh"));
        self.wait(&log, "Kafka Server started");
    }

    /// As `kill -9` does it, for that is what it is.
    pub(super) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let mut stdin = process.stdin.take().expect("is piped");
            stdin.write_all(b"keep\n").expect("sh reads it");
            process.wait().expect("reaps it");
        }
    }

    pub(super) fn port(&self, listener: Listener) -> u16 {
        self.ports[listener as usize]
    }

    pub(super) fn address(&self, listener: Listener) -> String {
        format!("127.0.0.1:{}", self.port(listener))
    }

    /// Runs one of Kafka's own tools with these arguments and lines on its standard input.
    pub(super) async fn tool(&self, class: &str, arguments: &[&str], input: &str) {
        let mut command = Command::new("java");
        command.args(&self.java(&["-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"])[1..]);
        command.arg(class).args(["--bootstrap-server", &self.address(Listener::Plain)]).args(arguments);
        let (class, input) = (class.to_owned(), input.to_owned());
        let ran = tokio::task::spawn_blocking(move || run(command, &input)).await.expect("no panic");
        assert!(ran.status.success(), "{class}: {ran:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn java(&self, options: &[&str]) -> Vec<String> {
        let classes = format!("{}/*", self.jars.display());
        let fixed = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &classes];
        fixed.iter().chain(options).map(|text| (*text).to_owned()).collect()
    }

    fn format(&self) {
        let mut command = Command::new("java");
        command.args(&self.java(&[])[1..]).args(["kafka.tools.StorageTool", "format", "-t"]);
        command.args(["MkU3OEVBNTcwNTJENDM2Qk", "-c"]).arg(self.path("server.properties"));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            command.arg("--add-scram").arg(format!("{mechanism}=[name=alice,password={}]", PASSWORD));
        }
        let ran = run(command, "");
        assert!(ran.status.success(), "{ran:?}");
    }

    fn wait(&mut self, log: &Path, line: &str) {
        let deadline = Instant::now() + PATIENCE * 2;
        loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            if text.contains(line) && TcpStream::connect(("127.0.0.1", self.port(Listener::Plain))).is_ok() {
                return;
            }
            let tail = || text.lines().rev().take(20).collect::<Vec<_>>().join("\n");
            assert!(Instant::now() < deadline, "kafka does not start, {VARIABLE}:\n{}", tail());
            assert!(!text.contains("Exiting Kafka"), "kafka does not start:\n{}", tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn properties(&self) -> String {
        let named = ["PLAIN", "SASL", "TLS", "MTLS", "CONTROLLER"];
        let address = |(name, port): (&&str, &u16)| format!("{name}://127.0.0.1:{port}");
        let listeners: Vec<String> = named.iter().zip(&self.ports).map(address).collect();
        let (all, advertised) = (listeners.join(","), listeners[..4].join(","));
        let (controller, folder) = (self.address(Listener::Controller), self.folder.display());
        // A Java properties file, with a JAAS text inside: both have their own way to escape.
        let password = PASSWORD.replace('"', "\\\\\"");
        format!(
            r#"
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listeners={all}
advertised.listeners={advertised}
listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,MTLS:SSL,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
# On, as it is unless somebody turns it off: subscribing must not create topics all the same.
auto.create.topics.enable=true
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=300000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.mtls.ssl.client.auth=required
"#
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts java");
    let mut stdin = child.stdin.take().expect("is piped");
    stdin.write_all(input.as_bytes()).expect("reads its input");
    drop(stdin);
    child.wait_with_output().expect("ends")
}

/// From below the range the kernel takes outgoing connections' ports from (32,768 on Linux), so that no connection of
/// another test sits on it when the server starts, or starts again.
fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(89).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(next % 12_000).expect("below 12,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
