//! The schema a client sees, as apollo-compiler knows it: validates, coerces, introspects.
//! Owns the calls into apollo-compiler that need a whole schema; never plans.

use crate::Object;
use crate::error::{Code, GraphqlError};
use crate::plan::Implementations;
use apollo_compiler::ast::{self, Definition, DirectiveList};
use apollo_compiler::executable::Operation;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Node, Schema, introspection};
use serde_json::Value;
use std::collections::HashSet;

/// Directives that mean something to a client; all others are the composer's and the gateway's own.
const PUBLIC_DIRECTIVES: [&str; 2] = ["deprecated", "specifiedBy"];

/// Prefixes of the specifications that composed schemas import.
const PRIVATE_PREFIXES: [&str; 7] =
    ["join__", "link__", "core__", "federation__", "policy__", "context__", "connect__"];

/// The API schema.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) schema: Valid<Schema>,
    pub(crate) implementers: Implementations,
}

impl Api {
    /// `sdl` is the planner's consumer schema, in which directives and types of unknown specifications may
    /// be left.
    pub(crate) fn load(sdl: &str) -> Result<Api, DiagnosticList> {
        let document = ast::Document::parse(sdl, "api.graphql").map_err(|with| with.errors)?;
        let schema = Schema::parse_and_validate(public(document).to_string(), "api.graphql");
        let schema = schema.map_err(|with| with.errors)?;
        Ok(Api { implementers: schema.implementers_map(), schema })
    }

    pub(crate) fn coerce(
        &self,
        document: &Valid<ExecutableDocument>,
        name: Option<&str>,
        variables: &Object,
    ) -> Result<Object, Vec<GraphqlError>> {
        let refuse = |error: RequestError| {
            let place = error.location().and_then(|span| span.line_column(&document.sources));
            let mut refusal = GraphqlError::new(Code::BadUserInput, error.message().to_string());
            refusal.locations = place.into_iter().map(|place| (place.line, place.column)).collect();
            vec![refusal]
        };
        let operation = document.operations.get(name).map_err(refuse)?;
        if operation.variables.is_empty() {
            return Ok(Object::new());
        }
        let coerced =
            coerce_variable_values(&self.schema, operation, &to_json_map(variables)).map_err(refuse)?;
        Ok(from_json_map(&coerced))
    }

    pub(crate) fn introspect(
        &self,
        document: &Valid<ExecutableDocument>,
        name: Option<&str>,
        variables: &Object,
    ) -> Result<Object, String> {
        let text = |error: RequestError| error.message().to_string();
        let operation: &Operation = document.operations.get(name).map_err(text)?;
        let variables = Valid::assume_valid(to_json_map(variables));
        let answer =
            introspection::partial_execute(&self.schema, &self.implementers, document, operation, &variables)
                .map_err(text)?;
        match answer.errors.first() {
            Some(error) => Err(error.message.clone()),
            None => Ok(answer.data.as_ref().map(from_json_map).unwrap_or_default()),
        }
    }
}

fn to_json_map(object: &Object) -> JsonMap {
    serde_json::from_value(Value::Object(object.clone())).expect("a JSON object reads as a JSON object")
}

fn from_json_map(map: &JsonMap) -> Object {
    match serde_json::to_value(map) {
        Ok(Value::Object(object)) => object,
        _ => Object::new(),
    }
}

fn is_private(name: &str) -> bool {
    PRIVATE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn public(mut document: ast::Document) -> ast::Document {
    let built_in = ["Int", "Float", "String", "Boolean", "ID"];
    document.definitions.retain(|definition| match definition {
        Definition::DirectiveDefinition(_) => false,
        Definition::ScalarTypeDefinition(scalar) => {
            !built_in.contains(&scalar.name.as_str()) && !is_private(&scalar.name)
        }
        other => !other.name().is_some_and(|name| is_private(name)),
    });
    // The planner's pruning drops inaccessible types, but leaves their names in unions and `implements`.
    let defined: HashSet<_> = document.definitions.iter().filter_map(Definition::name).cloned().collect();
    for definition in &mut document.definitions {
        strip(definition);
        match definition {
            Definition::UnionTypeDefinition(node) => {
                node.make_mut().members.retain(|member| defined.contains(member));
            }
            Definition::ObjectTypeDefinition(node) => {
                node.make_mut().implements_interfaces.retain(|interface| defined.contains(interface));
            }
            Definition::InterfaceTypeDefinition(node) => {
                node.make_mut().implements_interfaces.retain(|interface| defined.contains(interface));
            }
            _ => {}
        }
    }
    document
}

fn strip(definition: &mut Definition) {
    match definition {
        Definition::SchemaDefinition(node) => strip_list(&mut node.make_mut().directives),
        Definition::ScalarTypeDefinition(node) => strip_list(&mut node.make_mut().directives),
        Definition::UnionTypeDefinition(node) => strip_list(&mut node.make_mut().directives),
        Definition::ObjectTypeDefinition(node) => {
            let object = node.make_mut();
            strip_list(&mut object.directives);
            strip_fields(&mut object.fields);
        }
        Definition::InterfaceTypeDefinition(node) => {
            let interface = node.make_mut();
            strip_list(&mut interface.directives);
            strip_fields(&mut interface.fields);
        }
        Definition::EnumTypeDefinition(node) => {
            let enumeration = node.make_mut();
            strip_list(&mut enumeration.directives);
            for value in &mut enumeration.values {
                strip_list(&mut value.make_mut().directives);
            }
        }
        Definition::InputObjectTypeDefinition(node) => {
            let input = node.make_mut();
            strip_list(&mut input.directives);
            for field in &mut input.fields {
                strip_list(&mut field.make_mut().directives);
            }
        }
        _ => {}
    }
}

fn strip_fields(fields: &mut [Node<ast::FieldDefinition>]) {
    for field in fields {
        let field = field.make_mut();
        strip_list(&mut field.directives);
        for argument in &mut field.arguments {
            strip_list(&mut argument.make_mut().directives);
        }
    }
}

fn strip_list(directives: &mut DirectiveList) {
    directives.0.retain(|directive| PUBLIC_DIRECTIVES.contains(&directive.name.as_str()));
}
