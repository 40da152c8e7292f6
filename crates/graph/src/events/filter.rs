//! `@openfed__subscriptionFilter` → a Filter whose paths exist and whose values fit.
//! Owns reading conditions; never evaluates them (`condition` does).

use super::arguments::{self, Place};
use super::catalog::{Catalog, Kind, Type, did_you_mean};
use super::dialect::{FILTER, Word};
use super::{Transport, repeated};
use crate::condition::{BESIDE, Filter, FilterValue, expected};
use crate::diagnostic::Diagnostic;
use crate::scalar::ScalarKind;
use crate::template::Template;
use apollo_compiler::ast::{Directive, FieldDefinition, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};

// The peer allows 5 and 5; these bound what one event can cost without refusing any schema of theirs.
const DEPTH_MAX: usize = 16;
const CONDITIONS_MAX: usize = 64;

/// Reads the filter of one field.
pub(super) struct Reader<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) field: &'a FieldDefinition,
    /// What the field subscribes by.
    pub(super) word: &'static Word,
    pub(super) found: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn read(&mut self, directive: &Node<Directive>) -> Option<Filter> {
        repeated::check_arguments(self.catalog, directive, self.found);
        for other in directive.arguments.iter().filter(|argument| argument.name != "condition") {
            let help = did_you_mean(&other.name, ["condition"]).or(Some("it takes `condition`".into()));
            let message = format!("`@{FILTER}` has no argument `{}`", other.name);
            self.refuse::<()>(other.location(), message, help);
        }
        match directive.specified_argument_by_name("condition") {
            Some(condition) => self.condition(condition, 1),
            None => {
                let help = "write `condition: { IN: { fieldPath: \"…\", values: [ … ] } }`";
                self.refuse(directive.location(), "the filter has no `condition`", Some(help.into()))
            }
        }
    }

    fn refuse<T>(
        &mut self,
        at: Option<SourceSpan>,
        text: impl Into<String>,
        help: Option<String>,
    ) -> Option<T> {
        let mut diagnostic = self.catalog.error(at, text);
        diagnostic.help = help;
        self.found.push(diagnostic);
        None
    }

    fn warn(&mut self, at: Option<SourceSpan>, text: String, help: String) {
        self.found.push(Diagnostic::warning(text).at(self.catalog.span(at)).help(help));
    }

    fn condition(&mut self, value: &Node<Value>, depth: usize) -> Option<Filter> {
        if depth > DEPTH_MAX {
            let message = format!("the filter is nested deeper than {DEPTH_MAX}");
            return self.refuse(value.location(), message, None);
        }
        let Some([(operator, operand)]) = value.as_object() else {
            let help = "write `AND` and `OR` around several conditions".to_owned();
            let message = "a condition holds exactly one of `AND`, `IN`, `NOT`, `OR`";
            return self.refuse(value.location(), message, Some(help));
        };
        match operator.as_str() {
            "IN" => self.membership(operand),
            "NOT" => self.condition(operand, depth + 1).map(|filter| Filter::Not(Box::new(filter))),
            "AND" => self.conditions(operand, depth + 1).map(Filter::And),
            "OR" => self.conditions(operand, depth + 1).map(Filter::Or),
            _ => {
                let help = did_you_mean(&operator.to_uppercase(), ["AND", "IN", "NOT", "OR"]);
                self.refuse(operand.location(), format!("`{operator}` is no condition"), help)
            }
        }
    }

    fn conditions(&mut self, value: &Node<Value>, depth: usize) -> Option<Vec<Filter>> {
        let items = value.as_list().unwrap_or(std::slice::from_ref(value)).to_vec();
        if items.is_empty() || items.len() > CONDITIONS_MAX {
            let message = format!("`AND` and `OR` take 1 to {CONDITIONS_MAX} conditions");
            return self.refuse(value.location(), message, None);
        }
        let filters: Vec<_> = items.iter().filter_map(|item| self.condition(item, depth)).collect();
        (filters.len() == items.len()).then_some(filters)
    }

    fn membership(&mut self, value: &Node<Value>) -> Option<Filter> {
        let fields = value.as_object().unwrap_or_default().to_vec();
        repeated::check_fields(self.catalog, "IN", &fields, self.found);
        let find = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
        if let Some((name, at)) = unknown(&fields, &["fieldPath", "values"]) {
            let help = did_you_mean(name, ["fieldPath", "values"]);
            return self.refuse(at.location(), format!("`IN` has no field `{name}`"), help);
        }
        let (Some(path), Some(values)) = (find("fieldPath"), find("values")) else {
            let help = "write `IN: { fieldPath: \"id\", values: [1, 2] }`".to_owned();
            return self.refuse(value.location(), "`IN` needs `fieldPath` and `values`", Some(help));
        };
        let names: Vec<String> = path.as_str().unwrap_or_default().split('.').map(str::to_owned).collect();
        let kind = match self.kind_of(&names) {
            Ok(kind) => kind,
            Err((message, help)) => return self.refuse(path.location(), message, help),
        };
        if let Some((message, help)) = never_beside(self.word, &names) {
            self.warn(path.location(), message, help.into());
        }
        let items = values.as_list().unwrap_or(std::slice::from_ref(values)).to_vec();
        if items.is_empty() {
            return self.refuse(values.location(), "`values` is empty: nothing would match", None);
        }
        let mut filled: Vec<FilterValue> = Vec::with_capacity(items.len());
        for item in &items {
            let value = self.value(item)?;
            if self.can_be_equal(&value, kind, item.location()) && !filled.contains(&value) {
                filled.push(value);
            }
        }
        Some(Filter::In { path: names, kind, values: filled })
    }

    /// Whether a value can be equal to anything of the field's type at all. One that cannot is legal and means what it
    /// says: no event's field is equal to it.
    fn can_be_equal(&mut self, value: &FilterValue, kind: ScalarKind, at: Option<SourceSpan>) -> bool {
        let FilterValue::Literal(literal) = value else { return true };
        let can = expected(literal, kind).is_some();
        if !can {
            let message = format!("`{literal}` can never be equal to {}", kind.as_str());
            self.warn(at, message, "it is left out, for no event has it; leave it out here too".into());
        }
        can
    }

    fn value(&mut self, item: &Node<Value>) -> Option<FilterValue> {
        if let Some(text) = item.as_str().filter(|text| text.contains("{{")) {
            let template = match Template::parse(text) {
                Ok(template) => template,
                Err(error) => return self.refuse(item.location(), error.0, None),
            };
            arguments::check(self.catalog, self.field, &template, Place::Filter, item.location(), self.found);
            return Some(FilterValue::Template(template));
        }
        let literal = match item.as_ref() {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(bool) => (*bool).into(),
            Value::String(text) => text.as_str().into(),
            Value::Enum(name) => name.as_str().into(),
            // `-0` and huge exponents aside, a GraphQL number is a JSON number.
            Value::Int(int) => serde_json::from_str(int.as_str()).unwrap_or_default(),
            Value::Float(float) => serde_json::from_str(float.as_str()).unwrap_or_default(),
            Value::List(_) | Value::Object(_) | Value::Variable(_) => {
                return self.refuse(item.location(), "`values` holds single values only", None);
            }
        };
        Some(FilterValue::Literal(literal))
    }

    /// What the leaf of a path holds, the same on every type the field can return.
    fn kind_of(&self, path: &[String]) -> Result<ScalarKind, (String, Option<String>)> {
        if path.first().is_some_and(|first| first == BESIDE) {
            return kind_beside(path);
        }
        let mut types = self.catalog.concrete(self.field.ty.inner_named_type());
        let (leaf, parents) = path.split_last().ok_or_else(|| ("`fieldPath` is empty".to_owned(), None))?;
        for name in parents {
            let mut inner = Vec::new();
            for entry in &types {
                let named = field_type(entry, name)?;
                let below = self.catalog.concrete(&named);
                if below.is_empty() {
                    return Err((format!("`{}.{name}` is `{named}` and has no fields", entry.name), None));
                }
                inner.extend(below);
            }
            types = inner;
        }
        let mut kind = None;
        for entry in &types {
            let named = field_type(entry, leaf)?;
            let here = self.scalar_kind(&named).ok_or_else(|| {
                let message =
                    format!("`{}.{leaf}` is `{named}`; a filter compares single values", entry.name);
                (message, Some(format!("name a field of `{named}`: `{leaf}.…`")))
            })?;
            if kind.is_some_and(|kind| kind != here) {
                return Err((format!("`{leaf}` differs in type among the types the field can return"), None));
            }
            kind = Some(here);
        }
        kind.ok_or_else(|| ("the field returns nothing a filter could look into".to_owned(), None))
    }

    fn scalar_kind(&self, name: &str) -> Option<ScalarKind> {
        match (name, self.catalog.types.get(name).map(|entry| entry.kind)) {
            ("ID", _) => Some(ScalarKind::Id),
            ("Int" | "Float", _) => Some(ScalarKind::Number),
            ("Boolean", _) => Some(ScalarKind::Boolean),
            ("String", _) | (_, Some(Kind::Enum)) => Some(ScalarKind::Text),
            (_, Some(Kind::Scalar)) => Some(ScalarKind::Any),
            _ => None,
        }
    }
}

/// What comes beside an event is texts, but for what its envelope says, which no schema knows.
fn kind_beside(path: &[String]) -> Result<ScalarKind, (String, Option<String>)> {
    let names: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
    match names.as_slice() {
        ["subject" | "key"] | ["headers", _] => Ok(ScalarKind::Text),
        ["envelope", _, ..] => Ok(ScalarKind::Any),
        _ => {
            let known = ["subject", "key", "headers.<name>", "envelope.<name>"];
            let help = format!("write `{BESIDE}.` and one of: {}", known.join(", "));
            Err((format!("`{}` is nothing that comes with an event", path.join(".")), Some(help)))
        }
    }
}

/// What no message of that broker has beside it, so that a filter on it matches nothing.
fn never_beside(word: &Word, path: &[String]) -> Option<(String, &'static str)> {
    let (first, names) = path.split_first().filter(|(first, _)| *first == BESIDE)?;
    let what = match word.transport {
        Transport::Redis if word.is_log() => "an entry of a Redis Stream",
        Transport::Redis => "a message of a Redis channel",
        Transport::Nats => "a NATS message",
        Transport::Kafka | Transport::Any => return None,
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (lacks, help) = match names.as_slice() {
        ["key"] => ("key", "only Kafka has keys; this condition matches no event"),
        ["headers", _] if word.transport == Transport::Redis && !word.is_log() => {
            ("headers", "an entry of a Redis Stream has headers; this condition matches no event")
        }
        _ => return None,
    };
    Some((format!("`{first}.{}` is never there: {what} has no {lacks}", names.join(".")), help))
}

fn unknown<'a>(fields: &'a [(Name, Node<Value>)], known: &[&str]) -> Option<&'a (Name, Node<Value>)> {
    fields.iter().find(|(name, _)| !known.contains(&name.as_str()))
}

/// The named type of a field that is no list.
fn field_type(entry: &Type, name: &str) -> Result<String, (String, Option<String>)> {
    let Some(field) = entry.field(name) else {
        let known = entry.fields.iter().map(|field| field.name.as_str());
        let help = did_you_mean(name, known.clone()).unwrap_or_else(|| {
            let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
            format!("it has {}", known.join(", "))
        });
        return Err((format!("`{}` has no field `{name}` in this schema", entry.name), Some(help)));
    };
    if field.ty.is_list() {
        return Err((format!("`{}.{name}` is a list, which a filter cannot look into", entry.name), None));
    }
    Ok(field.ty.inner_named_type().to_string())
}
