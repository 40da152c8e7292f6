//! Every bound in the system, on one screen, each with its default and what happens at it.
//! Owns the numbers; the rooms that enforce them cite them by name.

use std::time::Duration;

/// Bounds the engine and the rooms around it keep. Sizes in bytes, times as `Duration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// An event payload over this is dropped, counted as `payload_too_large`. 1 MiB: NATS' and Kafka's default.
    pub event_bytes_max: usize,
    /// A request body or client message over this is refused (413, close 4400). 2 MiB, as Apollo and Hive.
    pub request_bytes_max: usize,
    /// The same until a WebSocket client is acknowledged: whoever is not known yet costs little. 64 KiB: four times the
    /// longest token.
    pub connection_init_bytes_max: usize,
    /// A request's line and headers over this are refused (431). 64 KiB, as Hive.
    pub request_head_bytes_max: usize,
    /// GraphQL tokens in one document; parsing stops there. 15,000, as Apollo.
    pub document_tokens_max: usize,
    /// Selection depth of one document.
    pub document_depth_max: usize,
    /// Selections of one document with its fragments written out, fields counted once per concrete type.
    pub document_selections_max: usize,
    /// Planning one operation stops here with `PLANNING_FAILED`. 10 s, as Hive.
    pub planning_timeout: Duration,
    /// Prepared operations kept; the oldest go first.
    pub operations_cached_max: usize,
    /// Bytes they may take together, estimated by the length of their documents and the number of their selections.
    pub operations_cached_bytes_max: usize,
    /// Open client connections of one process; more are refused with 503.
    pub connections_max: usize,
    /// Subscriptions of one connection; more get `TOO_MANY_SUBSCRIPTIONS`.
    pub subscriptions_per_connection_max: usize,
    /// Operations of one connection that may be on their way through the engine at once (a live subscription is not);
    /// beyond it the connection is not read until one comes back, so TCP slows that client alone.
    pub operations_inflight_per_connection_max: usize,
    /// A longer operation id of a WebSocket client closes with 4400: it is repeated in every frame.
    pub operation_id_bytes_max: usize,
    /// Subscriptions of one process.
    pub subscriptions_max: usize,
    /// Subjects that one subscription's lists may come to; more are the client's error.
    pub subjects_max: usize,
    /// Events of one group that resolve at once.
    pub group_inflight_max: usize,
    /// Events of one group that wait behind those. With every group of a trigger this far behind, the source is left
    /// waiting; where others keep up, the overflow policy holds for this one.
    pub group_backlog_max: usize,
    /// Initial events one joiner may be sent; a hook that gives more has the subscription refused.
    pub initial_events_max: usize,
    /// Messages a source may hand over at once.
    pub batch_events_max: usize,
    /// Representations in one `_entities` request.
    pub entities_per_request_max: usize,
    /// Equal `_entities` requests in flight at once; what arrives meanwhile goes together in the next.
    pub entity_requests_inflight_max: usize,
    /// A subgraph request that takes longer fails with `DOWNSTREAM_SERVICE_ERROR`.
    pub subgraph_timeout: Duration,
    /// A subgraph answer over this fails the same way.
    pub subgraph_bytes_max: usize,
    /// A hook that takes longer meets its declared failure policy. Holds for `on_subscribe`, initial events and
    /// `on_publish`.
    pub hook_timeout: Duration,
    /// The same for `on_receive`.
    pub receive_hook_timeout: Duration,
    /// The same for `on_select`.
    pub select_hook_timeout: Duration,
    /// A broker that does not acknowledge a publish or a subscribe within this fails it.
    pub broker_timeout: Duration,
    /// How long a trigger without subscribers keeps its source.
    pub linger: Duration,
    /// Frames one connection may have waiting; beyond it the overflow policy holds.
    pub outbox_frames_max: usize,
    /// Bytes one connection may have waiting.
    pub outbox_bytes_max: usize,
    /// Frames of one subscription that may wait in it; beyond it the overflow policy of its field holds.
    pub subscription_frames_max: usize,
    /// Streams of one HTTP/2 connection at once; the client is told the number and waits.
    pub http2_streams_max: usize,
    /// Event streams that may be reserved and not opened; beyond it clients are asked to come back.
    pub reserved_streams_max: usize,
    /// Turns waiting at one shard; beyond it triggers wait for the shard's CPU (never for a client).
    pub shard_turns_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            event_bytes_max: 1 << 20,
            request_bytes_max: 2 << 20,
            connection_init_bytes_max: 64 << 10,
            request_head_bytes_max: 64 << 10,
            document_tokens_max: 15_000,
            document_depth_max: 64,
            document_selections_max: 20_000,
            planning_timeout: Duration::from_secs(10),
            operations_cached_max: 4_096,
            operations_cached_bytes_max: 256 << 20,
            connections_max: 100_000,
            subscriptions_per_connection_max: 1_000,
            operations_inflight_per_connection_max: 64,
            operation_id_bytes_max: 1_024,
            subscriptions_max: 1_000_000,
            subjects_max: 256,
            group_inflight_max: 64,
            group_backlog_max: 4_096,
            initial_events_max: 4_096,
            batch_events_max: 256,
            entities_per_request_max: 256,
            entity_requests_inflight_max: 4,
            subgraph_timeout: Duration::from_secs(30),
            subgraph_bytes_max: 16 << 20,
            hook_timeout: Duration::from_secs(5),
            receive_hook_timeout: Duration::from_secs(5),
            select_hook_timeout: Duration::from_secs(5),
            broker_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(3),
            outbox_frames_max: 8_192,
            outbox_bytes_max: 4 << 20,
            subscription_frames_max: 8_192,
            http2_streams_max: 256,
            reserved_streams_max: 1_000,
            shard_turns_max: 1_024,
        }
    }
}

impl Limits {
    /// What `Supergraph::prepare` holds a document to.
    pub fn bounds(&self) -> graph::operation::Bounds {
        graph::operation::Bounds {
            tokens_max: self.document_tokens_max,
            depth_max: self.document_depth_max,
            selections_max: self.document_selections_max,
            planning_timeout: self.planning_timeout,
        }
    }
}
