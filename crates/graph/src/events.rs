//! The event dialect: which root fields are fed by, or publish to, a broker, and how.
//! Owns reading EDFS directives from SDL and from a composed supergraph; never talks to a broker.

use crate::condition::Filter;
use crate::template::Template;

/// One root field's tie to a broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    pub root: Root,
    pub field: String,
    /// The name of the events subgraph that declares the field.
    pub subgraph: String,
    pub transport: Transport,
    pub action: Action,
    /// `providerId`, `default` where the schema does not say.
    pub provider: String,
    /// Subjects, topics or channels; exactly one for publish and request.
    pub subjects: Vec<Template>,
    pub stream: Option<Stream>,
    pub filter: Option<Filter>,
}

/// Which root type the field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    Query,
    Mutation,
    Subscription,
}

/// The broker family the directive names; providers are looked up by family and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Nats,
    Kafka,
    Redis,
    /// `@eventsSubscribe(topic:)` and friends: whichever provider has the id.
    Any,
}

impl Transport {
    /// The name in configuration and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Nats => "nats",
            Transport::Kafka => "kafka",
            Transport::Redis => "redis",
            Transport::Any => "events",
        }
    }
}

/// What the field does with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Subscribe,
    Publish,
    Request,
}

/// `edfs__NatsStreamConfiguration`, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    pub stream_name: String,
    pub consumer_name: String,
    pub consumer_inactive_threshold_seconds: u32,
}
