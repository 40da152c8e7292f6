//! The demo's data: what the embedded subgraphs answer from and what the demo's events are about.
//! Owns every change of it; never publishes (whoever changes something does, with the event it gets back).

use graph::Object;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Orders kept; the oldest go first, so that a demo left running with clients that create orders stays small.
const ORDERS_MAX: usize = 200;

const STATUSES: [&str; 5] = ["CREATED", "PAID", "PACKED", "SHIPPED", "DELIVERED"];

/// Minutes of a match; after them it starts again at 0-0.
const MATCH_MINUTES: u64 = 90;

/// Records by type name, in the order they came.
type Records = HashMap<String, Vec<Object>>;

/// The demo's shop, matches and crew, in memory.
pub struct World {
    records: Mutex<Records>,
}

impl World {
    /// The world as `demo/data.json` has it.
    pub fn load() -> World {
        let records = serde_json::from_str(include_str!("../../demo/data.json"))
            .expect("the embedded data is JSON: a test reads it");
        World { records: Mutex::new(records) }
    }

    /// Everything of a type, oldest first.
    pub fn all(&self, typename: &str) -> Vec<Object> {
        self.lock().get(typename).cloned().unwrap_or_default()
    }

    pub fn record(&self, typename: &str, id: &Value) -> Option<Object> {
        self.lock().get(typename)?.iter().find(|record| record.get("id") == Some(id)).cloned()
    }

    /// Adds an order and returns its event.
    pub fn create_order(&self, customer: &str, product: &str, quantity: u64) -> Object {
        let mut records = self.lock();
        let orders = records.entry("Order".into()).or_default();
        let newest = orders.last().and_then(|order| order["id"].as_str()?.strip_prefix("o-")?.parse().ok());
        let number = newest.unwrap_or(0_u64) + 1;
        let order = object(json!({
            "id": format!("o-{number}"), "status": STATUSES[0], "quantity": quantity,
            "customer": customer, "product": product, "revision": 1,
        }));
        let event = order_event(&order);
        orders.push(order);
        if orders.len() > ORDERS_MAX {
            orders.remove(0);
        }
        event
    }

    /// Moves an order to its next status (a delivered one starts over) and returns the event.
    /// `turn` picks the order: turns go round.
    pub fn advance_order(&self, turn: u64) -> Option<Object> {
        self.change("Order", turn, |order| {
            let now = STATUSES.iter().position(|status| order["status"] == *status).unwrap_or(0);
            order["status"] = STATUSES[(now + 1) % STATUSES.len()].into();
        })
        .map(|order| order_event(&order))
    }

    /// A goal in a match, home and away in turn, or the start of the next match; returns the event.
    pub fn advance_match(&self, turn: u64) -> Option<Object> {
        self.change("Match", turn, |game| {
            let minute = number(game, "minute") + 6;
            if minute > MATCH_MINUTES {
                (game["minute"], game["homeGoals"], game["awayGoals"]) = (0.into(), 0.into(), 0.into());
                return;
            }
            let side = if number(game, "revision").is_multiple_of(3) { "homeGoals" } else { "awayGoals" };
            game["minute"] = minute.into();
            game[side] = (number(game, side) + 1).into();
        })
        .map(|game| score_event(&game))
    }

    /// The event that tells a match's score now; `None` for an unknown match.
    pub fn score(&self, id: &str) -> Option<Object> {
        self.record("Match", &id.into()).map(|game| score_event(&game))
    }

    /// An employee comes or goes; returns the event, which holds no more than the key.
    pub fn toggle_employee(&self, turn: u64) -> Option<Object> {
        self.change("Employee", turn, |employee| {
            employee["isAvailable"] = (employee["isAvailable"] != true).into();
        })
        .map(|employee| object(json!({ "__typename": "Employee", "id": employee["id"] })))
    }

    /// A product's price changes; returns the event.
    pub fn reprice_product(&self, turn: u64) -> Option<Object> {
        self.change("Product", turn, |product| reprice(product, turn)).map(|product| {
            object(json!({
                "__typename": "Product", "id": product["id"], "category": product["category"],
            }))
        })
    }

    /// A bundle's price changes; returns the event.
    pub fn reprice_bundle(&self, turn: u64) -> Option<Object> {
        self.change("Bundle", turn, |bundle| reprice(bundle, turn))
            .map(|bundle| object(json!({ "__typename": "Bundle", "id": bundle["id"] })))
    }

    /// Changes the record whose turn it is, counts its revision up, and returns it as it is then.
    fn change(&self, typename: &str, turn: u64, apply: impl FnOnce(&mut Object)) -> Option<Object> {
        let mut records = self.lock();
        let all = records.get_mut(typename)?;
        let place = turn.checked_rem(all.len() as u64)?;
        let record = all.get_mut(usize::try_from(place).ok()?)?;
        let revision = number(record, "revision") + 1;
        record.insert("revision".into(), revision.into());
        apply(record);
        Some(record.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `customerId` is for the hook that decides who sees the event; clients cannot select it.
fn order_event(order: &Object) -> Object {
    object(json!({
        "__typename": "Order", "id": order["id"], "customerId": order["customer"],
        "revision": order["revision"],
    }))
}

fn score_event(game: &Object) -> Object {
    object(json!({
        "__typename": "Match", "id": game["id"], "homeGoals": game["homeGoals"],
        "awayGoals": game["awayGoals"], "minute": game["minute"], "revision": game["revision"],
    }))
}

fn reprice(item: &mut Object, turn: u64) {
    let swing = [40, 90, -60, 20, -90][(turn % 5) as usize];
    item["priceCents"] = (item["priceCents"].as_i64().unwrap_or(0) + swing).max(100).into();
}

fn number(record: &Object, field: &str) -> u64 {
    record.get(field).and_then(Value::as_u64).unwrap_or(0)
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests;
