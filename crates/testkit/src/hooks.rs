//! Hooks of the simulated world: who may subscribe, who sees what, and how they break.
//! Owns their rules; the checkers state the same rules independently in `world`.

use async_trait::async_trait;
use engine::identity::View;
use engine::port::{Admission, Failure, Hook, Policy, Refusal, Select, Selection, Start};
use serde_json::Value;
use std::time::Duration;

/// `ownOrders`: a customer sees their own, `admin` all. By the event's mood it panics, errs or is late: dropped then.
pub struct OwnOrders;

/// `guardedOrders`: lets in by claim, slowly; on events its failures let pass.
pub struct Guard;

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
            selects: true,
            view: View::nothing(),
            on_failure: Failure::Pass,
            timeout: Some(Duration::from_millis(500)),
            ..Policy::default()
        }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if start.identity.claims["sub"] == "mallory" {
            return Err(Refusal::new("not you"));
        }
        Ok(Admission::allow())
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        suffer(&select.event.payload["mood"]).await?;
        Ok(Selection::Keep)
    }
}
