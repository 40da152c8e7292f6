//! A filled-in response → the bytes a client is sent, in the client's order, in one pass.
//! Owns completion of values and the propagation of null (GraphQL §6.4.3–6.4.4); never fetches.

use super::tree::{Step, error_path};
use bytes::Bytes;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::plan::{Completion, Field, Shape, Wrap};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// `{"data":…}`, with `errors` where there are any.
pub(super) fn project(shape: &Shape, variables: &Object, root: &Value, errors: Vec<GraphqlError>) -> Bytes {
    let mut projection = Projection {
        out: Vec::with_capacity(256),
        path: Vec::new(),
        types: Vec::new(),
        told: Told::new(errors),
        variables,
    };
    projection.out.extend_from_slice(b"{\"data\":");
    let start = projection.out.len();
    let none = Map::new();
    let members = root.as_object().unwrap_or(&none);
    let fields = shape.selection.fields(&shape.type_name).unwrap_or_default();
    if projection.object(&shape.type_name, fields, members).is_err() {
        projection.out.truncate(start);
        projection.out.extend_from_slice(b"null");
    }
    let Projection { mut out, told, .. } = projection;
    if !told.errors.is_empty() {
        let errors = told.errors.iter().map(GraphqlError::to_json).collect();
        out.extend_from_slice(b",\"errors\":");
        write_json(&mut out, &Value::Array(errors));
    }
    out.push(b'}');
    out.into()
}

struct Projection<'a> {
    out: Vec<u8>,
    path: Vec<Step<'a>>,
    /// The types of the objects around the place that is being written.
    types: Vec<&'a str>,
    told: Told,
    variables: &'a Object,
}

/// A non-null value was null: the nearest nullable place around it becomes null.
struct Nulled;

impl<'a> Projection<'a> {
    fn object(
        &mut self,
        type_name: &'a str,
        fields: &'a [Field],
        members: &'a Map<String, Value>,
    ) -> Result<(), Nulled> {
        self.types.push(type_name);
        let done = self.fields(type_name, fields, members);
        self.types.pop();
        done
    }

    fn fields(
        &mut self,
        type_name: &'a str,
        fields: &'a [Field],
        members: &'a Map<String, Value>,
    ) -> Result<(), Nulled> {
        self.out.push(b'{');
        let start = self.out.len();
        for field in fields.iter().filter(|field| field.when.is_met(self.variables)) {
            if self.out.len() > start {
                self.out.push(b',');
            }
            self.text(&field.key);
            self.out.push(b':');
            if matches!(field.completion, Completion::Typename) {
                self.text(type_name);
                continue;
            }
            self.path.push(Step::Key(&field.key));
            let done = self.complete(&field.wrap, field, members.get(&field.key).unwrap_or(&Value::Null));
            self.path.pop();
            done?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn complete(&mut self, wrap: &Wrap, field: &'a Field, value: &'a Value) -> Result<(), Nulled> {
        let (inner, is_required) = match wrap {
            Wrap::NonNull(inner) => (&**inner, true),
            nullable => (nullable, false),
        };
        let start = self.out.len();
        if self.value(inner, field, value) {
            return Ok(());
        }
        self.out.truncate(start);
        if is_required {
            self.told.explain(&self.path, self.types.last().copied().unwrap_or_default(), &field.name);
            return Err(Nulled);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    /// Writes a value that is not null; `false` = it is null, or has to become null.
    fn value(&mut self, wrap: &Wrap, field: &'a Field, value: &'a Value) -> bool {
        match (wrap, value) {
            (_, Value::Null) => false,
            (Wrap::List(item), Value::Array(values)) => {
                self.out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.path.push(Step::Index(index));
                    let done = self.complete(item, field, value);
                    self.path.pop();
                    if done.is_err() {
                        return false;
                    }
                }
                self.out.push(b']');
                true
            }
            (Wrap::List(_), _) => self.refuse(field, "a list"),
            (Wrap::NonNull(inner), value) => self.value(inner, field, value),
            (Wrap::Named, value) => self.named(field, value),
        }
    }

    fn named(&mut self, field: &'a Field, value: &'a Value) -> bool {
        match (&field.completion, value) {
            (Completion::Any, value) => write_json(&mut self.out, value),
            (Completion::Boolean, Value::Bool(_)) | (Completion::Float, Value::Number(_)) => {
                write_json(&mut self.out, value)
            }
            (Completion::String | Completion::Id, Value::String(text)) => self.text(text),
            (Completion::Id, Value::Number(number)) if !number.is_f64() => self.text(&number.to_string()),
            (Completion::Int, Value::Number(number)) => match int(number) {
                Some(int) => write_json(&mut self.out, &int.into()),
                None => self.refuse(field, "a whole number of 32 bits"),
            },
            // What a client may not see is null without a word, or the word would tell of it.
            (Completion::Enum(values), Value::String(name)) => values.contains(name) && self.text(name),
            (Completion::Object { type_name, selection }, Value::Object(members)) => {
                let given = members.get("__typename").and_then(Value::as_str);
                let Some(name) = type_name.as_deref().or(given) else {
                    return self.refuse(field, "an object with `__typename`");
                };
                let Some(fields) = selection.fields(name) else { return false };
                self.object(name, fields, members).is_ok()
            }
            (Completion::Typename, _) => false,
            (Completion::Int, _) => self.refuse(field, "a whole number of 32 bits"),
            (Completion::Float, _) => self.refuse(field, "a number"),
            (Completion::String, _) => self.refuse(field, "a string"),
            (Completion::Boolean, _) => self.refuse(field, "true or false"),
            (Completion::Id, _) => self.refuse(field, "a string or a whole number"),
            (Completion::Enum(_), _) => self.refuse(field, "the name of an enum value"),
            (Completion::Object { .. }, _) => self.refuse(field, "an object"),
        }
    }

    fn text(&mut self, text: &str) -> bool {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        if text.as_bytes().iter().all(is_plain) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return true;
        }
        serde_json::to_writer(&mut self.out, text).is_ok()
    }

    fn refuse(&mut self, field: &Field, expected: &str) -> bool {
        let message = format!("the value of `{}` is not {expected}", field.name);
        let path = error_path(&self.path);
        self.told.push(GraphqlError::new(Code::InvalidValue, message).at_path(path));
        false
    }
}

fn write_json(out: &mut Vec<u8>, value: &Value) -> bool {
    serde_json::to_writer(out, value).is_ok()
}

fn int(number: &serde_json::Number) -> Option<i32> {
    let whole = number.as_i64().or_else(|| {
        let float =
            number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= f64::from(i32::MAX));
        float.map(|float| float as i64)
    });
    whole.and_then(|whole| i32::try_from(whole).ok())
}

/// The errors so far, and where they are, so that no null is explained twice.
struct Told {
    errors: Vec<GraphqlError>,
    places: Option<Places>,
}

#[derive(Default)]
struct Places {
    exact: HashSet<Vec<Value>>,
    /// Every path that leads to an error, the error's own included.
    leading: HashSet<Vec<Value>>,
}

impl Places {
    fn add(&mut self, path: &[Value]) {
        if path.is_empty() {
            return;
        }
        self.exact.insert(path.to_vec());
        self.leading.extend((0..=path.len()).map(|length| path[..length].to_vec()));
    }
}

impl Told {
    fn new(errors: Vec<GraphqlError>) -> Told {
        Told { errors, places: None }
    }

    fn push(&mut self, error: GraphqlError) {
        if let Some(places) = &mut self.places {
            places.add(&error.path);
        }
        self.errors.push(error);
    }

    /// Says why a non-null place is null, unless an error at it, above it or below it says so.
    fn explain(&mut self, path: &[Step<'_>], type_name: &str, field: &str) {
        let path = error_path(path);
        let errors = &self.errors;
        let places = self.places.get_or_insert_with(|| {
            let mut places = Places::default();
            errors.iter().for_each(|error| places.add(&error.path));
            places
        });
        let above = (1..=path.len()).any(|length| places.exact.contains(&path[..length]));
        if above || places.leading.contains(&path) {
            return;
        }
        let message = format!("Cannot return null for non-nullable field {type_name}.{field}.");
        self.push(GraphqlError::new(Code::InvalidValue, message).at_path(path));
    }
}
