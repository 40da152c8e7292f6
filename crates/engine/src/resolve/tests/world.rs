//! Fake subgraphs over JSON: they answer any document the planner writes, count what they are asked, and can
//! misbehave.
//! Owns the fixtures of the resolver's tests; holds no expectation.

use crate::identity::Identity;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::port::{Fetch, Subgraph, SubgraphError};
use crate::resolve::{Publisher, Resolver};
use apollo_compiler::ast::{Definition, Document, Selection, Value as Literal};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::operation::Operation;
use graph::supergraph::Supergraph;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

static SHOP: LazyLock<Supergraph> = LazyLock::new(|| {
    Supergraph::load(include_str!("../../../../graph/fixtures/shop.graphql")).expect("the fixture loads")
});

/// What a subgraph does with a request.
#[derive(Clone)]
pub(super) enum Behaviour {
    Answer,
    Say(String),
    Fail(SubgraphError),
    /// Answers after this long (of the paused clock).
    Delay(Duration),
    Never,
    Panic,
}

pub(super) struct Fake {
    /// Root fields, and entities as `Type:id`. A string `!text` fails the field with that message.
    data: Value,
    behaviour: Behaviour,
    forwarded: Vec<String>,
    pub(super) requests: Mutex<Vec<Value>>,
    pub(super) headers: Mutex<Vec<Vec<(String, String)>>>,
}

#[async_trait]
impl Subgraph for Fake {
    async fn fetch(&self, fetch: Fetch) -> Result<Bytes, SubgraphError> {
        let body: Value = serde_json::from_slice(&fetch.body).expect("requests are JSON");
        self.requests.lock().unwrap().push(body.clone());
        self.headers.lock().unwrap().push(fetch.headers);
        match self.behaviour.clone() {
            Behaviour::Answer => {}
            Behaviour::Say(text) => return Ok(text.into()),
            Behaviour::Fail(error) => return Err(error),
            Behaviour::Delay(time) => tokio::time::sleep(time).await,
            Behaviour::Never => futures::future::pending().await,
            Behaviour::Panic => panic!("a subgraph client that panics"),
        }
        Ok(self.answer(&body).to_string().into())
    }

    fn forwarded(&self) -> &[String] {
        &self.forwarded
    }
}

impl Fake {
    /// Representations in each request so far.
    pub(super) fn representations(&self) -> Vec<usize> {
        let requests = self.requests.lock().unwrap();
        let count = |request: &Value| request["variables"]["representations"].as_array().map_or(0, Vec::len);
        requests.iter().map(count).collect()
    }

    fn answer(&self, body: &Value) -> Value {
        let text = body["query"].as_str().expect("a document");
        let document = Document::parse(text, "subgraph.graphql").expect("the planner writes good documents");
        let mut evaluation =
            Evaluation { fake: self, document: &document, variables: &body["variables"], errors: Vec::new() };
        let operation = document.definitions.iter().find_map(|definition| match definition {
            Definition::OperationDefinition(operation) => Some(operation),
            _ => None,
        });
        let set = &operation.expect("an operation").selection_set;
        let data = evaluation.object(&self.data, set, &mut Vec::new());
        match evaluation.errors.is_empty() {
            true => json!({ "data": data }),
            false => json!({ "data": data, "errors": evaluation.errors }),
        }
    }
}

struct Evaluation<'a> {
    fake: &'a Fake,
    document: &'a Document,
    variables: &'a Value,
    errors: Vec<Value>,
}

impl Evaluation<'_> {
    fn object(&mut self, value: &Value, set: &[Selection], path: &mut Vec<Value>) -> Value {
        let mut out = Map::new();
        self.fill(value, set, path, &mut out);
        Value::Object(out)
    }

    fn fill(
        &mut self,
        value: &Value,
        set: &[Selection],
        path: &mut Vec<Value>,
        out: &mut Map<String, Value>,
    ) {
        let type_name = value["__typename"].as_str().unwrap_or("Query");
        for selection in set {
            match selection {
                Selection::Field(field) => {
                    let key = field.response_name().to_string();
                    let found = match field.name.as_str() {
                        "_entities" => {
                            let Literal::Variable(name) = &*field.arguments[0].value else { continue };
                            self.entities(&self.variables[name.as_str()])
                        }
                        name => value[name].clone(),
                    };
                    path.push(key.clone().into());
                    let completed = self.value(&found, &field.selection_set, path);
                    path.pop();
                    out.insert(key, completed);
                }
                Selection::InlineFragment(fragment) => {
                    let meets =
                        fragment.type_condition.as_ref().is_none_or(|it| it == type_name || it == "Node");
                    if meets {
                        self.fill(value, &fragment.selection_set, path, out);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let found = self.document.definitions.iter().find_map(|definition| match definition {
                        Definition::FragmentDefinition(it) if it.name == spread.fragment_name => Some(it),
                        _ => None,
                    });
                    let fragment = found.expect("the fragment is there");
                    if fragment.type_condition == type_name {
                        self.fill(value, &fragment.selection_set, path, out);
                    }
                }
            }
        }
    }

    fn value(&mut self, value: &Value, set: &[Selection], path: &mut Vec<Value>) -> Value {
        match value {
            Value::String(text) if text.starts_with('!') => {
                self.errors
                    .push(json!({ "message": text[1..], "path": path, "extensions": { "code": "TEAPOT" } }));
                Value::Null
            }
            Value::Array(items) => {
                let mut out = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    path.push(index.into());
                    out.push(self.value(item, set, path));
                    path.pop();
                }
                Value::Array(out)
            }
            Value::Object(_) if !set.is_empty() => self.object(value, set, path),
            other => other.clone(),
        }
    }

    fn entities(&self, representations: &Value) -> Value {
        let known = |representation: &Value| {
            let key =
                format!("{}:{}", representation["__typename"].as_str()?, representation["id"].as_str()?);
            let mut entity = self.fake.data.get(&key)?.clone();
            if let (Some(object), Some(price)) = (entity.as_object_mut(), representation["price"].as_f64()) {
                let weight = representation["size"]["weight"].as_f64().unwrap_or(0.0);
                object.insert("shippingEstimate".into(), json!(price + weight));
            }
            Some(entity)
        };
        let entities = representations.as_array().expect("representations are a list").iter();
        entities.map(|representation| known(representation).unwrap_or(Value::Null)).collect()
    }
}

/// Subgraphs, and a resolver over them.
pub(super) struct World {
    pub(super) fakes: HashMap<&'static str, Arc<Fake>>,
    pub(super) resolver: Arc<Resolver>,
}

impl World {
    pub(super) fn new() -> World {
        World::with(&[], &[], Limits::default())
    }

    /// Some subgraphs behave otherwise, some are sent the `authorization` header.
    pub(super) fn with(behaviours: &[(&str, Behaviour)], forwarding: &[&str], limits: Limits) -> World {
        let fixture: Value =
            serde_json::from_str(include_str!("subgraphs.json")).expect("the fixture is JSON");
        let names = ["users", "products", "reviews", "orders", "shipping"];
        let fakes: HashMap<_, _> = names
            .into_iter()
            .map(|name| {
                let other = behaviours.iter().find(|(of, _)| *of == name);
                let fake = Fake {
                    data: fixture[name].clone(),
                    behaviour: other.map_or(Behaviour::Answer, |(_, behaviour)| behaviour.clone()),
                    forwarded: if forwarding.contains(&name) { vec!["authorization".into()] } else { vec![] },
                    requests: Mutex::default(),
                    headers: Mutex::default(),
                };
                (name, Arc::new(fake))
            })
            .collect();
        let subgraphs = fakes
            .iter()
            .map(|(name, fake)| ((*name).to_owned(), fake.clone() as Arc<dyn Subgraph>))
            .collect();
        let resolver = Resolver::new(subgraphs, Arc::new(limits), Arc::new(Metrics::default()));
        World { fakes, resolver: Arc::new(resolver) }
    }

    /// The response's text. `payload` is the event of a subscription.
    pub(super) async fn respond(&self, document: &str, variables: Value, payload: Value) -> String {
        self.respond_to(&prepare(document), variables, payload, &Identity::default()).await
    }

    pub(super) async fn respond_to(
        &self,
        operation: &Operation,
        variables: Value,
        payload: Value,
        identity: &Identity,
    ) -> String {
        let variables =
            operation.coerce(variables.as_object().unwrap_or(&Map::new())).expect("good variables");
        let root = match (&operation.event, payload) {
            (Some(event), Value::Object(payload)) => event.root_value(&payload),
            _ => json!({}),
        };
        let publisher = Press;
        let bytes = self.resolver.respond(operation, &variables, identity, root, Some(&publisher)).await;
        String::from_utf8(bytes.to_vec()).expect("responses are text")
    }

    pub(super) fn asked(&self) -> usize {
        self.fakes.values().map(|fake| fake.requests.lock().unwrap().len()).sum()
    }
}

pub(super) fn prepare(document: &str) -> Operation {
    SHOP.prepare(document, None, &Limits::default().bounds())
        .unwrap_or_else(|errors| panic!("{document}: {errors:?}"))
}

pub(super) fn caller(authorization: &str) -> Identity {
    let headers =
        vec![("authorization".into(), authorization.into()), ("x-other".into(), authorization.into())];
    Identity { headers: Arc::new(headers), ..Identity::default() }
}

/// A publisher that takes every order but number 13, and looks orders up by echoing the id.
struct Press;

impl Publisher for Press {
    fn publish<'a>(
        &'a self,
        field: &'a graph::plan::PublishField,
        arguments: Object,
    ) -> BoxFuture<'a, Result<Value, GraphqlError>> {
        Box::pin(async move {
            let arguments = Value::Object(arguments);
            match (field.binding.field.as_str(), &arguments["order"]["id"]) {
                ("lookup", _) => Ok(json!({ "id": arguments["id"] })),
                (_, id) if id == "13" => Err(GraphqlError::new(Code::PublishRefused, "unlucky")),
                _ => Ok(json!({ "success": true })),
            }
        })
    }
}
