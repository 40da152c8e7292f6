//! Hooks of the simulated world: who may subscribe, who sees what, and how they break.
//! Owns their rules; the checkers state the same rules independently in `world`.

use async_trait::async_trait;
use engine::Event;
use engine::identity::View;
use engine::port::{Admission, Failure, Hook, Policy, Publish, Refusal, Select, Selection, Start};
use graph::Object;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// `ownOrders`: a customer sees their own, `admin` all. By the event's mood it panics, errs or is late: dropped then.
pub struct OwnOrders;

/// `guardedOrders`: lets in by claim, slowly; on events its failures let pass.
pub struct Guard;

/// `currentOrders`: what each order is now comes first, then its changes. `placeOrder`: cyd may not order.
#[derive(Clone, Default)]
pub struct Current(Arc<Mutex<BTreeMap<(String, String), Object>>>);

impl Current {
    /// The state that a database would hold once this event was published.
    pub fn note(&self, region: &str, event: &Value) {
        let mut event = event.as_object().cloned().unwrap_or_default();
        event.insert("mood".into(), "initial".into());
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((region.to_owned(), id), event);
    }

    fn of(&self, region: &Value) -> Vec<Object> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_region = state.iter().filter(|((place, _), _)| *region == **place);
        of_region.map(|(_, event)| event.clone()).collect()
    }
}

#[async_trait]
impl Hook for Current {
    fn name(&self) -> &str {
        "current"
    }

    fn policy(&self) -> Policy {
        Policy { fields: vec!["currentOrders".into(), "placeOrder".into()], ..Policy::default() }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        let (current, region) = (self.clone(), start.arguments["region"].clone());
        Ok(Admission::allow().with_initial(Some("n"), move || async move {
            let pause = Duration::from_millis(region.as_str().map_or(0, |region| region.len() as u64));
            tokio::time::sleep(pause).await;
            let state = current.of(&region);
            // What happens now is in the stream and not in what was read.
            tokio::time::sleep(pause * 3).await;
            Ok(state)
        }))
    }

    async fn on_publish(&self, publish: &Publish) -> Result<Object, Refusal> {
        if publish.identity.claims["sub"] == "cyd" {
            return Err(Refusal::new("no orders from cyd"));
        }
        let mut enriched = publish.payload.clone();
        enriched.insert("customer".into(), publish.identity.claims["sub"].clone());
        enriched.insert("mood".into(), json!("calm"));
        Ok(enriched)
    }
}

/// Which events `guardedOrders` is never shown, by their number.
pub fn is_withheld(n: u64) -> bool {
    n % 7 == 3
}

/// What a mood does to a hook.
async fn suffer(mood: &Value) -> Result<(), Refusal> {
    match mood.as_str() {
        Some("panic") => panic!("planned"),
        Some("error") => Err(Refusal::new("planned")),
        Some("late") => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Some("slow") => {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Hook for OwnOrders {
    fn name(&self) -> &str {
        "own_orders"
    }

    fn policy(&self) -> Policy {
        Policy {
            fields: vec!["ownOrders".into()],
            selects: true,
            view: View::claims(["sub"]),
            on_failure: Failure::Drop,
            timeout: Some(Duration::from_millis(500)),
            ..Policy::default()
        }
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        suffer(&select.event.payload["mood"]).await?;
        let who = &select.viewer.claims["sub"];
        let sees = who == "admin" || *who == select.event.payload["customer"];
        Ok(if sees { Selection::Keep } else { Selection::Drop })
    }
}

#[async_trait]
impl Hook for Guard {
    fn name(&self) -> &str {
        "guard"
    }

    fn policy(&self) -> Policy {
        Policy {
            fields: vec!["guardedOrders".into()],
            receives: true,
            selects: true,
            view: View::nothing(),
            on_failure: Failure::Pass,
            timeout: Some(Duration::from_millis(500)),
        }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if start.identity.claims["sub"] == "mallory" {
            return Err(Refusal::new("not you"));
        }
        Ok(Admission::allow())
    }

    async fn on_receive(&self, mut events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        tokio::time::sleep(Duration::from_millis(events.len() as u64)).await;
        events.retain(|event| !event.payload["n"].as_u64().is_some_and(is_withheld));
        Ok(events)
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        suffer(&select.event.payload["mood"]).await?;
        Ok(Selection::Keep)
    }
}
