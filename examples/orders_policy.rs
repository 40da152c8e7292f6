//! A router of your own: all four hooks in Rust, everything else as `tidegate serve` does it.
//! Owns one policy: customers see and create their own orders, admins see all.
//! Run it with `examples/orders/README.md`, which has the tokens and commands to try:
//! `cargo run --example orders_policy -- examples/orders/tidegate.yaml target/orders.graphql`

use std::path::Path;
use tidegate::{
    Admission, Config, Event, Hook, Policy, Publish, Refusal, Select, Selection, Start, Tidegate, Value,
    View, async_trait,
};

struct OwnOrders;

#[async_trait]
impl Hook for OwnOrders {
    fn name(&self) -> &str {
        "own-orders"
    }

    /// `on_select` sees these two claims and nothing else, so 30,000 customers with 12 roles cost what they
    /// differ in.
    fn policy(&self) -> Policy {
        let fields = vec!["orderUpdated".into(), "createOrder".into()];
        Policy {
            fields,
            receives: true,
            selects: true,
            view: View::claims(["sub", "role"]),
            ..Policy::default()
        }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        if start.identity.is_authenticated() {
            Ok(Admission::allow())
        } else {
            Err(Refusal::new("sign in to see orders"))
        }
    }

    async fn on_receive(&self, events: Vec<Event>) -> Result<Vec<Event>, Refusal> {
        Ok(events.into_iter().filter(|event| event.payload["test"] != true).collect())
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        let is_own = select.event.payload["customerId"] == select.viewer.claims["sub"];
        let is_admin = select.viewer.claims["role"] == "admin";
        Ok(if is_own || is_admin { Selection::Keep } else { Selection::Drop })
    }

    async fn on_publish(&self, publish: &Publish) -> Result<tidegate::Object, Refusal> {
        let mut order = publish.payload.clone();
        if order.get("customerId") != publish.identity.claims.get("sub") {
            return Err(Refusal::new("you may create orders for yourself only"));
        }
        // Where a real one would store the order and learn its id.
        order.insert("id".into(), Value::from("o-1"));
        Ok(order)
    }
}

#[tokio::main]
async fn main() -> miette::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, supergraph] = &arguments[..] else {
        miette::bail!("usage: orders_policy CONFIG SUPERGRAPH")
    };
    let config = Config::load(Some(Path::new(config)), &[])?.config;
    let supergraph =
        std::fs::read_to_string(supergraph).map_err(|error| miette::miette!("{supergraph}: {error}"))?;
    let router = Tidegate::builder().config(config).supergraph(supergraph).hook(OwnOrders).start().await?;
    println!("http://{}/graphql", router.address());
    router.until_stopped().await;
    Ok(())
}
