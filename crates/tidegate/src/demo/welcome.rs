//! What the demo shows first: the text in the terminal and the prepared tabs of the page.
//! Owns words, operations and tokens; starts nothing.

use super::token;
use crate::console::Tab;
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::SocketAddr;

const ALICE_ORDERS: &str = "\
# With Alice's token (Headers): her own orders only.
subscription AliceOrders {
  orderUpdated {
    id
    status
    quantity
    product { name priceCents }
    customer { name }
  }
}";

const ALL_ORDERS: &str = "\
# The same with the admin's token: all orders.
subscription AllOrders {
  orderUpdated {
    id
    status
    customer { name city }
  }
}";

const SOCCER: &str = "\
# The score of now at once, then each goal.
subscription Soccer {
  scoreUpdated(matchId: \"m-1\") {
    home { name }
    away { name }
    homeGoals
    awayGoals
    minute
  }
}";

const EMPLOYEE: &str = "\
# The event is only a type name and an id.
# Two subgraphs answer the rest.
subscription Employee {
  employeeUpdated(employeeID: 1) {
    id
    role
    details { forename surname }
    isAvailable
    location
  }
}";

const ACTIVITY: &str = "\
# A union: each event names its type.
subscription Activity {
  activity {
    __typename
    ... on Match { home { name } away { name } homeGoals awayGoals }
    ... on Product { name priceCents }
    ... on Employee { details { forename } isAvailable }
  }
}";

const CATALOG: &str = "\
# An interface: what both types have, and what only one has.
subscription Catalog {
  catalogChanged {
    __typename
    name
    priceCents
    ... on Bundle { products { name } }
  }
}";

const CREATE_ORDER: &str = "\
# As Alice. Put \"bob\" into the variables
# to be refused, with the reason.
mutation CreateOrder($customer: ID!) {
  createOrder(customerId: $customer, productId: \"p-3\", quantity: 2) {
    success
  }
}";

/// The tabs of the page, in the order of the story.
pub fn tabs() -> Vec<Tab> {
    let tab = |query: &str, token: Option<String>, variables: Option<Value>| Tab {
        query: query.into(),
        headers: token.map(|token| pretty(&json!({ "Authorization": format!("Bearer {token}") }))),
        variables: variables.as_ref().map(pretty),
    };
    vec![
        tab(ALICE_ORDERS, Some(token::alice()), None),
        tab(ALL_ORDERS, Some(token::admin()), None),
        tab(SOCCER, None, None),
        tab(EMPLOYEE, None, None),
        tab(ACTIVITY, None, None),
        tab(CATALOG, None, None),
        tab(CREATE_ORDER, Some(token::alice()), Some(json!({ "customer": "alice" }))),
    ]
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// Three things to try, each one line of `curl`.
fn commands(graphql: &str) -> [(&'static str, String); 3] {
    let ask = |token: &str, accept: &str, query: &str| {
        let body = json!({ "query": query });
        let token =
            if token.is_empty() { String::new() } else { format!(" -H \"authorization: Bearer ${token}\"") };
        format!(
            "curl -sN {graphql} -H 'content-type: application/json' -H 'accept: {accept}'{token} -d '{body}'"
        )
    };
    let stream = "text/event-stream";
    let create = "mutation { createOrder(customerId: \"bob\", productId: \"p-1\") { success } }";
    [
        (
            "Alice's orders as they change ($BOB: his own, $ADMIN: everybody's)",
            ask("ALICE", stream, "subscription { orderUpdated { id status customer { name } } }"),
        ),
        (
            "an order for Bob, by Alice: refused, with the reason ($BOB may)",
            ask("ALICE", "application/json", create),
        ),
        (
            "a match: the score of now at once, then goal by goal",
            ask("", stream, "subscription { scoreUpdated(matchId: \"m-1\") { homeGoals awayGoals minute } }"),
        ),
    ]
}

/// The tokens, as a shell takes them.
pub fn exports() -> String {
    let tokens = [("ALICE", token::alice()), ("BOB", token::bob()), ("ADMIN", token::admin())];
    tokens.map(|(name, token)| format!("export {name}={token}\n")).concat()
}

/// The text for the terminal; `colour` where it is one.
pub fn text(router: SocketAddr, admin: Option<SocketAddr>, publishes: bool, colour: bool) -> String {
    let paint = |code: &str, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let (bold, dim) = (|text: &str| paint("1", text), |text: &str| paint("2", text));
    let graphql = format!("http://{router}/graphql");
    let moves =
        if publishes { "events move by themselves" } else { "nothing moves until you create an order" };
    let mut out = format!(
        "\n{} one process, a broker, seven subgraphs and the router; {moves}\n\n",
        bold("Tidegate demo:")
    );
    let mut row = |label: &str, value: String, note: &str| {
        writeln!(out, "  {label:<8} {value:<34} {}", dim(note)).expect("writing to a String cannot fail");
    };
    row("open", format!("http://{router}/"), "GraphiQL, with subscriptions prepared");
    row("graphql", graphql.clone(), "HTTP, WebSocket (both protocols), SSE, multipart");
    if let Some(admin) = admin {
        row("admin", format!("http://{admin}/metrics"), "and /health/ready");
    }
    out.push_str(&format!("\n{}\n\n", bold("Paste the tokens into another terminal,")));
    out.push_str(&exports());
    out.push_str(&format!("\n{}\n", bold("then try:")));
    for (title, command) in commands(&graphql) {
        out.push_str(&format!("\n{}\n{command}\n", dim(&format!("# {title}"))));
    }
    out.push_str(&format!("\n{}\n", dim("Ctrl-C ends it.")));
    out
}

#[cfg(test)]
mod tests;
