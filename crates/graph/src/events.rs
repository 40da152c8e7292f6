//! The event dialect: which root fields are fed by, or publish to, a broker, and how.
//! Owns reading EDFS directives from SDL and from a composed supergraph; never talks to a broker.

use crate::condition::Filter;
use crate::diagnostic::Diagnostic;
use crate::template::Template;

mod arguments;
pub(crate) mod catalog;
pub(crate) mod dialect;
mod feed;
mod field;
mod filter;
mod repeated;
pub(crate) mod subgraph;
mod supergraph;
#[cfg(test)]
mod tests;

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
    pub feed: Feed,
    pub filter: Option<Filter>,
    /// What a published message is keyed by, where the broker has keys (Kafka).
    pub key: Option<Template>,
    /// Headers of a published message or a request, in the order they are written.
    pub headers: Vec<(String, Template)>,
}

/// Which root type the field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    Query,
    Mutation,
    Subscription,
}

impl Root {
    pub const ALL: [Root; 3] = [Root::Query, Root::Mutation, Root::Subscription];

    /// The name the root type has where a schema does not rename it.
    pub fn as_str(self) -> &'static str {
        match self {
            Root::Query => "Query",
            Root::Mutation => "Mutation",
            Root::Subscription => "Subscription",
        }
    }
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

/// What kind of place the subjects name at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Feed {
    /// What the transport has by itself: a NATS subject, a Kafka topic, a Redis channel by its exact name.
    #[default]
    Plain,
    /// A JetStream stream, its subjects the filter.
    Stream(Stream),
    /// Redis channels by glob pattern.
    Patterns,
    /// Keys that hold Redis Streams.
    Log,
}

impl Feed {
    /// Whether the broker keeps the place of subscribers that left, for those who come after them.
    pub fn resumes(&self) -> bool {
        matches!(self, Feed::Stream(stream) if stream.consumer_name.is_some())
    }
}

/// `edfs__NatsStreamConfiguration`, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    pub stream_name: String,
    /// A durable consumer begins with this; without it nothing is kept at the server between subscriptions.
    pub consumer_name: Option<String>,
    /// 0 = a durable consumer without subscribers is kept for ever.
    pub consumer_inactive_threshold_seconds: u32,
}

/// Whether a subgraph's schema uses the event dialect; text that does not parse does not.
pub fn is_events_subgraph(sdl: &str) -> bool {
    catalog::Catalog::parse("", sdl).is_ok_and(|catalog| {
        let fields = catalog.types.values().flat_map(|entry| &entry.fields);
        fields.into_iter().any(|field| dialect::is_tied(&field.directives))
    })
}

/// Directives of a schema that seem to be meant as words of the dialect; misspelt they would tie nothing to a broker.
pub(crate) fn misspelt(catalog: &catalog::Catalog) -> Vec<Diagnostic> {
    let fields = catalog.types.values().flat_map(|entry| &entry.fields);
    let directives = fields.flat_map(|field| field.directives.iter());
    let error = |directive: &apollo_compiler::Node<apollo_compiler::ast::Directive>| {
        let meant = dialect::meant_by(&directive.name)?;
        let message = format!("`@{}` is no directive of the event dialect", directive.name);
        Some(catalog.error(directive.location(), message).help(format!("did you mean `@{meant}`?")))
    };
    directives.filter_map(error).collect()
}

/// Reads the bindings back from a composed supergraph, where they are `@join__directive`s on the root fields.
pub fn bindings(supergraph_sdl: &str) -> Result<Vec<Binding>, Vec<Diagnostic>> {
    supergraph::read(supergraph_sdl)
}
