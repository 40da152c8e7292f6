//! A schema as the peer's users write it composes unchanged, every kind of root field in it.

use super::world::{EMPLOYEES, events, http, plan};
use crate::compose::compose;
use crate::events::{Action, Binding, Transport, bindings};
use crate::template::Scope;
use serde_json::{Value, json};

const EMPLOYEE_UPDATED: &str = r#"
directive @edfs__natsSubscribe(subjects: [String!]!, providerId: String! = "default",
  streamConfiguration: edfs__NatsStreamConfiguration) on FIELD_DEFINITION
input edfs__NatsStreamConfiguration {
  consumerInactiveThreshold: Int! = 30 consumerName: String! streamName: String! }
scalar openfed__SubscriptionFilterValue
input openfed__SubscriptionFieldCondition { fieldPath: String! values: [openfed__SubscriptionFilterValue]! }
type Query {
  employeeFromEvent(id: Int!): Employee! @edfs__natsRequest(subject: "getEmployee.{{ args.id }}")
  employeeFromEventMyNats(employeeID: Int!): Employee!
    @edfs__natsRequest(subject: "getEmployeeMyNats.{{ args.employeeID }}", providerId: "my-nats")
}
type Mutation {
  updateEmployeeMyKafka(employeeID: Int!, update: UpdateEmployeeInput!): edfs__PublishResult!
    @edfs__kafkaPublish(topic: "employeeUpdated", providerId: "my-kafka")
  updateEmployeeMyNats(id: Int!, update: UpdateEmployeeInput!): edfs__PublishResult!
    @edfs__natsPublish(subject: "employeeUpdatedMyNats.{{ args.id }}", providerId: "my-nats")
  updateEmployeeMyRedis(id: Int!, update: UpdateEmployeeInput!): edfs__PublishResult!
    @edfs__redisPublish(channel: "employeeUpdatedMyRedis", providerId: "my-redis")
}
type Subscription {
  employeeUpdated(employeeID: Int!): Employee!
    @edfs__natsSubscribe(subjects: ["employeeUpdated.{{ args.employeeID }}"])
  employeeUpdatedMyNats(id: Int!): Employee! @edfs__natsSubscribe(providerId: "my-nats",
    subjects: ["employeeUpdatedMyNats.{{ args.id }}", "employeeUpdatedMyNatsTwo.{{ args.id }}"])
  employeeUpdatedNatsStream(id: Int!): Employee! @edfs__natsSubscribe(subjects: ["stream.{{ args.id }}"],
    streamConfiguration: { consumerName: "consumerName", streamName: "streamName" })
  employeeUpdatedMyKafka(employeeID: Int!): Employee!
    @edfs__kafkaSubscribe(topics: ["employeeUpdated", "employeeUpdatedTwo"], providerId: "my-kafka")
  employeeUpdatedMyRedis(id: Int!): Employee!
    @edfs__redisSubscribe(channels: ["employeeUpdatedMyRedis"], providerId: "my-redis")
  filteredEmployeeUpdated(id: Int!): Employee! @edfs__natsSubscribe(subjects: ["e.{{ args.id }}"])
    @openfed__subscriptionFilter(condition: { NOT: { IN: { fieldPath: "id", values: [2, 6, 9, 10, 12] } } })
  filteredWithListFieldArguments(firstIds: [ID!]!, secondIds: [ID!]!): Employee!
    @edfs__kafkaSubscribe(topics: ["employeeUpdated"], providerId: "my-kafka")
    @openfed__subscriptionFilter(condition: { OR: [
      { IN: { fieldPath: "id", values: ["{{ args.firstIds }}"] } },
      { IN: { fieldPath: "id", values: ["{{ args.secondIds }}"] } }] })
  filteredWithNestedListFieldArgument(input: KafkaInput!): Employee!
    @edfs__kafkaSubscribe(topics: ["employeeUpdated"], providerId: "my-kafka")
    @openfed__subscriptionFilter(condition: { OR: [
      { IN: { fieldPath: "id", values: ["{{ args.input.ids }}"] } },
      { IN: { fieldPath: "id", values: ["1"] } }] })
  filteredEvent(tag: String!): EmployeeEvent! @edfs__kafkaSubscribe(topics: ["t"], providerId: "my-kafka")
    @openfed__subscriptionFilter(condition: { IN: { fieldPath: "tag", values: ["tag-{{ args.tag }}"] } })
}
input KafkaInput { ids: [Int!]! }
input UpdateEmployeeInput { name: String email: String }
union EmployeeEvent = Employee | Left
type Employee @key(fields: "id", resolvable: false) @key(fields: "id tag", resolvable: false) {
  id: Int! @external
  tag: String! @external
}
type Left { tag: String! }
type edfs__PublishResult { success: Boolean! }
"#;

fn carried() -> (String, Vec<Binding>) {
    let mut sources: Vec<_> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
    sources.push(events("employeeupdated", EMPLOYEE_UPDATED));
    let composed = compose(&sources).expect("composes");
    assert_eq!(composed.warnings, []);
    super::is_valid(&composed.sdl);
    let bindings = bindings(&composed.sdl).expect("reads back");
    (composed.sdl, bindings)
}

#[test]
fn every_root_field_is_bound() {
    let (sdl, bindings) = carried();
    let count = |action| bindings.iter().filter(|binding| binding.action == action).count();
    assert_eq!((count(Action::Request), count(Action::Publish), count(Action::Subscribe)), (2, 3, 9));
    let kafka = bindings.iter().filter(|binding| binding.transport == Transport::Kafka);
    assert!(kafka.clone().count() == 5 && kafka.clone().all(|binding| binding.provider == "my-kafka"));
    for field in bindings.iter().filter(|binding| binding.action == Action::Subscribe) {
        let arguments = match field.field.as_str() {
            "employeeUpdated" | "employeeUpdatedMyKafka" => "employeeID: 1",
            "filteredWithListFieldArguments" => "firstIds: [1], secondIds: []",
            "filteredWithNestedListFieldArgument" => "input: { ids: [1] }",
            "filteredEvent" => "tag: \"x\"",
            _ => "id: 1",
        };
        let name = &field.field;
        let operation = format!(
            "subscription {{ {name}({arguments}) {{ ... on Employee {{ details {{ forename }} }} }} }}"
        );
        let plan = plan(&sdl, &operation);
        plan.subscribes_to("employeeupdated");
        plan.asks_entities_of(&["employees"]);
    }
}

#[test]
fn its_filters_choose_as_written() {
    let (_, bindings) = carried();
    let passes = |field: &str, arguments: Value, event: Value| {
        let binding = bindings.iter().find(|binding| binding.field == field).expect("bound");
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let scope = Scope { arguments: &arguments, claims: &Value::Null };
        let filter = binding.filter.as_ref().expect("filtered");
        filter.render(scope).expect("renders").matches(&event)
    };
    let lists = json!({ "firstIds": ["1", "3"], "secondIds": ["4"] });
    let cases = [
        ("filteredEmployeeUpdated", json!({ "id": 1 }), json!({ "id": 3 }), true),
        ("filteredEmployeeUpdated", json!({ "id": 1 }), json!({ "id": 12 }), false),
        ("filteredEmployeeUpdated", json!({ "id": 1 }), json!({}), false),
        ("filteredWithListFieldArguments", lists.clone(), json!({ "id": 3 }), true),
        ("filteredWithListFieldArguments", lists.clone(), json!({ "id": 4 }), true),
        ("filteredWithListFieldArguments", lists, json!({ "id": 5 }), false),
        ("filteredWithNestedListFieldArgument", json!({ "input": { "ids": [7] } }), json!({ "id": 7 }), true),
        ("filteredWithNestedListFieldArgument", json!({ "input": { "ids": [] } }), json!({ "id": 1 }), true),
        ("filteredEvent", json!({ "tag": "a" }), json!({ "tag": "tag-a" }), true),
        ("filteredEvent", json!({ "tag": "a" }), json!({ "tag": "a" }), false),
    ];
    for (field, arguments, event, expected) in cases {
        assert_eq!(passes(field, arguments, event.clone()), expected, "{field} {event}");
    }
}
