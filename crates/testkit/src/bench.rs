//! One engine with its surroundings, for tests of named behaviours.
//! Owns the wiring of fakes around the engine; the behaviours are stated in `tests/`.

use crate::broker::{BrokerHandle, FakeBroker};
use crate::client::{FakeShard, Record};
use crate::schema::supergraph;
use crate::subgraph::FakeSubgraph;
use engine::decode::Decode;
use engine::outbox::{Member, MemberId, Overflow, Shard};
use engine::port::Hook;
use engine::snapshot::Provider;
use engine::{Engine, Identity, Limits, Request, Snapshot, Subscription};
use graph::events::Transport;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One engine with its surroundings.
pub struct Bench {
    pub engine: Arc<Engine>,
    pub broker: Arc<FakeBroker>,
    pub subgraph: Arc<FakeSubgraph>,
    pub shard: Arc<FakeShard>,
    named: u64,
}

impl Bench {
    pub fn new(hooks: Vec<Arc<dyn Hook>>) -> Bench {
        Bench::with(hooks, Limits::default(), HashMap::new())
    }

    pub fn with(hooks: Vec<Arc<dyn Hook>>, limits: Limits, overflow: HashMap<String, Overflow>) -> Bench {
        let (broker, subgraph) = (Arc::new(FakeBroker::default()), Arc::new(FakeSubgraph::new(1, 0, 5)));
        let provider = Provider {
            id: "default".into(),
            transport: Transport::Any,
            decode: Decode::Json,
            broker: Arc::new(BrokerHandle(broker.clone())),
        };
        let snapshot = Snapshot {
            supergraph: supergraph(),
            subgraphs: HashMap::from([("orders".to_owned(), subgraph.clone() as Arc<_>)]),
            providers: vec![provider],
            hooks,
            overflow,
        };
        let engine = Engine::new(snapshot, limits);
        Bench { engine, broker, subgraph, shard: Arc::new(FakeShard::new(0, 1, 0)), named: 0 }
    }

    /// The same engine and what is around it, for another task.
    pub fn another(&mut self) -> Bench {
        self.named += 1_000;
        Bench {
            engine: self.engine.clone(),
            broker: self.broker.clone(),
            subgraph: self.subgraph.clone(),
            shard: self.shard.clone(),
            named: self.named,
        }
    }

    pub async fn subscribe(&mut self, who: &str, query: &str) -> Result<(MemberId, Subscription), String> {
        self.subscribe_with(who, query, json!({})).await
    }

    pub async fn subscribe_with(
        &mut self,
        who: &str,
        query: &str,
        variables: Value,
    ) -> Result<(MemberId, Subscription), String> {
        self.named += 1;
        let id = MemberId(self.named);
        let request = json!({ "query": query, "variables": variables });
        let request = Request::from_json(request).expect("well formed");
        let identity = Identity { claims: Arc::new(json!({ "sub": who })), ..Identity::default() };
        let told = |errors: Vec<graph::error::GraphqlError>| errors[0].message.clone();
        let prepared = self.engine.prepare(request, identity).await.map_err(told)?;
        let shard: Arc<dyn Shard> = self.shard.clone();
        let joined = self.engine.subscribe(prepared, Member { id, shard }).await.map_err(told)?;
        Ok((id, joined))
    }

    pub fn publish(&self, event: Value) {
        self.broker.send("orders.north", event.to_string().into());
    }

    pub fn record(&self, id: MemberId) -> Record {
        self.shard.record(id)
    }

    pub fn payloads(&self, id: MemberId) -> Vec<Value> {
        let payloads = self.record(id).payloads;
        payloads.iter().map(|json| serde_json::from_slice(json).expect("payloads are JSON")).collect()
    }

    pub fn numbers(&self, id: MemberId, field: &str) -> Vec<u64> {
        self.payloads(id).iter().filter_map(|payload| payload["data"][field]["n"].as_u64()).collect()
    }
}

pub fn order(n: u64) -> Value {
    json!({ "__typename": "Order", "id": "7", "n": n, "customer": "ada" })
}

/// The clock is paused: this returns once nothing is left to do before then.
pub async fn settle() {
    tokio::time::sleep(Duration::from_secs(30)).await;
}

/// All orders of the north, with a field that must be fetched.
pub const EVERY: &str = r#"subscription { everyOrder(region: "north") { n status } }"#;
