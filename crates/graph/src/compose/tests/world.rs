//! Schemas to compose, and a plan to ask what goes where.

use crate::compose::SchemaSource;
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::planner::Planner;
use hive_router_query_planner::planner::plan_nodes::PlanNode;
use hive_router_query_planner::utils::parsing::{parse_schema, safe_parse_operation};
use std::collections::BTreeSet;

/// The shape of the issue's example: two subgraphs own an employee's fields, a third has products.
pub(super) const EMPLOYEES: [(&str, &str); 3] = [
    (
        "employees",
        r#"
        type Query { employees: [Employee!]! employee(id: Int!): Employee }
        type Employee @key(fields: "id") { id: Int! tag: String! details: Details }
        type Details { forename: String! surname: String! }
        "#,
    ),
    (
        "availability",
        r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])
        type Mutation { updateAvailability(employeeID: Int!, isAvailable: Boolean!): Employee! }
        type Employee @key(fields: "id") { id: Int! availability: Availability! }
        type Availability { isAvailable: Boolean! }
        "#,
    ),
    (
        "products",
        r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.3",
          import: [{ name: "@key", as: "@identity" }, "@shareable"])
        type Query { products: [Product!]! }
        type Product @identity(fields: "id") { id: Int! title: String! }
        "#,
    ),
];

pub(super) fn http(name: &str, sdl: &str) -> SchemaSource {
    let routing_url = Some(format!("http://127.0.0.1/{name}"));
    SchemaSource { name: name.into(), routing_url, sdl: sdl.into(), origin: format!("{name}.graphql") }
}

pub(super) fn events(name: &str, sdl: &str) -> SchemaSource {
    SchemaSource { routing_url: None, ..http(name, sdl) }
}

/// What the planner makes of an operation.
pub(super) struct Planned {
    pub(super) text: String,
    subscribed: Vec<String>,
    fetched: BTreeSet<String>,
    entities: BTreeSet<String>,
}

pub(super) fn plan(sdl: &str, operation: &str) -> Planned {
    let planner =
        Planner::new_from_supergraph(&parse_schema(sdl), Default::default()).expect("the supergraph loads");
    let operation = safe_parse_operation(operation).expect("the operation parses");
    let normalized = normalize_operation(&planner.supergraph, &operation, None).expect("the operation fits");
    let plan = planner.plan_from_normalized_operation(
        &normalized.operation,
        Default::default(),
        &Default::default(),
    );
    let plan = plan.expect("there is a plan");
    let (subscribed, fetched, entities) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut planned = Planned { text: plan.to_string(), subscribed, fetched, entities };
    planned.visit(plan.node.as_ref().expect("the plan does something"));
    planned
}

impl Planned {
    fn visit(&mut self, node: &PlanNode) {
        match node {
            PlanNode::Subscription(node) => self.subscribed.push(node.primary.service_name.clone()),
            PlanNode::Fetch(fetch) => {
                let service = fetch.service_name.clone();
                if fetch.requires.is_some() { &mut self.entities } else { &mut self.fetched }.insert(service);
            }
            PlanNode::BatchFetch(fetch) => {
                self.entities.insert(fetch.service_name.clone());
            }
            PlanNode::Sequence(nodes) => nodes.nodes.iter().for_each(|node| self.visit(node)),
            PlanNode::Parallel(nodes) => nodes.nodes.iter().for_each(|node| self.visit(node)),
            PlanNode::Flatten(flatten) => self.visit(&flatten.node),
            PlanNode::Condition(condition) => {
                let branches = [&condition.if_clause, &condition.else_clause];
                branches.into_iter().flatten().for_each(|node| self.visit(node));
            }
            PlanNode::Defer(_) => panic!("nothing defers: {}", self.text),
        }
    }

    pub(super) fn subscribes_to(&self, service: &str) {
        assert_eq!(self.subscribed, [service], "{}", self.text);
    }

    /// Exactly these services are asked for entities.
    pub(super) fn asks_entities_of(&self, services: &[&str]) {
        assert_eq!(self.entities.iter().map(String::as_str).collect::<Vec<_>>(), services, "{}", self.text);
    }

    /// Exactly these services are asked at all.
    pub(super) fn asks_only(&self, services: &[&str]) {
        let asked: BTreeSet<&str> = self.entities.union(&self.fetched).map(String::as_str).collect();
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), services, "{}", self.text);
    }
}
