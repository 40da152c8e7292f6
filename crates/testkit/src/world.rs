//! One seeded run: clients come and go, events are published, things break, and at the end everything is checked.
//! Owns the plan of a run; what must be true after it is the checker's.

use crate::broker::{BrokerHandle, FakeBroker};
use crate::checker::{Client, Published, Truth};
use crate::client::FakeShard;
use crate::hooks::{Current, Guard, OwnOrders};
use crate::schema::supergraph;
use crate::subgraph::FakeSubgraph;
use engine::decode::Decode;
use engine::outbox::{Member, MemberId, Overflow, Shard};
use engine::port::Subgraph;
use engine::snapshot::Provider;
use engine::{Engine, Identity, Limits, Request, Snapshot};
use graph::events::Transport;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const FIELDS: [&str; 5] = ["everyOrder", "ordersOf", "ownOrders", "guardedOrders", "currentOrders"];
const REGIONS: [&str; 2] = ["north", "south"];
const PEOPLE: [&str; 5] = ["ada", "bob", "cyd", "admin", "mallory"];
const TENANTS: [&str; 2] = ["red", "blue"];
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
    subgraph: Arc<dyn Subgraph>,
    current: Current,
    truth: Truth,
    violations: Vec<String>,
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
        let mut subgraph = FakeSubgraph::new(seed, wrong_every, dice.u64(0..40));
        if dice.bool() {
            subgraph.forwards = vec!["x-tenant".into()];
        }
        let forwards = !subgraph.forwards.is_empty();
        let policies = [Overflow::Latest, Overflow::Conflate, Overflow::Disconnect];
        let overflow = *dice.choice(&policies).expect("three");
        let limits = Limits {
            group_inflight_max: dice.usize(1..8),
            group_backlog_max: *dice.choice(&[3, 20, 4_096]).expect("three"),
            batch_events_max: dice.usize(1..8),
            linger: Duration::from_millis(dice.u64(0..50)),
            ..Limits::default()
        };
        let busy_every = if dice.bool() { 0 } else { 5 };
        let shards = (0..2).map(|id| Arc::new(FakeShard::new(id, seed, busy_every))).collect();
        let truth = Truth { published: Vec::new(), overflow, forwards };
        let (subgraph, current): (Arc<dyn Subgraph>, _) = (Arc::new(subgraph), Current::default());
        let engine = Engine::new(snapshot(&broker, &subgraph, &current, overflow), limits);
        let (clients, violations) = (Vec::new(), Vec::new());
        World { dice, engine, broker, shards, clients, subgraph, current, truth, violations }
    }

    /// The same world in a new generation: what runs goes on in the old one.
    fn swap(&self) {
        self.engine.swap(snapshot(&self.broker, &self.subgraph, &self.current, self.truth.overflow));
    }

    async fn live(&mut self) {
        for _ in 0..self.dice.u32(50..200) {
            match self.dice.u32(0..100) {
                0..25 => self.come(),
                25..32 => self.leave(),
                32..36 => self.broker.set_down(self.dice.bool()),
                36..68 => self.publish(),
                68..78 => self.mutate().await,
                78..80 => self.swap(),
                _ => tokio::time::sleep(Duration::from_millis(self.dice.u64(1..30))).await,
            }
            tokio::task::yield_now().await;
            self.note_joins().await;
            let frames = self.dice.usize(0..2);
            self.shards.iter().for_each(|shard| shard.read(frames));
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.usize(0..from.len())]
    }

    fn publish(&mut self) {
        let n = self.truth.published.len();
        // Most are calm; the others break the hooks that look at them.
        let mood = if self.dice.u32(0..10) < 8 { "calm" } else { self.pick(&MOODS) };
        let id = format!("o{}", self.dice.u32(0..6));
        let event = Published { region: self.pick(&REGIONS), customer: self.pick(&PEOPLE[..3]), mood, id };
        let payload = event.payload(n);
        self.current.note(event.region, &payload);
        self.broker.send(&format!("orders.{}", event.region), payload.to_string().into());
        self.truth.published.push(event);
        if self.dice.u32(0..15) == 0 {
            self.broker
                .send(&format!("orders.{}", self.dice.choice(REGIONS).expect("two")), "{nonsense".into());
        }
    }

    /// Publishes as a client does: through a mutation and its hook.
    async fn mutate(&mut self) {
        let n = self.truth.published.len();
        let (region, who) = (self.pick(&REGIONS), self.pick(&PEOPLE[..3]));
        let id = format!("o{}", self.dice.u32(0..6));
        // `customer` is a lie that the hook puts right.
        let query = "mutation($r: ID!, $n: Int!, $id: ID) { \
                     placeOrder(region: $r, n: $n, id: $id, customer: \"bob\") { success } }";
        let variables = json!({ "r": region, "n": n, "id": id });
        let request =
            Request::from_json(json!({ "query": query, "variables": variables })).expect("well formed");
        let identity = Identity { claims: Arc::new(json!({ "sub": who })), ..Identity::default() };
        let event = Published { region, customer: who, mood: "calm", id };
        if who != "cyd" {
            self.current.note(region, &event.payload(n));
            self.truth.published.push(event);
        }
        let answer = match self.engine.prepare(request, identity).await {
            Ok(prepared) => self.engine.execute(prepared).await,
            Err(errors) => format!("{errors:?}").into(),
        };
        let answer = String::from_utf8_lossy(&answer);
        let expected = if who == "cyd" { "no orders from cyd" } else { r#"{"success":true}"# };
        if !answer.contains(expected) {
            self.violations.push(format!("a mutation of {who} answered {answer}"));
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
            format!("subscription({declared}) {{ {field}({arguments}) {{ id n customer mood {status} }} }}");
        let variables = json!({ "region": region, "customers": customers });
        let request =
            Request::from_json(json!({ "query": query, "variables": variables })).expect("well formed");
        let tenant = self.pick(&TENANTS);
        let identity = Identity {
            claims: Arc::new(json!({ "sub": who })),
            headers: Arc::new(vec![
                ("x-tenant".into(), tenant.into()),
                ("x-own".into(), member.0.to_string()),
            ]),
            ..Identity::default()
        };
        let is_slow = self.dice.u32(0..4) == 0;
        if is_slow {
            self.shards[shard].slow_down(member);
        }
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
            tenant,
            is_slow,
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
        let published = self.truth.published.len();
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
            self.clients[at].left_at = Some(self.truth.published.len());
            self.clients[at].subscription = None;
        }
    }

    /// Faults stop; everybody catches up; then everybody goes.
    async fn settle(&mut self) {
        self.broker.set_down(false);
        // Longer than every planned lateness in a row could take.
        for _ in 0..3_600 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.shards.iter().for_each(|shard| shard.read(1));
        }
        self.note_joins().await;
        for client in &mut self.clients {
            if client.subscription.take().is_some() {
                client.left_at = Some(self.truth.published.len());
                client.stayed = true;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    async fn report(mut self) -> Report {
        let mut violations = std::mem::take(&mut self.violations);
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
            if let Err(violation) = self.truth.check(client, &record) {
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
}

fn snapshot(
    broker: &Arc<FakeBroker>,
    subgraph: &Arc<dyn Subgraph>,
    current: &Current,
    overflow: Overflow,
) -> Snapshot {
    Snapshot {
        supergraph: supergraph(),
        subgraphs: HashMap::from([("orders".to_owned(), subgraph.clone())]),
        providers: vec![Provider {
            id: "default".into(),
            transport: Transport::Nats,
            decode: Decode::Json,
            broker: Arc::new(BrokerHandle(broker.clone())),
        }],
        hooks: vec![Arc::new(OwnOrders), Arc::new(Guard), Arc::new(current.clone())],
        overflow: FIELDS.iter().map(|field| ((*field).to_owned(), overflow)).collect(),
    }
}
