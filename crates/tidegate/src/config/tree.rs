//! A YAML document as a tree in which every value knows its place.
//! Owns reading and looking up; knows nothing of what the keys mean.

use super::place::Place;
use super::problem::Problem;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

/// One value of the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub place: Place,
    pub kind: Kind,
    /// What stands in the file, where the value is that of a variable: the value may be a secret, and is not shown.
    written: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub text: String,
    pub place: Place,
}

/// What the library says, without its advice to whoever calls it.
fn not_yaml(message: &str) -> String {
    format!("this is not YAML: {}", message.replace(", set DuplicateKeyPolicy in Options if acceptable", ""))
}

impl Node {
    pub(super) fn new(place: Place, kind: Kind) -> Node {
        Node { place, kind, written: None }
    }

    /// An empty mapping: what an empty file means.
    pub(super) fn empty() -> Node {
        Node::new(Place::Nowhere, Kind::Map(Vec::new()))
    }

    /// Gives it and all below it one place, and what is shown of them.
    pub(super) fn settle(&mut self, place: &Place, written: Option<&str>) {
        self.place = place.clone();
        self.written = written.map(String::from);
        match &mut self.kind {
            Kind::Scalar(_) => {}
            Kind::List(items) => items.iter_mut().for_each(|item| item.settle(place, written)),
            Kind::Map(members) => members.iter_mut().for_each(|(key, node)| {
                key.place = place.clone();
                node.settle(place, written);
            }),
        }
    }

    pub(super) fn is_override(&self) -> bool {
        matches!(self.place, Place::Environment(_))
    }

    /// What a message may show of a value that was read from here.
    pub(super) fn shown<'a>(&'a self, value: &'a str) -> &'a str {
        self.written.as_deref().unwrap_or(value)
    }

    /// Reads a document. An empty one is an empty mapping.
    pub(super) fn parse(text: &str) -> Result<Node, Box<Problem>> {
        // YAML 1.1's `yes` and `no` stay texts: `country: no` is not a boolean here.
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let spanned: Spanned<Bare> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(Place::Nowhere, |location| place(&location));
            Box::new(Problem::new("", &place, not_yaml(&error.without_snippet().to_string())))
        })?;
        let node = Node::from(spanned);
        match node.kind {
            Kind::Scalar(Value::Null) => Ok(Node::empty()),
            _ => Ok(node),
        }
    }

    /// The value under a key; `None` also where this is no mapping.
    pub(super) fn member(&self, key: &str) -> Option<&Node> {
        let Kind::Map(members) = &self.kind else { return None };
        members.iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// The same, to change it.
    pub(super) fn member_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Kind::Map(members) = &mut self.kind else { return None };
        members.iter_mut().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// The place of the value under these keys, or of the nearest one above it.
    pub(super) fn place_of(&self, path: &[&str]) -> &Place {
        &self.nearest(path).place
    }

    /// The value under these keys (a number picks from a list), or the nearest one above it.
    pub(super) fn nearest(&self, path: &[&str]) -> &Node {
        let mut node = self;
        for step in path {
            let next = match &node.kind {
                Kind::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => node.member(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The value without its places; keys whose value is empty are left out, as if they were not written.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(members) => {
                let written = members.iter().filter(|(_, node)| !node.is_null());
                Value::Object(written.map(|(key, node)| (key.text.clone(), node.to_json())).collect())
            }
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(Value::Null))
    }
}

fn place(location: &Location) -> Place {
    let span = location.span();
    let narrow = |number: u64| usize::try_from(number).unwrap_or(0);
    Place::File {
        offset: narrow(span.byte_offset().unwrap_or(span.offset())),
        length: narrow(span.byte_len().unwrap_or(0)),
        line: narrow(location.line()),
        column: narrow(location.column()),
    }
}

impl From<Spanned<Bare>> for Node {
    fn from(spanned: Spanned<Bare>) -> Node {
        Node::new(place(&spanned.referenced), spanned.value.0)
    }
}

/// A value whose own place its parent has taken.
struct Bare(Kind);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Bare;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(value.into())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(value.into())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(value.into())))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(value.into())))
    }

    fn visit_unit<E: Error>(self) -> Result<Bare, E> {
        Ok(Bare(Kind::Scalar(Value::Null)))
    }

    fn visit_none<E: Error>(self) -> Result<Bare, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bare, D::Error> {
        Bare::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bare, A::Error> {
        let mut nodes = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Bare>>()? {
            nodes.push(item.into());
        }
        Ok(Bare(Kind::List(nodes)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Bare, A::Error> {
        let mut nodes = Vec::new();
        while let Some((key, value)) = members.next_entry::<Spanned<String>, Spanned<Bare>>()? {
            let key = Key { place: place(&key.referenced), text: key.value };
            nodes.push((key, value.into()));
        }
        Ok(Bare(Kind::Map(nodes)))
    }
}
