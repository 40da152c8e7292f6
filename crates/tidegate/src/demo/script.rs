//! What the demo publishes by itself: the same story at every start, beat by beat.
//! Owns the order and the rate of it; the world owns the changes, the router's provider the sending.

use super::world::World;
use bytes::Bytes;
use engine::port::{Broker, Outgoing};
use graph::Object;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// One beat a second, at most seven messages each: something moves at once and can still be read.
const BEAT: Duration = Duration::from_secs(1);

/// The messages of one beat. The world has changed already when they are returned.
pub fn beat(world: &World, number: u64) -> Vec<Outgoing> {
    let mut messages = Vec::new();
    messages.extend(world.advance_order(number).map(|event| message("orders".into(), &event)));
    if let Some(event) = world.toggle_employee(number) {
        messages.push(message(format!("employeeUpdated.{}", event["id"]), &event));
        messages.push(message("activity".into(), &event));
    }
    if number % 3 < 2
        && let Some(event) = world.advance_match(number % 3)
    {
        messages.push(message(format!("matches.{}", text(&event["id"])), &event));
        messages.push(message("activity".into(), &event));
    }
    match number % 4 {
        0 | 2 => {
            if let Some(event) = world.reprice_product(number / 2) {
                messages.push(message("catalog.products".into(), &event));
                messages.push(message("activity".into(), &event));
            }
        }
        3 => {
            let event = world.reprice_bundle(number / 4);
            messages.extend(event.map(|event| message("catalog.bundles".into(), &event)));
        }
        _ => {}
    }
    messages
}

/// Publishes beat after beat until it is dropped. A message that the broker refuses is logged and lost: the next
/// beat tells of a later state anyway.
pub async fn play(world: Arc<World>, broker: Arc<dyn Broker>) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        beats.tick().await;
        for message in beat(&world, number) {
            if let Err(error) = broker.publish(message).await {
                tracing::warn!(%error, "the demo could not publish");
            }
        }
    }
}

fn message(subject: String, event: &Object) -> Outgoing {
    let payload = Bytes::from(Value::Object(event.clone()).to_string());
    Outgoing::new(subject, payload)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
