//! The demo's hooks: short on purpose, since they are what a reader copies to begin with.
//! Owns who may see and create orders, and the score a soccer fan is sent first; knows no socket and no broker.

use super::token::ISSUER;
use super::world::World;
use crate::{
    Admission, Hook, Identity, Object, Policy, Publish, Refusal, Select, Selection, Start, Value, View,
};
use async_trait::async_trait;
use std::sync::Arc;

/// Orders are private: each customer sees and creates their own, the admin all.
pub struct Orders {
    pub world: Arc<World>,
}

#[async_trait]
impl Hook for Orders {
    fn name(&self) -> &'static str {
        "orders"
    }

    /// `on_select` reads two claims, so it runs once per event and distinct pair of them, however many subscribe.
    fn policy(&self) -> Policy {
        Policy {
            fields: vec!["orderUpdated".into(), "createOrder".into()],
            selects: true,
            view: View::claims(["sub", "role"]),
            ..Policy::default()
        }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        check_issuer(&start.identity)?;
        Ok(Admission::allow())
    }

    async fn on_select(&self, select: &Select) -> Result<Selection, Refusal> {
        let customer = select.event.payload.get("customerId");
        Ok(if may_act_for(&select.viewer.claims, customer) { Selection::Keep } else { Selection::Drop })
    }

    /// The order is stored first and then published: whoever hears of it can already fetch it. A real service would
    /// take the message off the broker, store the order and publish that; the other way round a subscriber could be
    /// sent an order that its subgraph does not have yet.
    async fn on_publish(&self, publish: &Publish) -> Result<Object, Refusal> {
        check_issuer(&publish.identity)?;
        let order = &publish.payload;
        if !may_act_for(&publish.identity.claims, order.get("customerId")) {
            return Err(Refusal::new("you may create orders for yourself only"));
        }
        let customer = self.known("Customer", order.get("customerId"))?;
        let product = self.known("Product", order.get("productId"))?;
        match order.get("quantity").and_then(Value::as_u64) {
            Some(quantity @ 1..=100) => Ok(self.world.create_order(customer, product, quantity)),
            _ => Err(Refusal::new("quantity must be from 1 to 100")),
        }
    }
}

impl Orders {
    fn known<'a>(&self, typename: &str, id: Option<&'a Value>) -> Result<&'a str, Refusal> {
        let known = id.filter(|id| self.world.record(typename, id).is_some()).and_then(Value::as_str);
        known.ok_or_else(|| Refusal::new(format!("there is no such {}", typename.to_lowercase())))
    }
}

/// The router verified the signature and the expiry; whose tokens are good here is for the hook to say.
fn check_issuer(identity: &Identity) -> Result<(), Refusal> {
    match identity.claims.get("iss").and_then(Value::as_str) {
        _ if !identity.is_authenticated() => Err(Refusal::new("sign in first: no token was sent")),
        Some(ISSUER) => Ok(()),
        _ => Err(Refusal::new("the token is from an issuer that is not trusted here")),
    }
}

fn may_act_for(claims: &Value, customer: Option<&Value>) -> bool {
    claims["role"] == "admin" || (claims["sub"].is_string() && claims.get("sub") == customer)
}

/// A fan who joins at 1-0 is sent that score at once. Goals that fall in the meantime wait, and one that the first
/// score already counted is left out by its `revision`.
pub struct Soccer {
    pub world: Arc<World>,
}

#[async_trait]
impl Hook for Soccer {
    fn name(&self) -> &'static str {
        "soccer"
    }

    fn policy(&self) -> Policy {
        Policy { fields: vec!["scoreUpdated".into()], ..Policy::default() }
    }

    async fn on_subscribe(&self, start: &Start) -> Result<Admission, Refusal> {
        let world = Arc::clone(&self.world);
        let id = start.arguments.get("matchId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let unknown = || Refusal::new("there is no such match");
        world.score(&id).ok_or_else(unknown)?;
        let load = move || async move { world.score(&id).map(|score| vec![score]).ok_or_else(unknown) };
        Ok(Admission::allow().with_initial(Some("revision"), load))
    }
}

#[cfg(test)]
mod tests;
