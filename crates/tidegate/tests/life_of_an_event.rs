//! One subscribe and one event through a whole router, over real sockets: the steps and their order are the ones that
//! ARCHITECTURE.md lists. If the way changes, the page and this list change with it.

use graph::compose::{SchemaSource, compose};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tidegate::{
    Config, Event, Hook, Outgoing, Policy, Refusal, Running, Select, Selection, Tidegate, View, async_trait,
};
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber, span};

const SUBSCRIBE: [&str; 11] = [
    "serve",
    "negotiate",
    "authenticate",
    "prepare",
    "authorize",
    "Engine::subscribe",
    "Template::render",
    "Hook::on_subscribe",
    "Registry::join",
    "Broker::subscribe",
    "Trigger::admit",
];

const EVENT: [&str; 12] = [
    "Source::next",
    "Hook::on_receive",
    "FilterIndex::select",
    "Groups::split",
    "Hook::on_select",
    "resolve",
    "Subgraph::fetch",
    "project",
    "Pipeline::settle",
    "Group::deliver",
    "Outbox::push",
    "Source::ack",
];

/// On the shard's own thread, beside the ack.
const WIRE: [&str; 2] = ["frame", "write"];

/// Notes the steps of the way, from every thread.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Vec<String>>>);

impl Steps {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }

    /// Everything up to and with this step, once it has come.
    fn until(&self, last: &str) -> Vec<String> {
        let mut steps = Vec::new();
        while !steps.iter().any(|step| step == last) {
            steps.extend(self.take());
            std::thread::yield_now();
        }
        steps
    }
}

impl Subscriber for Steps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "way"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Step<'a>(&'a Steps);
        impl Visit for Step<'_> {
            fn record_str(&mut self, _field: &Field, value: &str) {
                self.0.0.lock().expect("not poisoned").push(value.to_owned());
            }
            fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
        }
        event.record(&mut Step(self));
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

/// Takes part in every step and changes nothing.
struct Watch;

#[async_trait]
impl Hook for Watch {
    fn name(&self) -> &str {
        "watch"
    }

    fn policy(&self) -> Policy {
        Policy { receives: true, selects: true, view: View::nothing(), ..Policy::default() }
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        Ok(events)
    }

    async fn on_select(&self, _select: &Select) -> Result<Selection, Refusal> {
        Ok(Selection::Keep)
    }
}

/// A subgraph that knows one employee.
fn subgraph() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).ok()? > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let body = r#"{"data":{"_entities":[{"__typename":"Employee","name":"Ada"}]}}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        (&stream).write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()?;
    }
}

async fn router() -> Running {
    let source = |name: &str, routing_url: Option<String>, sdl: &str| SchemaSource {
        name: name.into(),
        routing_url,
        sdl: sdl.into(),
        origin: name.into(),
    };
    let employees =
        "type Query { me: Employee } type Employee @key(fields: \"id\") { id: Int! name: String! }";
    let events = "type Subscription { employeeUpdated(employeeID: Int!): Employee! \
                  @edfs__natsSubscribe(subjects: [\"employeeUpdated.{{ args.employeeID }}\"]) } \
                  type Employee @key(fields: \"id\", resolvable: false) { id: Int! @external }";
    let url = format!("http://{}/graphql", subgraph());
    let composed = compose(&[source("employees", Some(url), employees), source("events", None, events)]);
    let settings = "http: {port: 0}\nadmin: {port: 0}\nevents: {providers: {memory: [{id: default}]}}\n";
    let config = Config::read(settings, "test", Path::new(""), &[]).expect("sound settings").config;
    let router = Tidegate::builder().config(config).supergraph(composed.expect("composes").sdl).hook(Watch);
    router.start().await.expect("starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_is_the_one_on_the_map() {
    let steps = Steps::default();
    tracing::subscriber::set_global_default(steps.clone()).expect("the only one of this program");
    let router = router().await;

    let mut client = TcpStream::connect(router.address()).expect("serves");
    let query = r#"{"query":"subscription { employeeUpdated(employeeID: 1) { id name } }"}"#;
    let head = "POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n";
    let accept = format!("accept: text/event-stream\r\ncontent-length: {}\r\n\r\n", query.len());
    client.write_all(format!("{head}{accept}{query}").as_bytes()).expect("connected");
    let subscribed = steps.until("Trigger::admit");
    // The head of the stream is written while the subscription is on its way in.
    let subscribed: Vec<_> = subscribed.into_iter().filter(|step| step != "write").collect();
    assert_eq!(subscribed, SUBSCRIBE);

    let message = Outgoing::new("employeeUpdated.1", r#"{"__typename":"Employee","id":1}"#);
    router.provider("default").expect("configured").publish(message).await.expect("published");
    let mut line = String::new();
    let mut reader = BufReader::new(client);
    while !line.starts_with("data:") {
        line.clear();
        assert!(reader.read_line(&mut line).expect("readable") > 0, "the stream ended");
    }
    assert_eq!(line, "data: {\"data\":{\"employeeUpdated\":{\"id\":1,\"name\":\"Ada\"}}}\n");
    let happened = steps.until("Source::ack");
    let (wire, engine): (Vec<_>, Vec<_>) =
        happened.into_iter().partition(|step| WIRE.contains(&step.as_str()));
    assert_eq!(engine, EVENT);
    // A head written late may stand before them.
    assert_eq!(wire[wire.len() - 2..], WIRE);
    drop(reader);
    router.stop().await;
}
