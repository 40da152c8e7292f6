//! One run of a plan over one response: order, conditions, and where each answer goes.
//! Owns the response in the making; never encodes it.

use super::answer::{Answer, AnswerError};
use super::batch::{LaneKey, Reply};
use super::represent::{Represented, represent};
use super::tree::{Step, at, error_path, merge, rewrite, visit};
use super::{Publisher, Resolver};
use crate::identity::Identity;
use futures::future::{BoxFuture, join_all};
use graph::Object;
use graph::error::{Code, GraphqlError};
use graph::operation::{Kind, Operation};
use graph::plan::{Entities, Fetch, Node, PublishField, Question, Target, When};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a run reads, and the response it fills.
pub(super) struct Run<'a> {
    resolver: &'a Arc<Resolver>,
    operation: &'a Operation,
    variables: &'a Object,
    identity: &'a Identity,
    publisher: Option<&'a dyn Publisher>,
    /// Locked only between awaits: parallel steps take turns.
    response: Mutex<Response>,
}

#[derive(Default)]
struct Response {
    root: Value,
    errors: Vec<GraphqlError>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        resolver: &'a Arc<Resolver>,
        operation: &'a Operation,
        variables: &'a Object,
        identity: &'a Identity,
        publisher: Option<&'a dyn Publisher>,
        root: Value,
    ) -> Run<'a> {
        let response = Mutex::new(Response { root, errors: Vec::new() });
        Run { resolver, operation, variables, identity, publisher, response }
    }

    pub(super) async fn run(self, node: &Node) -> (Value, Vec<GraphqlError>) {
        self.step(node).await;
        let response = self.response.into_inner().unwrap_or_else(PoisonError::into_inner);
        (response.root, response.errors)
    }

    fn response(&self) -> MutexGuard<'_, Response> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step<'s>(&'s self, node: &'s Node) -> BoxFuture<'s, ()> {
        Box::pin(async move {
            match node {
                Node::Sequence(steps) => {
                    for step in steps {
                        self.step(step).await;
                    }
                }
                Node::Parallel(steps) => {
                    join_all(steps.iter().map(|step| self.step(step))).await;
                }
                Node::Condition(guard, step) => {
                    if When(vec![vec![guard.clone()]]).is_met(self.variables) {
                        self.step(step).await;
                    }
                }
                Node::Fetch(fetch) => self.fetch(fetch).await,
                Node::Entities(entities) => self.entities(entities).await,
                Node::Publish(fields) => self.publish(fields).await,
                Node::Introspect => self.introspect(),
            }
        })
    }

    fn lane(&self, question: &Question, lists: Vec<String>) -> LaneKey {
        let mut variables = String::new();
        for name in &question.variables {
            let Some(value) = self.variables.get(name) else { continue };
            let comma = if variables.is_empty() { "" } else { "," };
            variables.push_str(&format!("{comma}\"{name}\":{value}"));
        }
        let subgraph = self.resolver.subgraphs.get(&*question.subgraph);
        let forwarded = subgraph.map_or(&[][..], |subgraph| subgraph.forwarded());
        let headers = self.identity.headers.iter().filter(|(name, _)| forwarded.contains(name));
        Resolver::lane_key(question, variables, headers.cloned().collect(), lists)
    }

    async fn fetch(&self, fetch: &Fetch) {
        let key = self.lane(&fetch.question, Vec::new());
        // Each by itself: only entity fetches are known to ask for nothing but what their representations say.
        let Answer { mut data, errors } = self.resolver.send(&key, &Vec::new()).await;
        rewrite(&mut data, &fetch.output_rewrites);
        let Response { root, errors: told } = &mut *self.response();
        let mut places = Vec::new();
        visit(root, &fetch.path, &mut Vec::new(), &mut |_, place: &[Step<'_>]| places.push(place.to_vec()));
        for place in &places {
            if let Some(target) = at(root, place) {
                merge(target, data.clone());
            }
        }
        let Some(first) = places.first().map(|place| error_path(place)) else { return };
        for (number, error) in errors.iter().enumerate() {
            let below = |steps: Vec<Value>| [first.clone(), steps].concat();
            match (&error.path[..], &fetch.keys[..]) {
                ([], [only]) => told.push(error.at(below(vec![only.as_str().into()]))),
                ([], keys) if data.is_null() && number == 0 => {
                    told.extend(keys.iter().map(|key| error.at(below(vec![key.as_str().into()]))));
                }
                (path, _) => told.push(error.at(below(path.to_vec()))),
            }
        }
    }

    async fn entities(&self, entities: &Entities) {
        let targets = &entities.targets;
        let mut represented: Vec<Represented<'_>> = {
            let response = self.response();
            targets.iter().map(|target| represent(&response.root, target)).collect()
        };
        let lists: Vec<_> = represented.iter_mut().map(|it| std::mem::take(&mut it.texts)).collect();
        if lists.iter().all(Vec::is_empty) {
            return;
        }
        let names = targets.iter().map(|target| target.representations.clone()).collect();
        let reply = self.resolver.ask(&self.lane(&entities.question, names), lists).await;
        let mut response = self.response();
        for (number, (target, represented)) in targets.iter().zip(&represented).enumerate() {
            let found = reply.found.get(number).map_or(&[][..], Vec::as_slice);
            response.settle(&entities.question.subgraph, target, represented, found, &reply);
        }
        let first = represented.iter().find_map(|it| it.places.first()).map(|(place, _)| error_path(place));
        for answer in reply.answers.iter().filter(|answer| answer.data.is_object()) {
            let astray = answer.errors.iter().filter(|error| entity_index(error, targets).is_none());
            response.errors.extend(astray.map(|error| error.at(first.clone().unwrap_or_default())));
        }
    }

    async fn publish(&self, fields: &[PublishField]) {
        let fields = fields.iter().filter(|field| field.when.is_met(self.variables));
        if self.operation.kind == Kind::Query {
            join_all(fields.map(|field| self.publish_field(field))).await;
            return;
        }
        for field in fields {
            self.publish_field(field).await;
        }
    }

    async fn publish_field(&self, field: &PublishField) {
        let outcome = match (field.arguments.fill(self.variables), self.publisher) {
            (Err(errors), _) => Err(errors),
            (Ok(arguments), Some(publisher)) => {
                publisher.publish(field, arguments).await.map_err(|error| vec![error])
            }
            (Ok(_), None) => {
                Err(vec![GraphqlError::new(Code::PublishFailed, "nothing can be published here")])
            }
        };
        let mut response = self.response();
        match outcome {
            Ok(value) => {
                let value = serde_json::Map::from_iter([(field.key.clone(), field.carry.apply(&value))]);
                merge(&mut response.root, Value::Object(value));
            }
            Err(errors) => {
                let path = vec![Value::from(field.key.as_str())];
                response.errors.extend(errors.into_iter().map(|error| error.at_path(path.clone())));
            }
        }
    }

    fn introspect(&self) {
        let mut response = self.response();
        match self.operation.introspect(self.variables) {
            Ok(fields) => merge(&mut response.root, Value::Object(fields)),
            Err(errors) => response.errors.extend(errors),
        }
    }
}

impl Response {
    /// Puts one target's entities where they belong, and says at each place what went wrong there.
    fn settle(
        &mut self,
        subgraph: &str,
        target: &Target,
        represented: &Represented<'_>,
        found: &[(usize, usize)],
        reply: &Reply,
    ) {
        let errors: Vec<HashMap<u64, Vec<&AnswerError>>> =
            reply.answers.iter().map(|answer| errors_by_index(answer, target)).collect();
        for (place, representation) in &represented.places {
            let (number, index) = found.get(*representation).copied().unwrap_or_default();
            let Some(answer) = reply.answers.get(number) else { continue };
            if answer.data.is_null() {
                self.errors.extend(answer.errors.first().map(|error| error.at(error_path(place))));
                continue;
            }
            for error in errors[number].get(&(index as u64)).into_iter().flatten() {
                let below = error.path.get(2..).unwrap_or_default();
                self.errors.push(error.at([&error_path(place), below].concat()));
            }
            let nonsense = match answer.data.get(&target.alias).and_then(|list| list.get(index)) {
                Some(Value::Null) => continue,
                Some(entity @ Value::Object(_)) => {
                    let mut entity = entity.clone();
                    rewrite(&mut entity, &target.output_rewrites);
                    if let Some(known) = at(&mut self.root, place) {
                        merge(known, entity);
                    }
                    continue;
                }
                Some(_) => "answered with an entity that is no object",
                None if errors[number].is_empty() => "answered with too few entities",
                None => continue,
            };
            self.errors.push(AnswerError::own(subgraph, nonsense).at(error_path(place)));
        }
    }
}

/// The errors of an answer that belong to single entities of this target.
fn errors_by_index<'e>(answer: &'e Answer, target: &Target) -> HashMap<u64, Vec<&'e AnswerError>> {
    let mut by_index: HashMap<u64, Vec<&AnswerError>> = HashMap::new();
    for error in &answer.errors {
        if let Some(index) = entity_index(error, std::slice::from_ref(target)) {
            by_index.entry(index).or_default().push(error);
        }
    }
    by_index
}

fn entity_index(error: &AnswerError, targets: &[Target]) -> Option<u64> {
    let [alias, index, ..] = &error.path[..] else { return None };
    targets.iter().any(|target| *alias == *target.alias).then(|| index.as_u64()).flatten()
}
