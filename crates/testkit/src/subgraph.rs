//! A subgraph that answers `_entities` for orders: late, wrongly or not at all, as the seed says.
//! Owns what it answers and how often it was asked.

use async_trait::async_trait;
use bytes::Bytes;
use engine::port::{Fetch, Subgraph, SubgraphError};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// `Order.status` of order X is `status of X`, and names the tenant whose header is forwarded.
pub struct FakeSubgraph {
    dice: Mutex<fastrand::Rng>,
    pub requests: AtomicU64,
    /// One of so many requests goes wrong; 0 = none does.
    pub wrong_every: u32,
    pub delay_max_ms: u64,
    pub forwards: Vec<String>,
}

impl FakeSubgraph {
    pub fn new(seed: u64, wrong_every: u32, delay_max_ms: u64) -> FakeSubgraph {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed));
        FakeSubgraph { dice, requests: AtomicU64::new(0), wrong_every, delay_max_ms, forwards: Vec::new() }
    }

    fn roll(&self) -> (u64, Option<u32>) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = dice.u64(0..=self.delay_max_ms);
        let goes_wrong = self.wrong_every > 0 && dice.u32(0..self.wrong_every) == 0;
        (delay, goes_wrong.then(|| dice.u32(0..4)))
    }
}

#[async_trait]
impl Subgraph for FakeSubgraph {
    fn forwarded(&self) -> &[String] {
        &self.forwards
    }

    async fn fetch(&self, fetch: Fetch) -> Result<Bytes, SubgraphError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (delay, wrong) = self.roll();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        match wrong {
            Some(0) => return Err(SubgraphError::Status(500)),
            Some(1) => return Ok(Bytes::from_static(b"<html>not json")),
            Some(2) => return Ok(Bytes::from_static(br#"{"data":{"_entities":"what?"}}"#)),
            Some(_) => return Ok(Bytes::from_static(br#"{"data":null,"errors":[{"message":"no"}]}"#)),
            None => {}
        }
        let body: Value = serde_json::from_slice(&fetch.body).expect("the engine sends JSON");
        let representations = body["variables"]["representations"].as_array().cloned().unwrap_or_default();
        let tenant = fetch.headers.first().map(|(_, tenant)| tenant.as_str());
        let entity = |of: &Value| json!({ "__typename": "Order", "status": status_of(&of["id"], tenant) });
        let entities: Vec<Value> = representations.iter().map(entity).collect();
        Ok(json!({ "data": { "_entities": entities } }).to_string().into())
    }
}

/// What the subgraph knows of an order, and tells this tenant.
pub fn status_of(id: &Value, tenant: Option<&str>) -> String {
    let id = id.as_str().unwrap_or("?");
    tenant.map_or_else(|| format!("status of {id}"), |tenant| format!("status of {id} for {tenant}"))
}
