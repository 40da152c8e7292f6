//! What every client of a simulated run may and must have been sent.
//! Owns the rules, stated independently of the engine and of the hooks; never drives a run.

use crate::client::Record;
use crate::hooks::is_withheld;
use crate::subgraph::status_of;
use engine::Subscription;
use engine::outbox::{End, MemberId, Overflow};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What really happened.
pub(crate) struct Truth {
    pub(crate) published: Vec<Published>,
    pub(crate) overflow: Overflow,
    /// Whether the subgraph is sent the tenant's header.
    pub(crate) forwards: bool,
}

pub(crate) struct Published {
    pub(crate) region: &'static str,
    pub(crate) customer: &'static str,
    pub(crate) mood: &'static str,
    pub(crate) id: String,
}

impl Published {
    pub(crate) fn payload(&self, n: usize) -> Value {
        let Published { customer, mood, id, .. } = self;
        json!({ "__typename": "Order", "id": id, "n": n, "customer": customer, "mood": mood })
    }
}

pub(crate) struct Client {
    pub(crate) field: &'static str,
    pub(crate) region: &'static str,
    pub(crate) who: &'static str,
    pub(crate) customers: Vec<&'static str>,
    pub(crate) wants_status: bool,
    pub(crate) tenant: &'static str,
    /// It reads through an outbox that fills.
    pub(crate) is_slow: bool,
    pub(crate) member: MemberId,
    pub(crate) shard: usize,
    pub(crate) task: Option<tokio::task::JoinHandle<Result<Subscription, String>>>,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) refused: Option<String>,
    /// Events published before the subscription stood, and before it began to leave.
    pub(crate) joined_at: Option<usize>,
    pub(crate) left_at: Option<usize>,
    /// It was there when the faults had stopped and everything had arrived.
    pub(crate) stayed: bool,
}

/// One payload: its event's number, and whether it was an initial one.
type Got = (usize, bool);

impl Truth {
    /// What one client may and must have been sent.
    pub(crate) fn check(&self, client: &Client, record: &Record) -> Result<(), String> {
        let denied = client.field == "guardedOrders" && client.who == "mallory";
        if denied != client.refused.is_some() {
            return Err(format!("refused: {:?}", client.refused));
        }
        if client.joined_at.is_none() {
            return if record.payloads.is_empty() { Ok(()) } else { Err("sent to, but never joined".into()) };
        }
        let mut all: Vec<Got> = Vec::new();
        for payload in &record.payloads {
            all.push(self.check_payload(client, payload)?);
        }
        let initial = self.check_seam(client, &all)?;
        let mut got: Vec<usize> = all.iter().filter(|got| !got.1).map(|got| got.0).collect();
        if !got.is_sorted_by(|a, b| a < b) {
            return Err(format!("out of order or doubled: {got:?}"));
        }
        if let Some(n) =
            got.iter().find(|n| initial.get(&*self.published[**n].id).is_some_and(|sent| *n <= sent))
        {
            return Err(format!("event {n} after an initial one that covers it: {all:?}"));
        }
        // Who left before the live events came has no gap: what is covered says nothing about how far those went.
        let last = got.last().copied();
        // What an initial event covers has been told by it.
        let is_covered = |n: &usize| initial.get(&*self.published[*n].id).is_some_and(|sent| n <= sent);
        let from = client.joined_at.unwrap_or(0);
        got.extend((from..self.published.len()).filter(|n| self.matches(client, *n) && is_covered(n)));
        got.sort_unstable();
        if let Some(n) = got.iter().find(|n| !self.matches(client, **n)) {
            return Err(format!("event {n} is not for it"));
        }
        self.check_complete(client, record, &got, last)
    }

    /// Initial events come first, one for each order, and only where they are asked for.
    fn check_seam<'s>(&'s self, client: &Client, all: &[Got]) -> Result<BTreeMap<&'s str, usize>, String> {
        let leading = all.iter().take_while(|got| got.1).count();
        if all[leading..].iter().any(|got| got.1) || (leading > 0 && client.field != "currentOrders") {
            return Err(format!("initial events out of place: {all:?}"));
        }
        let initial: BTreeMap<&str, usize> =
            all[..leading].iter().map(|got| (&*self.published[got.0].id, got.0)).collect();
        if initial.len() == leading { Ok(initial) } else { Err(format!("initial events twice: {all:?}")) }
    }

    fn check_complete(
        &self,
        client: &Client,
        record: &Record,
        got: &[usize],
        last: Option<usize>,
    ) -> Result<(), String> {
        let (from, to) = (client.joined_at.unwrap_or(0), client.left_at.unwrap_or(0));
        let missing: Vec<usize> =
            (from..to).filter(|n| self.matches(client, *n) && !got.contains(n)).collect();
        let missing = self.told_by_one(client, missing, got);
        if record.shed && self.overflow == Overflow::Latest {
            return Err("closed, where the newest is to be kept".into());
        }
        if record.shed {
            // It was closed for being slow, and hears nothing of what was thrown away then.
            return if client.is_slow { Ok(()) } else { Err("closed, and it was not slow".into()) };
        }
        match &record.end {
            Some(End::Errors(errors)) if self.overflow == Overflow::Disconnect => {
                let last = last.unwrap_or(0);
                let gap = missing.iter().any(|n| *n < last);
                if gap { Err(format!("a gap before the end ({errors:?}): {missing:?}")) } else { Ok(()) }
            }
            Some(end) => Err(format!("ended by {end:?}")),
            // An event that left the source late for those who left early: what is not pulled is not missed.
            None if !client.stayed => {
                let gap = missing.iter().filter(|n| last.is_some_and(|last| **n < last)).count() as u64;
                if gap <= record.skipped { Ok(()) } else { Err(format!("lost in silence: {missing:?}")) }
            }
            None if missing.len() as u64 <= record.skipped => Ok(()),
            None => Err(format!("lost in silence: {missing:?}, told of {}", record.skipped)),
        }
    }

    /// An initial event that was lost is one loss, however many live ones it stood for: of an order's missing events
    /// before the first that came, only the last counts.
    fn told_by_one(&self, client: &Client, missing: Vec<usize>, got: &[usize]) -> Vec<usize> {
        if client.field != "currentOrders" {
            return missing;
        }
        let id = |n: usize| &*self.published[n].id;
        let came_before = |n: usize| got.iter().any(|got| *got < n && id(*got) == id(n));
        let is_last =
            |n: usize| !missing.iter().any(|other| *other > n && id(*other) == id(n) && !came_before(*other));
        missing.iter().copied().filter(|n| came_before(*n) || is_last(*n)).collect()
    }

    fn matches(&self, client: &Client, n: usize) -> bool {
        let event = &self.published[n];
        let broken = matches!(event.mood, "panic" | "error" | "late");
        event.region == client.region
            && match client.field {
                "ordersOf" => client.customers.contains(&event.customer),
                "guardedOrders" => !is_withheld(n as u64),
                "ownOrders" => !broken && (client.who == "admin" || client.who == event.customer),
                _ => true,
            }
    }

    /// A payload is the right answer to what the client asked; its event's number is returned.
    fn check_payload(&self, client: &Client, payload: &[u8]) -> Result<Got, String> {
        let told = || String::from_utf8_lossy(payload).into_owned();
        let payload: Value = serde_json::from_slice(payload).map_err(|_| format!("no JSON: {}", told()))?;
        let order = &payload["data"][client.field];
        let n = order["n"].as_u64().and_then(|n| usize::try_from(n).ok());
        let n =
            n.filter(|n| *n < self.published.len()).ok_or_else(|| format!("no such event: {}", told()))?;
        let is_initial = order["mood"] == "initial";
        let event = &self.published[n];
        if order["customer"] != event.customer || order["id"] != *event.id {
            return Err(format!("another event's data: {}", told()));
        }
        if client.wants_status {
            let failed = order["status"].is_null() && payload["errors"].is_array();
            if !failed && order["status"] != status_of(&order["id"], self.forwards.then_some(client.tenant)) {
                return Err(format!("another order's or tenant's status: {}", told()));
            }
        } else if payload.get("errors").is_some() || order.get("status").is_some() {
            return Err(format!("an error or a field it did not ask for: {}", told()));
        }
        Ok((n, is_initial))
    }
}
