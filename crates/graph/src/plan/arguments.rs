//! A field's arguments, compiled once: literals and defaults in place, variables left to fill.
//! Owns coercion of argument values by the schema's input types (GraphQL §6.4.1); never renders a template.

use crate::Object;
use crate::error::{Code, GraphqlError};
use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::executable::Field;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use serde_json::Value;

/// The arguments of one field of one operation.
#[derive(Debug, Default)]
pub struct Arguments(Vec<Argument>);

#[derive(Debug)]
struct Argument {
    name: String,
    required: bool,
    value: Option<Input>,
    default: Option<Value>,
}

#[derive(Debug)]
enum Input {
    Literal(Value),
    Variable(String),
    List(Vec<Input>),
    /// Members; one whose variable is not given is left out, or takes its default.
    Object(Vec<(String, Input, Option<Value>)>),
}

impl Arguments {
    pub(crate) fn compile(schema: &Schema, field: &Field) -> Arguments {
        let definitions = field.definition.arguments.iter();
        let arguments = definitions.map(|definition| {
            let given = field.specified_argument_by_name(&definition.name);
            Argument {
                name: definition.name.to_string(),
                required: definition.ty.is_non_null(),
                value: given.map(|value| input(schema, &definition.ty, value)),
                default: definition
                    .default_value
                    .as_ref()
                    .map(|value| constant(schema, &definition.ty, value)),
            }
        });
        Arguments(arguments.collect())
    }

    /// The values with variables filled in; an argument that was not given and has no default is left out.
    pub fn fill(&self, variables: &Object) -> Result<Object, Vec<GraphqlError>> {
        let (mut filled, mut errors) = (Object::new(), Vec::new());
        for Argument { name, required, value, default } in &self.0 {
            let value = value.as_ref().and_then(|input| input.fill(variables)).or_else(|| default.clone());
            match value {
                Some(Value::Null) | None if *required => {
                    let message = format!("argument `{name}` must be given and must not be null");
                    errors.push(GraphqlError::new(Code::BadUserInput, message));
                }
                Some(value) => {
                    filled.insert(name.clone(), value);
                }
                None => {}
            }
        }
        if errors.is_empty() { Ok(filled) } else { Err(errors) }
    }
}

impl Input {
    fn fill(&self, variables: &Object) -> Option<Value> {
        match self {
            Input::Literal(value) => Some(value.clone()),
            Input::Variable(name) => variables.get(name).cloned(),
            Input::List(items) => {
                let filled = items.iter().map(|item| item.fill(variables).unwrap_or(Value::Null));
                Some(Value::Array(filled.collect()))
            }
            Input::Object(members) => {
                let filled = members.iter().filter_map(|(name, input, default)| {
                    let value = input.fill(variables).or_else(|| default.clone())?;
                    Some((name.clone(), value))
                });
                Some(Value::Object(filled.collect()))
            }
        }
    }
}

fn input(schema: &Schema, ty: &Type, value: &Node<Literal>) -> Input {
    match &**value {
        Literal::Variable(name) => Input::Variable(name.to_string()),
        Literal::Null => Input::Literal(Value::Null),
        Literal::List(items) => {
            let item_type = if ty.is_list() { ty.item_type() } else { ty };
            Input::List(items.iter().map(|item| input(schema, item_type, item)).collect())
        }
        // A single value where a list is asked for is a list of one (GraphQL §3.11).
        _ if ty.is_list() => Input::List(vec![input(schema, ty.item_type(), value)]),
        Literal::Object(members) => object(schema, ty, members),
        leaf => Input::Literal(leaf_value(ty, leaf)),
    }
}

fn object(schema: &Schema, ty: &Type, members: &[(apollo_compiler::Name, Node<Literal>)]) -> Input {
    let given = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    let Some(ExtendedType::InputObject(definition)) = schema.types.get(ty.inner_named_type()) else {
        // A custom scalar: the literal is passed on as it is.
        let any = Type::Named(ty.inner_named_type().clone());
        let members =
            members.iter().map(|(name, value)| (name.to_string(), input(schema, &any, value), None));
        return Input::Object(members.collect());
    };
    let fields = definition.fields.values().filter_map(|field| {
        let default = || field.default_value.as_ref().map(|value| constant(schema, &field.ty, value));
        let value = match given(&field.name) {
            Some(value) => input(schema, &field.ty, value),
            None => Input::Literal(default()?),
        };
        Some((field.name.to_string(), value, default()))
    });
    Input::Object(fields.collect())
}

fn constant(schema: &Schema, ty: &Type, value: &Node<Literal>) -> Value {
    input(schema, ty, value).fill(&Object::new()).unwrap_or(Value::Null)
}

fn leaf_value(ty: &Type, literal: &Literal) -> Value {
    match literal {
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::Int(number) if ty.inner_named_type() == "ID" => Value::String(number.as_str().to_owned()),
        Literal::Int(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        Literal::Float(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}
