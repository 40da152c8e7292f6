//! One embedded subgraph: its schema, and its answers out of the demo's world.
//! Owns executing what a federation router sends (root fields and `_entities`); opens no socket.

use super::world::World;
use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{GraphQLError, JsonMap, JsonValue, serde_json_bytes};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use graph::Object;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// What federation adds to every subgraph; the router knows it without being told.
const FEDERATION: &str = r"
directive @link(url: String!, import: [String]) repeatable on SCHEMA
directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
scalar _Any
";

/// A subgraph's schema with the world behind it.
pub struct Subgraph {
    pub name: &'static str,
    /// As it is composed: without what federation adds.
    pub sdl: &'static str,
    schema: Valid<Schema>,
    world: Arc<World>,
}

impl Subgraph {
    /// Reads an embedded schema.
    pub fn new(name: &'static str, sdl: &'static str, world: Arc<World>) -> Subgraph {
        let schema = executable(name, sdl).expect("the embedded schemas are valid: a test reads each");
        Subgraph { name, sdl, schema, world }
    }

    /// Answers one request body, `{"query":…,"variables":…}`, with a response body.
    pub fn answer(&self, body: &[u8]) -> Vec<u8> {
        let response = self.execute(body).unwrap_or_else(
            |message| json!({ "errors": [{ "message": format!("{}: {message}", self.name) }] }),
        );
        response.to_string().into_bytes()
    }

    fn execute(&self, body: &[u8]) -> Result<Value, String> {
        let request: Object = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let query = request.get("query").and_then(Value::as_str).ok_or("`query` is missing")?;
        let document = ExecutableDocument::parse_and_validate(&self.schema, query, "request.graphql")
            .map_err(|invalid| invalid.errors.to_string())?;
        let variables = match request.get("variables") {
            Some(Value::Object(variables)) => to_json_map(variables),
            _ => JsonMap::new(),
        };
        let response = Execution::new(&self.schema, &document)
            .operation_name(request.get("operationName").and_then(Value::as_str))
            .map_err(|error| error.message().to_string())?
            .raw_variable_values(&variables)
            .execute_sync(&Root { world: &self.world })
            .map_err(|error| error.message().to_string())?;
        let errors: Vec<GraphQLError> = response.errors;
        let mut answer = json!({ "data": response.data });
        if !errors.is_empty() {
            answer["errors"] = json!(errors);
        }
        Ok(answer)
    }
}

/// The schema with `_entities` and what goes with it.
fn executable(name: &str, sdl: &str) -> Result<Valid<Schema>, String> {
    let parsed = Schema::builder()
        .adopt_orphan_extensions()
        .parse(FEDERATION, "federation.graphql")
        .parse(sdl, name)
        .build()
        .map_err(|invalid| invalid.errors.to_string())?;
    let entities: Vec<&str> = parsed
        .types
        .iter()
        .filter(|(_, defined)| matches!(defined, ExtendedType::Object(_)) && is_entity(defined))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut added = String::from(FEDERATION);
    write!(added, "union _Entity = {}\n extend type Query ", entities.join(" | "))
        .expect("writing to a String cannot fail");
    added.push_str("{ _entities(representations: [_Any!]!): [_Entity]! }");
    Schema::builder()
        .adopt_orphan_extensions()
        .parse(sdl, name)
        .parse(added, "federation.graphql")
        .build()
        .and_then(Schema::validate)
        .map_err(|invalid| invalid.errors.to_string())
}

/// Whether this subgraph can be entered at the type.
fn is_entity(defined: &ExtendedType) -> bool {
    defined.directives().get_all("key").any(|key| {
        key.specified_argument_by_name("resolvable").and_then(|value| value.to_bool()) != Some(false)
    })
}

/// `Query`.
struct Root<'a> {
    world: &'a World,
}

impl ObjectValue for Root<'_> {
    fn type_name(&self) -> &'static str {
        "Query"
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = info.arguments();
        if info.field_name() == "_entities" {
            let keys = arguments.get("representations").and_then(JsonValue::as_array).into_iter().flatten();
            return Ok(ResolvedValue::list(keys.map(|key| self.entity(key)).collect::<Vec<_>>()));
        }
        let ty = &info.field_definition().ty;
        let mut found = self.everything(info, ty.inner_named_type().as_str());
        match info.field_name() {
            "present" => found.retain(|record| record.fields["isAvailable"] == true),
            "search" => found.retain(|record| record.mentions(arguments.get("text"))),
            _ => {}
        }
        if ty.is_list() {
            return Ok(ResolvedValue::list(found.into_iter().map(ResolvedValue::object).collect::<Vec<_>>()));
        }
        let id = arguments.get("id").map(to_value);
        Ok(ResolvedValue::nullable_object(
            found.into_iter().find(|record| record.fields.get("id") == id.as_ref()),
        ))
    }
}

impl<'w> Root<'w> {
    /// All records of a type, or of all the types behind an interface or a union.
    fn everything(&self, info: &ResolveInfo<'_>, typename: &str) -> Vec<Record<'w>> {
        let concrete: Vec<String> = match info.schema().types.get(typename) {
            Some(ExtendedType::Union(union)) => union.members.iter().map(|name| name.to_string()).collect(),
            Some(ExtendedType::Interface(_)) => info
                .implementers_map()
                .get(typename)
                .map(|found| found.objects.iter().map(|name| name.to_string()).collect())
                .unwrap_or_default(),
            _ => vec![typename.to_owned()],
        };
        let records = concrete.into_iter().flat_map(|name| {
            let all = self.world.all(&name).into_iter();
            all.map(move |fields| (name.clone(), fields))
        });
        records.map(|(typename, fields)| Record { typename, fields, world: self.world }).collect()
    }

    /// One representation's entity; null where there is none, as federation asks.
    fn entity<'a>(&'a self, key: &JsonValue) -> ResolvedValue<'a> {
        let typename = key.get("__typename").and_then(JsonValue::as_str).unwrap_or_default();
        let id = key.get("id").map_or(Value::Null, to_value);
        ResolvedValue::nullable_object(Record::find(self.world, typename, &id))
    }
}

/// Any object below the root.
struct Record<'w> {
    typename: String,
    fields: Object,
    world: &'w World,
}

impl<'w> Record<'w> {
    fn find(world: &'w World, typename: &str, id: &Value) -> Option<Record<'w>> {
        world.record(typename, id).map(|fields| Record { typename: typename.to_owned(), fields, world })
    }

    fn mentions(&self, text: Option<&JsonValue>) -> bool {
        let text = text.and_then(JsonValue::as_str).unwrap_or_default().to_lowercase();
        self.fields
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| name.to_lowercase().contains(&text))
    }

    /// The stored value, or for a customer's orders what points back at the customer.
    fn stored(&self, field: &str) -> Option<Value> {
        if (self.typename.as_str(), field) == ("Customer", "orders") {
            let orders = self.world.all("Order").into_iter();
            let own = orders.filter(|order| order.get("customer") == self.fields.get("id"));
            return Some(own.filter_map(|order| order.get("id").cloned()).collect());
        }
        self.fields.get(field).cloned()
    }

    /// A stored value as the field's type has it: where that is an object type, a plain value is the id of one.
    fn resolved<'a>(&'a self, info: &'a ResolveInfo<'a>, stored: Value) -> ResolvedValue<'a> {
        let named = info.field_definition().ty.inner_named_type();
        let is_object = matches!(info.schema().types.get(named), Some(ExtendedType::Object(_)));
        match stored {
            Value::Array(items) => ResolvedValue::list(
                items.into_iter().map(|item| self.resolved(info, item)).collect::<Vec<_>>(),
            ),
            Value::Object(fields) if is_object => {
                ResolvedValue::object(Record { typename: named.to_string(), fields, world: self.world })
            }
            id if is_object => ResolvedValue::nullable_object(Record::find(self.world, named, &id)),
            leaf => ResolvedValue::leaf(leaf),
        }
    }
}

impl ObjectValue for Record<'_> {
    fn type_name(&self) -> &str {
        &self.typename
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let stored = self.stored(info.field_name()).ok_or_else(|| self.unknown_field_error(info))?;
        Ok(self.resolved(info, stored))
    }
}

fn to_value(value: &JsonValue) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn to_json_map(object: &Object) -> JsonMap {
    match serde_json_bytes::Value::from(Value::Object(object.clone())) {
        JsonValue::Object(map) => map,
        _ => JsonMap::new(),
    }
}

#[cfg(test)]
mod tests;
