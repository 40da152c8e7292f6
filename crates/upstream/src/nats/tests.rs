//! The NATS broker against a real `nats-server`, named by TIDEGATE_TEST_NATS_SERVER; without it these tests
//! say so and pass. Each starts its own server on a free port of 127.0.0.1.

mod connection;
mod durable;
mod identity;
mod plain;
mod publish;
mod request;
mod server;
mod stream;
mod tls;
mod trouble;

use super::*;
use crate::broker_tests::{numbers, payloads, take_within, until_within};
use async_nats::jetstream::stream::RetentionPolicy as Retention;
use bytes::Bytes;
use engine::event::Message;
use futures::FutureExt;
use graph::events::Stream;
use server::Server;
use std::time::Duration;

/// The tests' patience with a real process. Never a measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(server: &Server) -> Options {
    Options { timeout: PATIENCE, ..Options::new("default", vec![server.url()]) }
}

async fn connect(options: Options) -> NatsBroker {
    NatsBroker::connect(options, &Metrics::default()).await.expect("options are right")
}

async fn broker(server: &Server) -> NatsBroker {
    connect(options(server)).await
}

fn subscribe(subjects: &[&str]) -> Subscribe {
    let subjects = subjects.iter().map(|s| (*s).to_owned()).collect();
    Subscribe { subjects, feed: Feed::Plain, batch_events_max: 256 }
}

fn outgoing(subject: &str, payload: &str) -> Outgoing {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    Outgoing::new(subject, payload)
}

async fn take(source: &mut Box<dyn Source>, count: usize) -> Vec<Message> {
    take_within(PATIENCE, source.as_mut(), count).await
}

/// A stream `ORDERS` on `orders.>`, and an operator's hands on it.
struct Orders {
    server: Server,
    jetstream: async_nats::jetstream::Context,
}

impl Orders {
    async fn start() -> Orders {
        let server = Server::start_streams("").await;
        Orders::with(server, "").await
    }

    /// On a server whose users have the password `p`; the operator has a name where the server wants one.
    async fn with(server: Server, operator: &str) -> Orders {
        let client = match operator {
            "" => async_nats::connect(server.url()).await,
            user => {
                let options = async_nats::ConnectOptions::with_user_and_password(user.into(), "p".into());
                options.connect(server.url()).await
            }
        };
        let orders = Orders { jetstream: async_nats::jetstream::new(client.expect("connects")), server };
        orders.create(Retention::Limits).await;
        orders
    }

    async fn create(&self, retention: Retention) {
        let config = async_nats::jetstream::stream::Config {
            name: "ORDERS".into(),
            subjects: vec!["orders.>".into()],
            retention,
            ..Default::default()
        };
        self.jetstream.create_stream(config).await.expect("creates");
    }

    async fn stream(&self) -> async_nats::jetstream::stream::Stream {
        self.jetstream.get_stream("ORDERS").await.expect("is there")
    }

    /// Publishes numbers on a subject, each confirmed by the stream.
    async fn fill(&self, subject: &str, numbers: std::ops::Range<u32>) {
        for n in numbers {
            let publish = self.jetstream.publish(subject.to_owned(), n.to_string().into());
            publish.await.expect("publishes").await.expect("is confirmed");
        }
    }

    async fn consumers(&self) -> Vec<async_nats::jetstream::consumer::Info> {
        let consumers = self.stream().await.consumers();
        consumers.map(|consumer| consumer.expect("answers")).collect().await
    }

    async fn consumer_names(&self) -> Vec<String> {
        self.consumers().await.into_iter().map(|consumer| consumer.name).collect()
    }

    fn options(&self) -> Options {
        Options { instance: "router-1:4000".into(), ..options(&self.server) }
    }

    fn options_as(&self, user: &str) -> Options {
        let url = self.server.url().replace("://", &format!("://{user}:p@"));
        Options { urls: vec![url], ..self.options() }
    }

    async fn broker(&self) -> NatsBroker {
        connect(self.options()).await
    }
}

/// A subscription at `ORDERS`, by a durable consumer where it has a name.
fn at_orders(consumer: Option<&str>, subjects: &[&str]) -> Subscribe {
    let stream = Stream {
        stream_name: "ORDERS".into(),
        consumer_name: consumer.map(String::from),
        consumer_inactive_threshold_seconds: 0,
    };
    Subscribe { feed: Feed::Stream(stream), ..subscribe(subjects) }
}

/// Takes messages and acknowledges them.
async fn take_acked(source: &mut Box<dyn Source>, count: usize) -> Vec<Message> {
    let messages = take(source, count).await;
    source.ack(messages.last().expect("at least one").position).await;
    messages
}

async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}
