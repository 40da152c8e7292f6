//! `limits:` of `tidegate.yaml`: the bounds of `engine::Limits`, by the same names.
//! Owns the shape; the numbers' defaults are the engine's.

use super::value::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every bound that an operator may move. `linger` is under `subscriptions`, the subgraph timeout under
/// `traffic_shaping.all.request_timeout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// An event payload over this is dropped and counted as `payload_too_large`.
    pub event_bytes_max: Size,
    /// A request body or client message over this is refused.
    pub request_bytes_max: Size,
    /// The same until a WebSocket client is acknowledged.
    pub connection_init_bytes_max: Size,
    /// A request's line and headers over this are refused.
    pub request_head_bytes_max: Size,
    /// GraphQL tokens in one document.
    #[schemars(range(min = 1))]
    pub document_tokens_max: usize,
    /// Selection depth of one document.
    #[schemars(range(min = 1))]
    pub document_depth_max: usize,
    /// Selections of one document with its fragments written out.
    #[schemars(range(min = 1))]
    pub document_selections_max: usize,
    /// Planning one operation stops here with `PLANNING_FAILED`.
    pub planning_timeout: Period,
    /// Prepared operations kept.
    #[schemars(range(min = 1))]
    pub operations_cached_max: usize,
    /// Bytes they may take together, estimated by the length of their documents and the number of their selections.
    pub operations_cached_bytes_max: Size,
    /// Open client connections of this process; more are refused with 503.
    #[schemars(range(min = 1))]
    pub connections_max: usize,
    /// Subscriptions of one connection.
    #[schemars(range(min = 1))]
    pub subscriptions_per_connection_max: usize,
    /// Operations of one connection that may be on their way at once; beyond it the connection is not read.
    #[schemars(range(min = 1))]
    pub operations_inflight_per_connection_max: usize,
    /// A longer operation id of a WebSocket client closes with 4400.
    #[schemars(range(min = 1))]
    pub operation_id_bytes_max: usize,
    /// Subscriptions of this process.
    #[schemars(range(min = 1))]
    pub subscriptions_max: usize,
    /// Subjects that one subscription's list arguments may come to.
    #[schemars(range(min = 1))]
    pub subjects_max: usize,
    /// Events of one group that resolve at once.
    #[schemars(range(min = 1))]
    pub group_inflight_max: usize,
    /// Events of one group that wait behind those.
    #[schemars(range(min = 1))]
    pub group_backlog_max: usize,
    /// Initial events one joiner may be sent.
    pub initial_events_max: usize,
    /// Messages a source hands over at once.
    #[schemars(range(min = 1))]
    pub batch_events_max: usize,
    /// Representations in one `_entities` request.
    #[schemars(range(min = 1))]
    pub entities_per_request_max: usize,
    /// Equal `_entities` requests in flight at once.
    #[schemars(range(min = 1))]
    pub entity_requests_inflight_max: usize,
    /// A subgraph answer over this fails.
    pub subgraph_bytes_max: Size,
    /// A hook that takes longer meets its failure policy.
    pub hook_timeout: Period,
    /// A broker that does not acknowledge within this fails the publish or subscribe.
    pub broker_timeout: Period,
    /// Frames one connection may have waiting; beyond it the overflow policy holds.
    #[schemars(range(min = 1))]
    pub outbox_frames_max: usize,
    /// Bytes one connection may have waiting.
    pub outbox_bytes_max: Size,
    /// Of these frames, those of one subscription; `subscriptions.broadcast_capacity` wins.
    #[schemars(range(min = 1))]
    pub subscription_frames_max: usize,
    /// Streams of one HTTP/2 connection at once.
    #[schemars(range(min = 1))]
    pub http2_streams_max: usize,
    /// Event streams that may be reserved (by PUT) and not opened; further ones get 503.
    #[schemars(range(min = 1))]
    pub reserved_streams_max: usize,
    /// Turns waiting at one shard.
    #[schemars(range(min = 1))]
    pub shard_turns_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let engine = engine::Limits::default();
        Limits {
            event_bytes_max: Size(engine.event_bytes_max),
            request_bytes_max: Size(engine.request_bytes_max),
            connection_init_bytes_max: Size(engine.connection_init_bytes_max),
            request_head_bytes_max: Size(engine.request_head_bytes_max),
            document_tokens_max: engine.document_tokens_max,
            document_depth_max: engine.document_depth_max,
            document_selections_max: engine.document_selections_max,
            planning_timeout: Period(engine.planning_timeout),
            operations_cached_max: engine.operations_cached_max,
            operations_cached_bytes_max: Size(engine.operations_cached_bytes_max),
            connections_max: engine.connections_max,
            subscriptions_per_connection_max: engine.subscriptions_per_connection_max,
            operations_inflight_per_connection_max: engine.operations_inflight_per_connection_max,
            operation_id_bytes_max: engine.operation_id_bytes_max,
            subscriptions_max: engine.subscriptions_max,
            subjects_max: engine.subjects_max,
            group_inflight_max: engine.group_inflight_max,
            group_backlog_max: engine.group_backlog_max,
            initial_events_max: engine.initial_events_max,
            batch_events_max: engine.batch_events_max,
            entities_per_request_max: engine.entities_per_request_max,
            entity_requests_inflight_max: engine.entity_requests_inflight_max,
            subgraph_bytes_max: Size(engine.subgraph_bytes_max),
            hook_timeout: Period(engine.hook_timeout),
            broker_timeout: Period(engine.broker_timeout),
            outbox_frames_max: engine.outbox_frames_max,
            outbox_bytes_max: Size(engine.outbox_bytes_max),
            subscription_frames_max: engine.subscription_frames_max,
            http2_streams_max: engine.http2_streams_max,
            reserved_streams_max: engine.reserved_streams_max,
            shard_turns_max: engine.shard_turns_max,
        }
    }
}

impl Limits {
    /// The engine's bounds, with the two times that other sections own.
    pub fn to_engine(&self, linger: Period, request_timeout: Period) -> engine::Limits {
        engine::Limits {
            event_bytes_max: self.event_bytes_max.0,
            request_bytes_max: self.request_bytes_max.0,
            connection_init_bytes_max: self.connection_init_bytes_max.0,
            request_head_bytes_max: self.request_head_bytes_max.0,
            document_tokens_max: self.document_tokens_max,
            document_depth_max: self.document_depth_max,
            document_selections_max: self.document_selections_max,
            planning_timeout: self.planning_timeout.0,
            operations_cached_max: self.operations_cached_max,
            operations_cached_bytes_max: self.operations_cached_bytes_max.0,
            connections_max: self.connections_max,
            subscriptions_per_connection_max: self.subscriptions_per_connection_max,
            operations_inflight_per_connection_max: self.operations_inflight_per_connection_max,
            operation_id_bytes_max: self.operation_id_bytes_max,
            subscriptions_max: self.subscriptions_max,
            subjects_max: self.subjects_max,
            group_inflight_max: self.group_inflight_max,
            group_backlog_max: self.group_backlog_max,
            initial_events_max: self.initial_events_max,
            batch_events_max: self.batch_events_max,
            entities_per_request_max: self.entities_per_request_max,
            entity_requests_inflight_max: self.entity_requests_inflight_max,
            subgraph_timeout: request_timeout.0,
            subgraph_bytes_max: self.subgraph_bytes_max.0,
            hook_timeout: self.hook_timeout.0,
            // Cosmo's `events.handlers` may say otherwise.
            receive_hook_timeout: self.hook_timeout.0,
            select_hook_timeout: self.hook_timeout.0,
            broker_timeout: self.broker_timeout.0,
            linger: linger.0,
            outbox_frames_max: self.outbox_frames_max,
            outbox_bytes_max: self.outbox_bytes_max.0,
            subscription_frames_max: self.subscription_frames_max,
            http2_streams_max: self.http2_streams_max,
            reserved_streams_max: self.reserved_streams_max,
            shard_turns_max: self.shard_turns_max,
        }
    }
}
