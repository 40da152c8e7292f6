//! Supergraphs that another composer made: join v0.3 and the v0.5 header, with and without the events'
//! fields.

use super::world::{events, plan};
use crate::compose::splice;
use crate::events::bindings;

const JOIN_0_3: &str = r#"
schema @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {
  query: Query
}
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String,
  external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION
  | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false,
  resolvable: Boolean! = true, isInterfaceObject: Boolean! = false)
  repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
"#;

const JOIN_0_5: &str = r#"
schema @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) {
  query: Query
}
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments)
  repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String,
  external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String,
  contextArguments: [join__ContextArgument!]) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false,
  resolvable: Boolean! = true, isInterfaceObject: Boolean! = false)
  repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
input join__ContextArgument { name: String! type: String! context: String! selection: join__FieldValue! }
scalar join__DirectiveArguments
scalar join__FieldSet
scalar join__FieldValue
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
"#;

const API: &str = r#"
enum join__Graph {
  ORDERS @join__graph(name: "orders", url: "http://127.0.0.1/orders")
  USERS @join__graph(name: "users", url: "http://127.0.0.1/users")
}
interface Node @join__type(graph: ORDERS) @join__type(graph: USERS) { id: ID! }
type Order implements Node @join__implements(graph: ORDERS, interface: "Node")
  @join__type(graph: ORDERS, key: "id") {
  id: ID!
  status: Status!
  customer: User!
}
enum Status @join__type(graph: ORDERS) {
  PLACED @join__enumValue(graph: ORDERS)
  SHIPPED @join__enumValue(graph: ORDERS)
}
type Query @join__type(graph: ORDERS) @join__type(graph: USERS) {
  order(id: ID!): Order @join__field(graph: ORDERS)
  me: User @join__field(graph: USERS)
}
type User implements Node @join__implements(graph: USERS, interface: "Node")
  @join__type(graph: ORDERS, key: "id") @join__type(graph: USERS, key: "id") {
  id: ID!
  name: String! @join__field(graph: USERS)
}
"#;

const EVENTS: &str = r#"
type Query { orderNow(id: ID!): Order @edfs__natsRequest(subject: "order.{{ args.id }}") }
type Mutation { ship(id: ID!): edfs__PublishResult! @edfs__natsPublish(subject: "ship.{{ args.id }}") }
type Subscription {
  orderUpdated(id: ID!): Order @edfs__natsSubscribe(subjects: ["orders.{{ args.id }}"])
  anyChanged(ids: [ID!]!): Node! @edfs__natsSubscribe(subjects: ["changes"])
    @openfed__subscriptionFilter(condition: { IN: { fieldPath: "id", values: ["{{ args.ids }}"] } })
}
interface Node { id: ID! }
type Order implements Node @key(fields: "id", resolvable: false) { id: ID! status: Status! }
enum Status { PLACED SHIPPED }
"#;

#[test]
fn fields_are_added_where_there_were_no_such_roots() {
    for header in [JOIN_0_3, JOIN_0_5] {
        let spliced = splice(&format!("{header}{API}"), &[events("live", EVENTS)]).expect("splices");
        super::is_valid(&spliced.sdl);
        let plan = |operation: &str| plan(&spliced.sdl, operation);
        let carried = plan("subscription { orderUpdated(id: 1) { id status } }");
        carried.subscribes_to("live");
        carried.asks_entities_of(&[]);
        let fetched = plan("subscription { orderUpdated(id: 1) { status customer { name } } }");
        fetched.subscribes_to("live");
        fetched.asks_entities_of(&["orders", "users"]);
        let node = plan("subscription { anyChanged(ids: [1]) { id ... on Order { customer { id } } } }");
        node.asks_entities_of(&["orders"]);
        plan("{ orderNow(id: 1) { customer { id } } }").asks_only(&["live", "orders"]);
        plan("mutation { ship(id: 1) { success } }").asks_only(&["live"]);
        // The fields that were everywhere stay resolvable where they were, and nowhere else.
        plan("{ order(id: 1) { status customer { id name } } }").asks_only(&["orders", "users"]);
        assert_eq!(bindings(&spliced.sdl).expect("reads back").len(), 4);
        assert_eq!(spliced.sdl.matches("directive @join__directive").count(), 1);
    }
}

fn with_fields(graph: &str) -> String {
    let api = API
        .replace(
            "\n}\ninterface Node",
            &format!("\n  LIVE @join__graph(name: \"{graph}\", url: \"\")\n}}\ninterface Node"),
        )
        .replace(
            "@join__type(graph: ORDERS, key: \"id\") {\n  id",
            "@join__type(graph: ORDERS, key: \"id\") @join__type(graph: LIVE, key: \"id\") {\n  id",
        )
        .replace("status: Status!", "status: Status! @join__field(graph: ORDERS)")
        .replace("customer: User!", "customer: User! @join__field(graph: ORDERS)");
    let header = JOIN_0_5.replace("query: Query", "query: Query\n  subscription: Subscription");
    format!("{header}{api}\ntype Subscription @join__type(graph: LIVE) {{ orderUpdated(id: ID!): Order }}")
}

const ONE: &str = r#"
type Subscription { orderUpdated(id: ID!): Order @edfs__natsSubscribe(subjects: ["orders.{{ args.id }}"]) }
type Order @key(fields: "id", resolvable: false) { id: ID! }
"#;

#[test]
fn bindings_are_attached_where_the_fields_are_there_already() {
    for (graph, name) in [("live", "live"), ("live", "another-name")] {
        let spliced = splice(&with_fields(graph), &[events(name, ONE)]).expect("splices");
        assert_eq!(spliced.sdl.matches("@join__graph(").count(), 4, "three graphs and the definition");
        let plan = plan(&spliced.sdl, "subscription { orderUpdated(id: 1) { status } }");
        plan.subscribes_to("live");
        plan.asks_entities_of(&["orders"]);
        let bindings = bindings(&spliced.sdl).expect("reads back");
        assert_eq!(bindings.iter().map(|binding| binding.subgraph.as_str()).collect::<Vec<_>>(), ["live"]);
        assert!(spliced.sdl.contains(r#"@join__type(graph: LIVE, key: "id", resolvable: false)"#));
    }
}

#[test]
fn a_graph_without_the_field_says_so() {
    let more = ONE.replace("orderUpdated", "orderMoved");
    let found = splice(&with_fields("live"), &[events("live", &more)]).expect_err("refused");
    let text = found.last().map(ToString::to_string).unwrap_or_default();
    assert!(text.starts_with("error: the supergraph has the graph `live` without `orderMoved`"), "{text}");
    assert!(text.contains("--> live.graphql:2:21"), "{text}");
}

#[test]
fn what_is_no_supergraph_is_refused() {
    let found = splice("type Query { a: Int }", &[events("live", ONE)]).expect_err("refused");
    assert_eq!(found[0].message, "this is no supergraph: `join__Graph` is not declared");
}

#[test]
fn an_http_graph_with_fields_of_its_own_is_not_taken_for_an_events_graph() {
    let now = r#"type Query { order(id: ID!): Order @edfs__natsRequest(subject: "o.{{ args.id }}") }
        type Order @key(fields: "id", resolvable: false) { id: ID! }"#;
    let supergraph = format!("{JOIN_0_3}{API}");
    // `orders` answers `Query.order` and nothing else: the same fields, so it is that graph, and that is
    // said.
    let same = splice(&supergraph, &[events("live", now)]).expect("splices");
    let said: Vec<_> = same.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(said, ["events schema `live` is taken for the supergraph's graph `orders`"]);
    let also =
        supergraph.replace("me: User @join__field(graph: USERS)", "me: User @join__field(graph: ORDERS)");
    let found = splice(&also, &[events("live", now)]).expect_err("refused");
    assert_eq!(found[0].message, "`Query.order` is in the supergraph already");
    let found = splice(&also, &[events("orders", now)]).expect_err("refused");
    assert_eq!(found[0].message, "the supergraph's graph `orders` answers `Query.me` too");
}
