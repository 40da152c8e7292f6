//! The plugs: Broker, Source, Subgraph, Hook. Rooms beside the engine implement them; users implement Hook.
//! Owns the contracts, and no behaviour.

use crate::event::{Event, Message, Position};
use crate::identity::{Identity, View, Viewer};
use async_trait::async_trait;
use bytes::Bytes;
use graph::Object;
use graph::events::{Action, Feed};
use graph::template::SubjectRule;
use std::sync::Arc;
use std::time::Duration;

/// A broker connection of one provider: hands out sources, takes messages.
#[async_trait]
pub trait Broker: Send + Sync {
    /// What a rendered argument may hold here.
    fn rule(&self) -> SubjectRule;

    /// Opens one subscription at the broker. Returns once the broker has it, so that no later message is missed.
    /// While the broker is away it waits for the connection, up to the engine's `broker_timeout`, and must survive
    /// later losses by itself: a source reconnects, it does not end.
    async fn subscribe(&self, subscribe: Subscribe) -> Result<Box<dyn Source>, BrokerError>;

    /// Whether its messages have headers.
    fn has_headers(&self) -> bool {
        true
    }

    /// Publishes and returns once the broker has the message (as far as that broker can say).
    async fn publish(&self, message: Outgoing) -> Result<(), BrokerError>;

    /// Sends a message and waits for the one that answers it, as long as the provider's own settings say. A broker
    /// without request and reply refuses.
    async fn request(&self, message: Outgoing) -> Result<Bytes, BrokerError> {
        let Outgoing { subject, .. } = message;
        Err(BrokerError::Refused(format!("nobody can be asked on `{subject}`: this provider has no replies")))
    }

    /// Whether the connection stands now.
    fn status(&self) -> BrokerStatus;

    /// Gives back what the broker keeps for this process, once every source is dropped. Bounded in time by the caller.
    async fn close(&self) {}
}

/// What to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subscribe {
    /// Rendered and sorted.
    pub subjects: Vec<String>,
    pub feed: Feed,
    /// At most this many messages per batch.
    pub batch_events_max: usize,
}

/// A message on its way to a broker.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub subject: String,
    /// Where the broker has keys, equal ones keep their order.
    pub key: Option<String>,
    pub payload: Bytes,
    pub headers: Vec<(String, String)>,
    pub feed: Feed,
}

impl Outgoing {
    /// A message without key, headers or feed.
    pub fn new(subject: impl Into<String>, payload: impl Into<Bytes>) -> Outgoing {
        let (subject, payload) = (subject.into(), payload.into());
        Outgoing { subject, key: None, payload, headers: Vec::new(), feed: Feed::default() }
    }
}

/// One broker subscription, pulled. Dropping it ends the subscription at the broker.
#[async_trait]
pub trait Source: Send {
    /// Waits for messages, at least one; `None` = the source ended for good and says why by `end_reason`.
    /// Must be cancel-safe: the trigger drops the future when another turn comes first.
    async fn next(&mut self) -> Option<Batch>;

    /// Everything up to this position of its partition has been pushed to outboxes.
    async fn ack(&mut self, position: Position);

    /// Messages the source had to drop since the last call, with its own bound full.
    fn dropped(&mut self) -> u64 {
        0
    }

    fn end_reason(&self) -> String {
        "the source ended".into()
    }
}

/// Messages in source order.
pub type Batch = Vec<Message>;

/// Whether a provider's connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerStatus {
    Up,
    /// Reconnecting; the text is for the operator and holds no secret.
    Down {
        reason: String,
    },
}

/// Why a broker would not do something. The message may go to the operator's log; clients get a plainer one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    #[error("broker unavailable: {0}")]
    Unavailable(String),
    #[error("broker refused: {0}")]
    Refused(String),
    #[error("broker did not answer in time")]
    Timeout,
    #[error("nobody answers requests on this subject")]
    NoResponders,
    /// Whoever was asked answered that it failed.
    #[error("the request was answered with an error: {0}")]
    Failed(String),
}

/// One subgraph that answers HTTP (or whatever else can answer).
#[async_trait]
pub trait Subgraph: Send + Sync {
    /// Asks once. The engine bounds the time; the implementation bounds the answer's size.
    async fn fetch(&self, fetch: Fetch) -> Result<Bytes, SubgraphError>;

    /// The request headers of the client that this subgraph is sent: part of the sharing key.
    fn forwarded(&self) -> &[String] {
        &[]
    }
}

/// A request to a subgraph: JSON body and the headers forwarded from the client.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// `{"query":…,"variables":…}`.
    pub body: Bytes,
    pub headers: Vec<(String, String)>,
}

/// Why a subgraph gave no answer. Clients are told the subgraph's name and the kind, never its address.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubgraphError {
    #[error("connection failed: {0}")]
    Unreachable(String),
    #[error("answered with status {0}")]
    Status(u16),
    #[error("answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("did not answer in time")]
    Timeout,
}

/// What a user plugs in to decide: who may subscribe, what an event becomes, who sees it, what may be published.
/// Every step has a default that changes nothing. A step that panics, errs or runs late meets `policy().on_failure`;
/// nobody else waits for it.
#[async_trait]
pub trait Hook: Send + Sync {
    /// For logs and metrics.
    fn name(&self) -> &str;

    /// What it reads and how its failures are met; must be the same whenever asked.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Before a subscription joins: allow (with initial events, or other subjects) or deny with a reason.
    /// (`SubscriptionOnStart` and `SubscriptionOnCreate` elsewhere.)
    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        let _ = start;
        Ok(Admission::allow())
    }

    /// Once per batch of a trigger, before anything is selected: change, drop or add events for everybody.
    /// (`BeforeEventsDispatch` elsewhere.)
    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        Ok(events)
    }

    /// Once per event and distinct view: keep, change or drop it for those subscribers.
    /// (`OnReceiveEvents` elsewhere.)
    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        let _ = select;
        Ok(Selection::Keep)
    }

    /// Before a field publishes or requests: change the message, or refuse with a reason the client sees.
    /// (`OnPublishEvents` elsewhere.)
    async fn on_publish(&self, publish: &Publish) -> Result<Object, Refusal> {
        Ok(publish.payload.clone())
    }
}

/// Which steps a hook takes part in, for which fields, what it reads, and what its failure means.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Root fields it is for; empty = all.
    pub fields: Vec<String>,
    /// Whether `on_receive` and `on_select` are to be called at all; a hook that leaves these alone costs nothing.
    pub receives: bool,
    pub selects: bool,
    /// What `on_select` may read of a subscriber.
    pub view: View,
    pub on_failure: Failure,
    /// `None` = `hook_timeout` of the limits.
    pub timeout: Option<Duration>,
}

impl Policy {
    /// Whether the hook is for this root field.
    pub fn is_for(&self, field: &str) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|name| name == field)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            fields: Vec::new(),
            receives: false,
            selects: false,
            view: View::nothing(),
            on_failure: Failure::Drop,
            timeout: None,
        }
    }
}

/// What a panic, an error or a late answer of `on_receive` or `on_select` means.
/// `on_subscribe` and `on_publish` refuse then, whatever is set here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failure {
    /// The event is dropped for those it was asked about, and counted.
    #[default]
    Drop,
    /// The event passes unchanged.
    Pass,
    /// Those subscriptions end with an error.
    Close,
}

/// A refusal with a reason that the client sees.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    pub reason: String,
}

impl Refusal {
    pub fn new(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into() }
    }
}

/// A subscription about to start.
#[derive(Debug, Clone)]
pub struct Start {
    pub identity: Identity,
    pub document: Arc<str>,
    pub operation_name: Option<String>,
    pub variables: Object,
    pub field: String,
    pub arguments: Object,
    pub provider: Arc<str>,
    pub subjects: Vec<String>,
}

/// Leave to join.
#[derive(Default)]
pub struct Admission {
    /// Subjects instead of the rendered ones; `None` leaves them.
    pub subjects: Option<Vec<String>>,
    pub initial: Option<Initial>,
}

/// What a joiner is sent before the stream: asked for *after* the join is in place while live events wait, so nothing
/// falls between. A live event that the initial ones already cover is left out by its revision.
pub struct Initial {
    pub load: Box<dyn FnOnce() -> futures::future::BoxFuture<'static, Result<Vec<Object>, Refusal>> + Send>,
    /// The payload field that grows with each change of an entity. With it, a live event whose revision is not above
    /// the initial one's for the same entity is a duplicate, and is left out for this subscriber.
    pub revision: Option<String>,
}

impl Admission {
    pub fn allow() -> Admission {
        Admission::default()
    }

    /// Sends what `load` returns first. See [`Initial`].
    #[must_use]
    pub fn with_initial<F, R>(mut self, revision: Option<&str>, load: F) -> Admission
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<Vec<Object>, Refusal>> + Send + 'static,
    {
        let load = Box::new(move || -> futures::future::BoxFuture<'static, _> { Box::pin(load()) });
        self.initial = Some(Initial { load, revision: revision.map(String::from) });
        self
    }
}

/// One event, asked about for all subscribers with one view.
#[derive(Debug, Clone)]
pub struct Select {
    pub event: Event,
    pub viewer: Arc<Viewer>,
    pub field: Arc<str>,
    pub document: Arc<str>,
}

/// What becomes of the event for these subscribers.
#[derive(Debug, Clone)]
pub enum Selection {
    Keep,
    Change(Object),
    Drop,
}

/// A message that a field is about to send: a mutation's event, or a request.
#[derive(Debug, Clone)]
pub struct Publish {
    pub identity: Identity,
    pub document: Arc<str>,
    pub operation_name: Option<String>,
    pub variables: Object,
    pub field: String,
    /// `Publish`, or `Request` where an answer is awaited.
    pub action: Action,
    pub provider: Arc<str>,
    pub subject: String,
    /// The record's key and the headers, as the schema's directive renders them.
    pub key: Option<String>,
    pub headers: Vec<(String, String)>,
    /// The field's arguments as they will be published.
    pub payload: Object,
}
