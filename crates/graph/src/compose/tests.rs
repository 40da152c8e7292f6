//! Composition and splicing, judged by what the planner makes of the result.

mod conflicts;
mod foreign;
mod legal;
mod peer;
mod robust;
mod rootless;
mod world;

use crate::compose::{compose, splice};
use crate::events::{Action, Root, Transport, bindings};
use world::{EMPLOYEES, events, http, plan};

fn employees(events_sdl: &str) -> Vec<crate::compose::SchemaSource> {
    let mut sources: Vec<_> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
    sources.push(events("events", events_sdl));
    sources
}

const EMPLOYEE_UPDATED: &str = r#"
type Subscription {
  employeeUpdated(employeeID: Int!): Employee!
    @edfs__natsSubscribe(subjects: ["employeeUpdated.{{ args.employeeID }}"])
}
type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
"#;

#[test]
fn the_employees_example_resolves_its_fields_from_two_subgraphs() {
    let composed = compose(&employees(EMPLOYEE_UPDATED)).expect("composes");
    assert_eq!(composed.warnings, []);
    is_valid(&composed.sdl);
    let plan = plan(
        &composed.sdl,
        "subscription { employeeUpdated(employeeID: 1) { id details { forename } \
         availability { isAvailable } } }",
    );
    plan.subscribes_to("events");
    plan.asks_entities_of(&["availability", "employees"]);
    let bindings = bindings(&composed.sdl).expect("reads back");
    let [binding] = bindings.as_slice() else { panic!("{bindings:?}") };
    assert_eq!((binding.root, binding.field.as_str()), (Root::Subscription, "employeeUpdated"));
    assert_eq!((binding.transport, binding.action), (Transport::Nats, Action::Subscribe));
    assert_eq!((binding.subgraph.as_str(), binding.provider.as_str()), ("events", "default"));
    assert_eq!(binding.subjects[0].to_string(), "employeeUpdated.{{ args.employeeID }}");
}

#[test]
fn the_event_s_own_key_needs_no_fetch() {
    let composed = compose(&employees(EMPLOYEE_UPDATED)).expect("composes");
    let plan = plan(&composed.sdl, "subscription { employeeUpdated(employeeID: 1) { id __typename } }");
    plan.subscribes_to("events");
    plan.asks_entities_of(&[]);
}

#[test]
fn fields_beyond_the_key_are_carried_by_the_event() {
    let composed = compose(&employees(
        r#"
        type Subscription { hired: Employee @edfs__kafkaSubscribe(topics: ["hired"], providerId: "k") }
        type Employee @key(fields: "id", resolvable: false) { id: Int! tag: String! note: String }
        "#,
    ))
    .expect("composes");
    let carried = plan(&composed.sdl, "subscription { hired { id tag note } }");
    carried.subscribes_to("events");
    carried.asks_entities_of(&[]);
    plan(&composed.sdl, "subscription { hired { note details { forename } } }")
        .asks_entities_of(&["employees"]);
    plan(&composed.sdl, "{ employee(id: 1) { id tag } }").asks_only(&["employees"]);
    let warnings: Vec<_> = composed.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["only events carry `Employee.note`"]);
}

#[test]
fn an_interface_field_reaches_every_type_an_event_can_hold() {
    let composed = compose(&employees(
        r#"
        type Subscription { changed: Change! @edfs__redisSubscribe(channels: ["changes"]) }
        interface Change { id: Int! }
        type Employee implements Change @key(fields: "id", resolvable: false) { id: Int! }
        type Product implements Change @key(fields: "id", resolvable: false) { id: Int! }
        "#,
    ))
    .expect("composes");
    let plan = plan(
        &composed.sdl,
        "subscription { changed { __typename id ... on Employee { tag } ... on Product { title } } }",
    );
    plan.subscribes_to("events");
    plan.asks_entities_of(&["employees", "products"]);
}

#[test]
fn an_interface_s_own_fields_are_asked_of_the_types_behind_it() {
    let media = http(
        "media",
        "type Query { media: [Media!]! } interface Media { id: ID! title: String! }
         type Book implements Media @key(fields: \"id\") { id: ID! title: String! }
         type Film implements Media @key(fields: \"id\") { id: ID! title: String! }",
    );
    let sdl = r#"
        type Subscription { lent: Media! @edfs__natsSubscribe(subjects: ["lent"]) }
        interface Media { id: ID! }
        type Book implements Media @key(fields: "id", resolvable: false) { id: ID! }
        type Film implements Media @key(fields: "id", resolvable: false) { id: ID! }
        "#;
    let composed = compose(&[media, events("events", sdl)]).expect("composes");
    let plan = plan(&composed.sdl, "subscription { lent { id title } }");
    plan.subscribes_to("events");
    plan.asks_entities_of(&["media"]);
}

#[test]
fn federation_1_subgraphs_compose_too() {
    let owner =
        http("owner", "type Query { me: User } type User @key(fields: \"id\") { id: ID! name: String }");
    let extender = http(
        "extender",
        "extend type User @key(fields: \"id\") { id: ID! @external posts: [Post!]! }
         type Post { text: String! } extend type Query { posts: [Post!]! }",
    );
    let sdl = r#"
        type Subscription { joined: User! @edfs__natsSubscribe(subjects: ["joined"]) }
        extend type User @key(fields: "id", resolvable: false) { id: ID! @external }
        "#;
    let composed = compose(&[owner, extender, events("events", sdl)]).expect("composes");
    plan(&composed.sdl, "subscription { joined { name posts { text } } }")
        .asks_entities_of(&["extender", "owner"]);
    plan(&composed.sdl, "{ me { name posts { text } } }").asks_only(&["extender", "owner"]);
}

#[test]
fn a_union_field_reaches_entities_and_plain_types() {
    let composed = compose(&employees(
        r#"
        type Subscription { feed: Feed! @edfs__natsSubscribe(subjects: ["feed.>"]) }
        union Feed = Employee | Product | Reconnected
        type Employee @key(fields: "id", resolvable: false) { id: Int! }
        type Product @key(fields: "id", resolvable: false) { id: Int! }
        type Reconnected { at: String! kind: Kind! }
        enum Kind { PLANNED CRASH }
        "#,
    ))
    .expect("composes");
    let plan = plan(
        &composed.sdl,
        "subscription { feed { __typename ... on Employee { tag } ... on Product { title } \
         ... on Reconnected { at kind } } }",
    );
    plan.subscribes_to("events");
    plan.asks_entities_of(&["employees", "products"]);
}

#[test]
fn a_composite_key_is_handed_to_the_subgraph_that_wants_it() {
    let stock = http(
        "stock",
        r#"
        type Query { lot(id: ID!): Lot }
        type Lot @key(fields: "id tag") { id: ID! tag: String! count: Int! }
        "#,
    );
    let sdl = r#"
        type Subscription { lotMoved(in: LotInput!): Lot
            @edfs__natsSubscribe(subjects: ["lot.{{ args.in.id }}.{{ args.in.tag }}"]) }
        input LotInput { id: ID! tag: String! }
        type Lot @key(fields: "id tag", resolvable: false) { id: ID! @external tag: String! @external }
        "#;
    let composed = compose(&[stock, events("events", sdl)]).expect("composes");
    let plan = plan(&composed.sdl, r#"subscription { lotMoved(in: { id: "1", tag: "x" }) { count } }"#);
    plan.subscribes_to("events");
    plan.asks_entities_of(&["stock"]);
    assert!(plan.text.contains("tag"), "{}", plan.text);
}

#[test]
fn queries_and_mutations_of_the_events_graph_are_plain_fetches() {
    let composed = compose(&employees(
        r#"
        type Query {
          employeeFromEvent(id: Int!): Employee! @edfs__natsRequest(subject: "getEmployee.{{ args.id }}")
        }
        type Mutation {
          updateEmployee(id: Int!, update: UpdateInput!): edfs__PublishResult!
            @edfs__kafkaPublish(topic: "employeeUpdated", providerId: "my-kafka")
        }
        input UpdateInput { name: String email: String }
        input edfs__NatsStreamConfiguration { consumerName: String! streamName: String! }
        directive @edfs__natsRequest(subject: String!, providerId: String! = "default") on FIELD_DEFINITION
        type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
        "#,
    ))
    .expect("composes");
    let request = plan(&composed.sdl, "{ employeeFromEvent(id: 1) { id tag } }");
    request.asks_only(&["employees", "events"]);
    request.asks_entities_of(&["employees"]);
    plan(&composed.sdl, "mutation { updateEmployee(id: 1, update: { name: \"x\" }) { success } }")
        .asks_only(&["events"]);
    for reserved in ["edfs__NatsStreamConfiguration", "directive @edfs__"] {
        assert!(!composed.sdl.contains(reserved), "{reserved} entered");
    }
    assert_eq!(bindings(&composed.sdl).expect("reads back").len(), 2);
}

#[test]
fn existing_subscriptions_and_mutations_stay_with_their_graphs() {
    let chat = http(
        "chat",
        "type Query { room: Room } type Mutation { say(text: String!): Room } type Subscription { said: Room }
         type Room @key(fields: \"id\") { id: ID! name: String! }",
    );
    let sdl = r#"
        type Subscription { roomOpened: Room! @eventsSubscribe(topic: "rooms", sourceID: "main") }
        type Room @key(fields: "id", resolvable: false) { id: ID! @external }
        "#;
    let composed = compose(&[chat, events("rooms", sdl)]).expect("composes");
    let plan = |operation: &str| plan(&composed.sdl, operation);
    plan("subscription { said { name } }").subscribes_to("chat");
    plan("subscription { roomOpened { name } }").subscribes_to("rooms");
    plan("subscription { roomOpened { name } }").asks_entities_of(&["chat"]);
    plan("mutation { say(text: \"x\") { name } }").asks_only(&["chat"]);
}

#[test]
fn renamed_root_types_are_laid_into_the_supergraph_s() {
    let composed = compose(&employees(
        r#"
        schema { subscription: Feeds }
        type Feeds { updated: Employee! @edfs__natsSubscribe(subjects: "updated") }
        type Employee @key(fields: "id") { id: Int! }
        "#,
    ))
    .expect("composes");
    plan(&composed.sdl, "subscription { updated { tag } }").subscribes_to("events");
    assert!(!composed.sdl.contains("Feeds"));
    let warnings: Vec<_> = composed.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["`@key` of `Employee` is taken as `resolvable: false`"]);
}

#[test]
fn authority_survives_composition() {
    let composed = compose(&employees(
        r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.5",
          import: ["@key", "@external", "@authenticated", "@requiresScopes"])
        type Subscription {
          mine: Employee! @authenticated @requiresScopes(scopes: [["read"]])
            @edfs__natsSubscribe(subjects: ["m"])
        }
        type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
        "#,
    ))
    .expect("composes");
    for text in ["@authenticated", "@requiresScopes(scopes: [", "/authenticated/v0.1", "/requiresScopes/v0.1"]
    {
        assert!(composed.sdl.contains(text), "{text} is lost");
    }
    plan(&composed.sdl, "subscription { mine { tag } }").subscribes_to("events");
}

#[test]
fn authority_that_http_subgraphs_ask_for_survives_too() {
    let vault = http(
        "vault",
        r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.5",
          import: ["@key", "@authenticated", "@requiresScopes", "@inaccessible"])
        type Query { secret(in: In): Secret @authenticated }
        type Secret @key(fields: "id") { id: ID! text: Text @requiresScopes(scopes: [["read"]]) }
        scalar Text
        input In { deep: Boolean = true @inaccessible }
        "#,
    );
    let composed = compose(&[vault, events("events", NOTHING_MUCH)]).expect("composes").sdl;
    for text in ["/authenticated/v0.1", "/requiresScopes/v0.1", "directive @authenticated", "directive @link"]
    {
        assert!(composed.contains(text), "{text} is lost");
    }
    is_valid(&composed);
}

const NOTHING_MUCH: &str = r#"
    type Subscription { ticked: Tick @edfs__natsSubscribe(subjects: ["tick"]) }
    type Tick { at: Int! }
    "#;

/// The output is GraphQL by the specification, not only to the planner's lenient reader.
fn is_valid(sdl: &str) {
    if let Err(broken) = apollo_compiler::Schema::parse_and_validate(sdl, "supergraph") {
        panic!("{}", broken.errors);
    }
}

#[test]
fn several_events_subgraphs_live_side_by_side() {
    let mut sources = employees(EMPLOYEE_UPDATED);
    sources.push(events(
        "more-events",
        r#"
        type Subscription { employeeLeft: Employee! @edfs__redisSubscribe(channels: ["left"]) }
        type Mutation { leave(id: Int!): edfs__PublishResult! @edfs__redisPublish(channel: "left") }
        type Employee @key(fields: "id", resolvable: false) { id: Int! @external }
        type edfs__PublishResult { success: Boolean! }
        "#,
    ));
    let composed = compose(&sources).expect("composes");
    plan(&composed.sdl, "subscription { employeeLeft { tag } }").subscribes_to("more-events");
    plan(&composed.sdl, "subscription { employeeUpdated(employeeID: 1) { tag } }").subscribes_to("events");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let sources = employees(EMPLOYEE_UPDATED);
    let first = compose(&sources).expect("composes").sdl;
    for _ in 0..8 {
        assert_eq!(compose(&sources).expect("composes").sdl, first);
    }
}

#[test]
fn splicing_again_replaces_the_bindings() {
    let composed = compose(&employees(EMPLOYEE_UPDATED)).expect("composes").sdl;
    let again = splice(&composed, &[events("events", EMPLOYEE_UPDATED)]).expect("splices");
    assert_eq!(again.sdl, composed);
    let moved = EMPLOYEE_UPDATED.replace("employeeUpdated.{{", "moved.{{");
    let moved = splice(&composed, &[events("events", &moved)]).expect("splices");
    let bindings = bindings(&moved.sdl).expect("reads back");
    assert_eq!(bindings[0].subjects[0].to_string(), "moved.{{ args.employeeID }}");
}
