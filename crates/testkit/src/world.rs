//! One seeded run: clients come and go, events are published, things break, and at the end everything is checked.
//! Owns the plan of a run and what must be true after it.

use crate::broker::{BrokerHandle, FakeBroker};
use crate::client::{FakeShard, Record};
use crate::hooks::{Guard, OwnOrders};
use crate::schema::supergraph;
use crate::subgraph::{FakeSubgraph, status_of};
use engine::outbox::{End, Member, MemberId, Overflow, Shard};
use engine::port::Subgraph;
use engine::snapshot::Provider;
use engine::{Engine, Identity, Limits, Request, Snapshot, Subscription};
use graph::events::Transport;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const FIELDS: [&str; 4] = ["everyOrder", "ordersOf", "ownOrders", "guardedOrders"];
const REGIONS: [&str; 2] = ["north", "south"];
const PEOPLE: [&str; 5] = ["ada", "bob", "cyd", "admin", "mallory"];
const MOODS: [&str; 5] = ["calm", "slow", "panic", "error", "late"];

/// What a run came to: one line per client, and what was broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub trace: Vec<String>,
    pub violations: Vec<String>,
}

/// One run's state.
pub struct World {
    dice: fastrand::Rng,
    engine: Arc<Engine>,
    broker: Arc<FakeBroker>,
    shards: Vec<Arc<FakeShard>>,
    clients: Vec<Client>,
    published: Vec<Published>,
    overflow: Overflow,
}

struct Published {
    region: &'static str,
    customer: &'static str,
    mood: &'static str,
}

struct Client {
    field: &'static str,
    region: &'static str,
    who: &'static str,
    customers: Vec<&'static str>,
    wants_status: bool,
    member: MemberId,
    shard: usize,
    task: Option<tokio::task::JoinHandle<Result<Subscription, String>>>,
    subscription: Option<Subscription>,
    refused: Option<String>,
    /// Events published before the subscription stood, and before it began to leave.
    joined_at: Option<usize>,
    left_at: Option<usize>,
    /// It was there when the faults had stopped and everything had arrived.
    stayed: bool,
}

impl World {
    /// Runs one seed, whole, under a paused clock.
    pub fn run(seed: u64) -> Report {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime needs nothing of the machine");
        runtime.block_on(async {
            let mut world = World::new(seed);
            world.live().await;
            world.settle().await;
            world.report().await
        })
    }

    fn new(seed: u64) -> World {
        let mut dice = fastrand::Rng::with_seed(seed);
        let broker = Arc::new(FakeBroker::default());
        let wrong_every = if dice.bool() { 0 } else { 7 };
        let subgraph = Arc::new(FakeSubgraph::new(seed, wrong_every, dice.u64(0..40)));
        let subgraph: Arc<dyn Subgraph> = subgraph;
        let overflow =
            *dice.choice(&[Overflow::Latest, Overflow::Conflate, Overflow::Disconnect]).expect("three");
        let snapshot = Snapshot {
            supergraph: supergraph(),
            subgraphs: HashMap::from([("orders".to_owned(), subgraph)]),
            providers: vec![Provider {
                id: "default".into(),
                transport: Transport::Nats,
                broker: Arc::new(BrokerHandle(broker.clone())),
            }],
            hooks: vec![Arc::new(OwnOrders), Arc::new(Guard)],
            overflow: FIELDS.iter().map(|field| ((*field).to_owned(), overflow)).collect(),
        };
        let limits = Limits {
            group_inflight_max: dice.usize(1..8),
            group_backlog_max: *dice.choice(&[3, 20, 4_096]).expect("three"),
            batch_events_max: dice.usize(1..8),
            linger: Duration::from_millis(dice.u64(0..50)),
            ..Limits::default()
        };
        let busy_every = if dice.bool() { 0 } else { 5 };
        let shards = (0..2).map(|id| Arc::new(FakeShard::new(id, seed, busy_every))).collect();
        let engine = Engine::new(snapshot, limits);
        World { dice, engine, broker, shards, clients: Vec::new(), published: Vec::new(), overflow }
    }

    async fn live(&mut self) {
        for _ in 0..self.dice.u32(50..200) {
            match self.dice.u32(0..100) {
                0..25 => self.come(),
                25..32 => self.leave(),
                32..36 => self.broker.set_down(self.dice.bool()),
                36..80 => self.publish(),
                _ => tokio::time::sleep(Duration::from_millis(self.dice.u64(1..30))).await,
            }
            tokio::task::yield_now().await;
            self.note_joins().await;
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.usize(0..from.len())]
    }

    fn publish(&mut self) {
        let n = self.published.len();
        // Most are calm; the others break the hooks that look at them.
        let mood = if self.dice.u32(0..10) < 8 { "calm" } else { self.pick(&MOODS) };
        let event = Published { region: self.pick(&REGIONS), customer: self.pick(&PEOPLE[..3]), mood };
        let id = format!("o{}", self.dice.u32(0..6));
        let payload = json!({
            "__typename": "Order", "id": id, "n": n, "customer": event.customer, "mood": mood,
        });
        self.broker.send(&format!("orders.{}", event.region), payload.to_string().into());
        self.published.push(event);
        if self.dice.u32(0..15) == 0 {
            self.broker
                .send(&format!("orders.{}", self.dice.choice(REGIONS).expect("two")), "{nonsense".into());
        }
    }

    fn come(&mut self) {
        let (field, region, who) = (self.pick(&FIELDS), self.pick(&REGIONS), self.pick(&PEOPLE));
        let customers: Vec<_> = PEOPLE[..3].iter().copied().filter(|_| self.dice.bool()).collect();
        let (wants_status, shard) = (self.dice.bool(), self.dice.usize(0..2));
        let member = MemberId(self.clients.len() as u64);
        let arguments = match field {
            "ordersOf" => "region: $region, customers: $customers",
            _ => "region: $region",
        };
        let declared = match field {
            "ordersOf" => "$region: ID!, $customers: [ID!]!",
            _ => "$region: ID!",
        };
        let status = if wants_status { "status" } else { "" };
        let query =
            format!("subscription({declared}) {{ {field}({arguments}) {{ id n customer {status} }} }}");
        let variables = json!({ "region": region, "customers": customers });
        let request =
            Request::from_json(json!({ "query": query, "variables": variables })).expect("well formed");
        let identity = Identity { claims: Arc::new(json!({ "sub": who })), ..Identity::default() };
        let (engine, to) = (self.engine.clone(), self.shards[shard].clone());
        let task = tokio::spawn(async move {
            let told = |errors: Vec<graph::error::GraphqlError>| errors[0].message.clone();
            let prepared = engine.prepare(request, identity).await.map_err(told)?;
            let shard: Arc<dyn Shard> = to;
            engine.subscribe(prepared, Member { id: member, shard }).await.map_err(told)
        });
        self.clients.push(Client {
            field,
            region,
            who,
            customers,
            wants_status,
            member,
            shard,
            task: Some(task),
            subscription: None,
            refused: None,
            joined_at: None,
            left_at: None,
            stayed: false,
        });
    }

    async fn note_joins(&mut self) {
        let published = self.published.len();
        for client in &mut self.clients {
            let Some(task) = client.task.take_if(|task| task.is_finished()) else { continue };
            match task.await.expect("subscribing never panics") {
                Ok(subscription) => {
                    client.subscription = Some(subscription);
                    client.joined_at = Some(published);
                }
                Err(refused) => client.refused = Some(refused),
            }
        }
    }

    fn leave(&mut self) {
        let joined: Vec<usize> =
            (0..self.clients.len()).filter(|at| self.clients[*at].subscription.is_some()).collect();
        if !joined.is_empty() {
            let at = joined[self.dice.usize(0..joined.len())];
            self.clients[at].left_at = Some(self.published.len());
            self.clients[at].subscription = None;
        }
    }

    /// Faults stop; everybody catches up; then everybody goes.
    async fn settle(&mut self) {
        self.broker.set_down(false);
        // Longer than every planned lateness in a row could take.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        self.note_joins().await;
        for client in &mut self.clients {
            if client.subscription.take().is_some() {
                client.left_at = Some(self.published.len());
                client.stayed = true;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    async fn report(mut self) -> Report {
        let mut violations = Vec::new();
        let census = self.engine.census();
        if census != json!({ "triggers": 0, "groups": 0, "subscriptions": 0 }) {
            violations.push(format!("left over: {census}"));
        }
        if self.broker.subscriptions() != 0 {
            violations.push(format!("broker subscriptions left: {}", self.broker.subscriptions()));
        }
        let clients = std::mem::take(&mut self.clients);
        let mut trace = vec![format!("broker subscriptions opened: {}", self.broker.opened())];
        for (at, client) in clients.iter().enumerate() {
            let record = self.shards[client.shard].record(client.member);
            if let Err(violation) = self.check(client, &record) {
                violations.push(format!(
                    "client {at} ({} {} {}): {violation}",
                    client.field, client.region, client.who
                ));
            }
            let got: Vec<String> =
                record.payloads.iter().map(|p| String::from_utf8_lossy(p).into()).collect();
            trace.push(format!("{at} {:?} skipped {} {got:?}", client.refused, record.skipped));
        }
        Report { trace, violations }
    }

    /// What one client may and must have been sent.
    fn check(&self, client: &Client, record: &Record) -> Result<(), String> {
        let denied = client.field == "guardedOrders" && client.who == "mallory";
        if denied != client.refused.is_some() {
            return Err(format!("refused: {:?}", client.refused));
        }
        if client.joined_at.is_none() {
            return if record.payloads.is_empty() { Ok(()) } else { Err("sent to, but never joined".into()) };
        }
        let mut got = Vec::new();
        for payload in &record.payloads {
            got.push(self.check_payload(client, payload)?);
        }
        if !got.is_sorted_by(|a, b| a < b) {
            return Err(format!("out of order or doubled: {got:?}"));
        }
        if let Some(n) = got.iter().find(|n| !self.matches(client, **n)) {
            return Err(format!("event {n} is not for it"));
        }
        self.check_complete(client, record, &got)
    }

    fn check_complete(&self, client: &Client, record: &Record, got: &[usize]) -> Result<(), String> {
        let (from, to) = (client.joined_at.unwrap_or(0), client.left_at.unwrap_or(0));
        let missing: Vec<usize> =
            (from..to).filter(|n| self.matches(client, *n) && !got.contains(n)).collect();
        match &record.end {
            Some(End::Errors(errors)) if self.overflow == Overflow::Disconnect => {
                let last = got.last().copied().unwrap_or(0);
                let gap = missing.iter().any(|n| *n < last);
                if gap { Err(format!("a gap before the end ({errors:?}): {missing:?}")) } else { Ok(()) }
            }
            Some(end) => Err(format!("ended by {end:?}")),
            // An event that left the source late for those who left early: what is not pulled is not missed.
            None if !client.stayed => {
                let gap = missing.iter().filter(|n| got.last().is_some_and(|last| *n < last)).count() as u64;
                if gap <= record.skipped { Ok(()) } else { Err(format!("lost in silence: {missing:?}")) }
            }
            None if missing.len() as u64 <= record.skipped => Ok(()),
            None => Err(format!("lost in silence: {missing:?}, told of {}", record.skipped)),
        }
    }

    fn matches(&self, client: &Client, n: usize) -> bool {
        let event = &self.published[n];
        let broken = matches!(event.mood, "panic" | "error" | "late");
        event.region == client.region
            && match client.field {
                "ordersOf" => client.customers.contains(&event.customer),
                "ownOrders" => !broken && (client.who == "admin" || client.who == event.customer),
                _ => true,
            }
    }

    /// A payload is the right answer to what the client asked; its event's number is returned.
    fn check_payload(&self, client: &Client, payload: &[u8]) -> Result<usize, String> {
        let told = || String::from_utf8_lossy(payload).into_owned();
        let payload: Value = serde_json::from_slice(payload).map_err(|_| format!("no JSON: {}", told()))?;
        let order = &payload["data"][client.field];
        let n = order["n"].as_u64().and_then(|n| usize::try_from(n).ok());
        let n =
            n.filter(|n| *n < self.published.len()).ok_or_else(|| format!("no such event: {}", told()))?;
        if order["customer"] != self.published[n].customer {
            return Err(format!("another event's data: {}", told()));
        }
        if client.wants_status {
            let failed = order["status"].is_null() && payload["errors"].is_array();
            if !failed && order["status"] != status_of(&order["id"]) {
                return Err(format!("another order's status: {}", told()));
            }
        } else if payload.get("errors").is_some() || order.get("status").is_some() {
            return Err(format!("an error or a field it did not ask for: {}", told()));
        }
        Ok(n)
    }
}
