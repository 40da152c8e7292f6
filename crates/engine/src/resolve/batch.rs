//! The sharing: entity fetches in flight together with equal questions become one `_entities` request.
//! Owns lanes and the sending of requests; never reads what an entity holds.
//! No timer: the first goes as soon as what is ready has asked, what arrives while enough are in flight goes
//! together in the next.
//! Nothing joins a request that has left already: its answer could be older than the event that asks.

use super::Resolver;
use super::answer::Answer;
use crate::port::{Fetch, SubgraphError};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use graph::plan::Question;
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What must be equal for two fetches to share a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) subgraph: Arc<str>,
    pub(super) document: Arc<str>,
    /// Members of the `variables` object other than representations, as JSON text.
    pub(super) variables: String,
    /// Headers forwarded from the client.
    pub(super) headers: Vec<(String, String)>,
    /// The variables that hold representations; none for a plain fetch, which joins no lane.
    pub(super) lists: Vec<String>,
}

/// Representations per list of the lane, each list without duplicates.
pub(super) type Lists = Vec<Vec<Arc<str>>>;

/// Answers, and for each representation that was asked with, which answer and which index there.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) answers: Vec<Arc<Answer>>,
    pub(super) found: Vec<Vec<(usize, usize)>>,
}

#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<HashMap<LaneKey, Lane>>);

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    lists: Lists,
    reply: oneshot::Sender<Share>,
}

/// One request's answer, and for each representation of one asker its index in that request.
#[derive(Debug)]
struct Share {
    answer: Arc<Answer>,
    indices: Vec<Vec<usize>>,
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, HashMap<LaneKey, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes in the next request of a lane; `None` = nothing waits, and this flight is over.
    fn take(&self, key: &LaneKey, entities_max: usize) -> Option<Flight> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(key)?;
        let mut flight = Flight::new(key.lists.len());
        while let Some(waiting) = lane.waiting.pop_front() {
            // Its asker is gone.
            if waiting.reply.is_closed() {
                continue;
            }
            if let Some(refused) = flight.board(waiting, entities_max) {
                lane.waiting.push_front(refused);
                break;
            }
        }
        if !flight.members.is_empty() {
            return Some(flight);
        }
        lane.in_flight -= 1;
        if lane.in_flight == 0 {
            lanes.remove(key);
        }
        None
    }
}

/// A request in the making: representations of several askers without duplicates.
struct Flight {
    lists: Lists,
    known: Vec<HashMap<Arc<str>, usize>>,
    members: Vec<(oneshot::Sender<Share>, Vec<Vec<usize>>)>,
}

impl Flight {
    fn new(lists: usize) -> Flight {
        Flight { lists: vec![Vec::new(); lists], known: vec![HashMap::new(); lists], members: Vec::new() }
    }

    /// Takes an asker along, or gives it back where it does not fit. The first one always fits.
    fn board(&mut self, waiting: Waiting, entities_max: usize) -> Option<Waiting> {
        let held: usize = self.lists.iter().map(Vec::len).sum();
        let known = self.known.iter();
        let new = known
            .zip(&waiting.lists)
            .flat_map(|(known, list)| list.iter().filter(|text| !known.contains_key(*text)));
        if !self.members.is_empty() && held + new.count() > entities_max {
            return Some(waiting);
        }
        let mut indices = Vec::with_capacity(waiting.lists.len());
        for ((list, known), texts) in self.lists.iter_mut().zip(&mut self.known).zip(waiting.lists) {
            let index = |text: Arc<str>| {
                *known.entry(text.clone()).or_insert_with(|| {
                    list.push(text);
                    list.len() - 1
                })
            };
            indices.push(texts.into_iter().map(index).collect());
        }
        self.members.push((waiting.reply, indices));
        None
    }

    fn settle(self, answer: Answer) {
        let answer = Arc::new(answer);
        for (reply, indices) in self.members {
            // An asker that left meanwhile needs no answer.
            drop(reply.send(Share { answer: answer.clone(), indices }));
        }
    }
}

impl Resolver {
    /// Asks through the lane of `key`. Being dropped while it waits disturbs nobody else.
    pub(super) async fn ask(self: &Arc<Self>, key: &LaneKey, lists: Lists) -> Reply {
        let mut reply = Reply { answers: Vec::new(), found: vec![Vec::new(); lists.len()] };
        let parts = split(lists, self.limits.entities_per_request_max);
        let shares = join_all(parts.into_iter().map(|part| self.join(key, part))).await;
        for share in shares {
            let Ok(Share { answer, indices }) = share else {
                let lost = Arc::new(Answer::failed(&key.subgraph, "was not asked to the end"));
                return Reply { answers: vec![lost], found: Vec::new() };
            };
            let number = reply.answers.len();
            reply.answers.push(answer);
            for (found, indices) in reply.found.iter_mut().zip(indices) {
                found.extend(indices.into_iter().map(|index| (number, index)));
            }
        }
        reply
    }

    fn join(self: &Arc<Self>, key: &LaneKey, lists: Lists) -> oneshot::Receiver<Share> {
        let (reply, receiver) = oneshot::channel();
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(key.clone()).or_default();
        lane.waiting.push_back(Waiting { lists, reply });
        if lane.in_flight < self.limits.entity_requests_inflight_max.max(1) {
            lane.in_flight += 1;
            // A task of its own, so that no asker's end is the end of what others wait for.
            tokio::spawn(self.clone().fly(key.clone()));
        }
        receiver
    }

    async fn fly(self: Arc<Self>, key: LaneKey) {
        // The rounds of one event become ready together; once round the runtime's queue, all of them have asked.
        tokio::task::yield_now().await;
        while let Some(flight) = self.lanes.take(&key, self.limits.entities_per_request_max) {
            let answer = self.send(&key, &flight.lists).await;
            flight.settle(answer);
        }
    }

    /// One request to a subgraph, bounded in time; whatever goes wrong is in the answer.
    pub(super) async fn send(&self, key: &LaneKey, lists: &Lists) -> Answer {
        let LaneKey { subgraph: name, headers, .. } = key;
        let Some(subgraph) = self.subgraphs.get(&**name) else {
            return Answer::failed(name, "is not configured");
        };
        self.metrics.subgraph_requests.add(&[name], 1);
        let fetch = Fetch { body: body(key, lists), headers: headers.clone() };
        tracing::trace!(target: "way", step = "Subgraph::fetch");
        let fetch = AssertUnwindSafe(subgraph.fetch(fetch)).catch_unwind();
        let result = match tokio::time::timeout(self.limits.subgraph_timeout, fetch).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(SubgraphError::Unreachable("its client panicked".into())),
            Err(_elapsed) => Err(SubgraphError::Timeout),
        };
        if let Err(error) = &result {
            tracing::warn!(subgraph = &**name, %error, "subgraph request failed");
        }
        let answer = Answer::judge(name, result);
        if !answer.errors.is_empty() {
            self.metrics.subgraph_errors.add(&[name], 1);
        }
        answer
    }

    pub(super) fn lane_key(
        question: &Question,
        variables: String,
        headers: Vec<(String, String)>,
        lists: Vec<String>,
    ) -> LaneKey {
        let Question { subgraph, document, .. } = question;
        LaneKey { subgraph: subgraph.clone(), document: document.clone(), variables, headers, lists }
    }
}

/// Cuts lists that are too large for one request.
fn split(lists: Lists, entities_max: usize) -> Vec<Lists> {
    let width = lists.len();
    if lists.iter().map(Vec::len).sum::<usize>() <= entities_max.max(1) {
        return vec![lists];
    }
    let all: Vec<(usize, Arc<str>)> = lists
        .into_iter()
        .enumerate()
        .flat_map(|(list, texts)| texts.into_iter().map(move |text| (list, text)))
        .collect();
    let parts = all.chunks(entities_max.max(1)).map(|chunk| {
        let mut part = vec![Vec::new(); width];
        for (list, text) in chunk {
            part[*list].push(text.clone());
        }
        part
    });
    parts.collect()
}

/// `{"query":…,"variables":{…}}`; representations are text already.
fn body(key: &LaneKey, lists: &Lists) -> Bytes {
    let texts: usize = lists.iter().flatten().map(|text| text.len() + 1).sum();
    let mut body = String::with_capacity(key.document.len() + key.variables.len() + texts + 96);
    body.push_str("{\"query\":");
    body.push_str(&serde_json::Value::from(&*key.document).to_string());
    body.push_str(",\"variables\":{");
    body.push_str(&key.variables);
    for (number, (name, list)) in key.lists.iter().zip(lists).enumerate() {
        if number > 0 || !key.variables.is_empty() {
            body.push(',');
        }
        body.push('"');
        body.push_str(name);
        body.push_str("\":[");
        for (index, text) in list.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(text);
        }
        body.push(']');
    }
    body.push_str("}}");
    body.into()
}
