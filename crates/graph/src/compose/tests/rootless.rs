//! Graphs whose only root fields are tied to brokers: subgraphs of entities and nothing else, or none at all.

use super::world::{events, http, plan};
use crate::compose::{Composition, compose, splice};
use crate::operation::Bounds;
use crate::supergraph::Supergraph;

const ENTITIES: &str = r#"
type Item @key(fields: "id box { id }") { id: ID! box: Box weight: Float }
type Box { id: ID! }
"#;

const ASKED_AND_SENT: &str = r#"
type Query { itemNow(of: String!): Thing! @edfs__natsRequest(subject: "item.{{ args.of }}") }
type Subscription { itemMoved(of: String!): Thing! @edfs__natsSubscribe(subjects: ["items.{{ args.of }}"]) }
type Item @key(fields: "id box { id }", resolvable: false) { id: ID! @external box: Box @external }
type Box { id: ID! @external }
"#;

const SENT: &str = r#"
type Subscription { moved: Item! @edfs__kafkaSubscribe(topics: ["moved"]) }
type Item @key(fields: "id box { id }", resolvable: false) { id: ID! @external box: Box @external }
type Box { id: ID! @external }
"#;

const BOUNDS: Bounds = Bounds {
    tokens_max: 100,
    depth_max: 12,
    selections_max: 100,
    planning_timeout: std::time::Duration::from_secs(60),
};

fn composed(sources: &[crate::compose::SchemaSource]) -> Composition {
    let composed = compose(sources).unwrap_or_else(|found| panic!("{found:?}"));
    super::is_valid(&composed.sdl);
    composed
}

fn loaded(sdl: &str) -> Supergraph {
    Supergraph::load(sdl).unwrap_or_else(|found| panic!("{found:?}\n{sdl}"))
}

#[test]
fn subgraphs_without_a_root_compose_with_the_roots_of_events() {
    let abstract_types = [
        "union Thing = Item".to_owned(),
        "interface Thing { id: ID! } extend type Item implements Thing".to_owned(),
    ];
    for thing in abstract_types {
        let sdl = format!("{ASKED_AND_SENT}{thing}");
        let composed = composed(&[http("items", ENTITIES), events("live", &sdl)]);
        assert!(composed.warnings.is_empty(), "{:?}", composed.warnings);
        let supergraph = loaded(&composed.sdl);
        assert!(!composed.sdl.to_lowercase().contains("tidegate"), "{}", composed.sdl);
        assert_eq!(supergraph.subgraphs.len(), 1);
        let asked =
            plan(&composed.sdl, "subscription { itemMoved(of: \"x\") { ... on Item { id weight } } }");
        asked.subscribes_to("live");
        asked.asks_entities_of(&["items"]);
        let asked = plan(&composed.sdl, "{ itemNow(of: \"x\") { ... on Item { id weight } } }");
        asked.asks_only(&["items", "live"]);
    }
}

#[test]
fn a_graph_without_a_query_keeps_one_that_asks_nobody() {
    let composed = composed(&[http("items", ENTITIES), events("live", SENT)]);
    let asked = plan(&composed.sdl, "subscription { moved { weight } }");
    asked.subscribes_to("live");
    asked.asks_entities_of(&["items"]);
    let api = loaded(&composed.sdl).api_sdl();
    assert!(api.contains("type Query {\n  _tidegate: Boolean\n}"), "{api}");
    assert!(!composed.sdl.contains("@join__graph(name: \"tidegate"), "{}", composed.sdl);
    let found = loaded(&composed.sdl).prepare("{ _tidegate }", None, &BOUNDS).expect_err("refused");
    assert_eq!(found[0].code.as_str(), "PLANNING_FAILED");
    let named = loaded(&composed.sdl).prepare("{ __typename }", None, &BOUNDS).expect("prepares");
    assert!(named.plan.node.is_none());
    // A query that comes later takes its place.
    let more = "type Query { all: Sum @edfs__natsRequest(subject: \"all\") } type Sum { weight: Float }";
    let last = more.replace("all", "last").replace("Sum", "End");
    let more = [events("more", more), events("last", &last)];
    let spliced = splice(&composed.sdl, &more).expect("splices");
    super::is_valid(&spliced.sdl);
    let api = loaded(&spliced.sdl).api_sdl();
    assert!(api.contains("all: Sum") && api.contains("last: End") && !api.contains("_tidegate"), "{api}");
}

#[test]
fn subgraphs_with_a_mutation_and_no_query_compose() {
    let http = http("items", &format!("{ENTITIES} type Mutation {{ weigh(id: ID!): Item }}"));
    let composed = composed(&[http, events("live", SENT)]);
    loaded(&composed.sdl);
    plan(&composed.sdl, "mutation { weigh(id: 1) { weight } }").asks_only(&["items"]);
    plan(&composed.sdl, "subscription { moved { weight } }").asks_entities_of(&["items"]);
}

#[test]
fn what_every_federated_subgraph_has_is_no_query_of_its_own() {
    let federated = "type Query { _service: _Service! } type _Service { sdl: String }";
    let composed = composed(&[http("items", &format!("{ENTITIES}{federated}")), events("live", SENT)]);
    let api = loaded(&composed.sdl).api_sdl();
    assert!(!api.contains("_service"), "{api}");
    plan(&composed.sdl, "subscription { moved { weight } }").asks_entities_of(&["items"]);
}

#[test]
fn events_alone_are_a_graph() {
    let composed = composed(&[events("live", super::NOTHING_MUCH)]);
    let supergraph = loaded(&composed.sdl);
    assert!(supergraph.subgraphs.is_empty());
    let asked = plan(&composed.sdl, "subscription { ticked { at } }");
    asked.subscribes_to("live");
    asked.asks_entities_of(&[]);
}

#[test]
fn a_graph_without_any_root_field_is_refused() {
    let found = compose(&[http("items", ENTITIES)]).expect_err("refused");
    assert_eq!(found[0].message, "no subgraph has a root field");
    assert!(found[0].help.is_some());
}

#[test]
fn a_root_field_that_begins_with_an_underscore_is_kept_where_it_is_tied() {
    let sdl = r#"
        type Query { _empty: String }
        type Subscription { _ticked: Tick @edfs__natsSubscribe(subjects: ["tick"]) _empty: String }
        type Tick { at: Int! }
        "#;
    let composed = composed(&[http("items", "type Query { now: Int }"), events("live", sdl)]);
    assert!(!composed.sdl.contains("_empty"));
    plan(&composed.sdl, "subscription { _ticked { at } }").subscribes_to("live");
    let bindings = crate::events::bindings(&composed.sdl).expect("reads back");
    assert_eq!(bindings.iter().map(|binding| binding.field.as_str()).collect::<Vec<_>>(), ["_ticked"]);
}
