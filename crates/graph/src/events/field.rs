//! One root field with its directives → a Binding, or everything that is wrong with it.
//! Owns the rules of roots and return types; never cares whether the schema is a subgraph's or composed.

use super::arguments::{self, Place};
use super::catalog::Catalog;
use super::dialect::{self, FILTER, PUBLISH_RESULT, Reading, Word};
use super::filter;
use super::{Action, Binding, Root};
use crate::diagnostic::{Diagnostic, Severity};
use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, FieldDefinition};

/// A root field as a schema shows it; `directives` are those of the dialect or those carried for it.
pub(super) struct Field<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) root: Root,
    pub(super) definition: &'a Node<FieldDefinition>,
    pub(super) directives: &'a [Node<Directive>],
    pub(super) subgraph: &'a str,
}

impl Field<'_> {
    /// `None` for a field without a tie to a broker, and for one whose tie is wrong.
    pub(super) fn read(&self, found: &mut Vec<Diagnostic>) -> Option<Binding> {
        let before = count_errors(found);
        let tie = self.tie(found);
        let filter = self.only_filter(found);
        let (word, directive) = match tie {
            Some(tie) => tie,
            None => {
                if let Some(alone) = filter {
                    let message =
                        format!("`{}` has a filter but no subscribing directive", self.definition.name);
                    found.push(self.catalog.error(alone.location(), message));
                }
                return None;
            }
        };
        let mut reading = Reading { catalog: self.catalog, word, directive, found };
        reading.check_names();
        let subjects = reading.subjects();
        let provider = reading.provider();
        let feed = reading.feed(&subjects);
        let (key, headers) = (reading.key(), reading.headers());
        let place = if word.action == Action::Subscribe { Place::Subjects } else { Place::Single };
        let filled = subjects.iter().map(|(template, at)| (template, *at, place));
        let key_part = key.iter().map(|(template, at)| (template, *at, Place::Single));
        let header_parts = headers.iter().map(|(_, template, at)| (template, *at, Place::Single));
        for (template, at, place) in filled.chain(key_part).chain(header_parts) {
            arguments::check(self.catalog, self.definition, template, place, at, found);
        }
        self.check_return(word, found);
        let filter = filter.and_then(|directive| self.filter(word, directive, found));
        let subjects = subjects.into_iter().map(|(template, _)| template).collect();
        (count_errors(found) == before).then(|| Binding {
            root: self.root,
            field: self.definition.name.to_string(),
            subgraph: self.subgraph.to_owned(),
            transport: word.transport,
            action: word.action,
            provider,
            subjects,
            feed,
            filter,
            key: key.map(|(template, _)| template),
            headers: headers.into_iter().map(|(name, template, _)| (name, template)).collect(),
        })
    }

    /// The field's filter. A second one would be dropped, and its events be sent to everybody.
    fn only_filter(&self, found: &mut Vec<Diagnostic>) -> Option<&Node<Directive>> {
        let mut filters = self.directives.iter().filter(|directive| directive.name == FILTER);
        let first = filters.next();
        for another in filters {
            let message = format!("`{}` has a second `@{FILTER}`", self.definition.name);
            let help = "write one with `AND` around the conditions of both";
            found.push(self.catalog.error(another.location(), message).help(help));
        }
        first
    }

    fn tie(&self, found: &mut Vec<Diagnostic>) -> Option<(&'static Word, &Node<Directive>)> {
        let mut ties = self
            .directives
            .iter()
            .filter_map(|directive| dialect::find(&directive.name).map(|word| (word, directive)));
        let (word, directive) = ties.next()?;
        let name = &self.definition.name;
        if let Some((other, at)) = ties.next() {
            let message = format!("`{name}` is tied twice, by `@{}` and `@{}`", word.name, other.name);
            let diagnostic = self.catalog.error(at.location(), message);
            found.push(diagnostic.help("give each broker a field of its own"));
        }
        if !word.allowed_on(self.root) {
            let message = format!("`@{}` does not go on a {} field", word.name, self.root.as_str());
            let help = match word.action {
                Action::Subscribe => "subscribing directives go on Subscription fields",
                Action::Publish => "publishing directives go on Mutation fields",
                Action::Request => "requesting directives go on Query and Mutation fields",
            };
            found.push(self.catalog.error(directive.location(), message).help(help));
        }
        Some((word, directive))
    }

    fn check_return(&self, word: &Word, found: &mut Vec<Diagnostic>) {
        let (ty, name) = (&self.definition.ty, &self.definition.name);
        let entry = self.catalog.types.get(ty.inner_named_type().as_str());
        let is_result = ty.is_named() && ty.is_non_null() && ty.inner_named_type() == PUBLISH_RESULT;
        let is_composite = ty.is_named() && entry.is_some_and(|entry| entry.kind.is_composite());
        let (fits, help) = match word.action {
            Action::Publish => (is_result, "a publishing mutation returns `edfs__PublishResult!`"),
            Action::Request if self.root == Root::Mutation => {
                (is_result || is_composite, "return `edfs__PublishResult!`, or the object the reply holds")
            }
            Action::Request => (is_composite, "return one object, interface or union: the reply"),
            Action::Subscribe => (is_composite, "return one object, interface or union: the event"),
        };
        if !fits {
            let message = format!("`{name}` returns `{ty}`, which `@{}` cannot give", word.name);
            found.push(self.catalog.error(self.definition.location(), message).help(help));
        } else if is_composite && self.catalog.concrete(ty.inner_named_type()).is_empty() {
            let message = format!("`{name}` returns `{ty}`, which no object type here is");
            let help = "declare the object types that events can hold in this schema";
            found.push(self.catalog.error(self.definition.location(), message).help(help));
        }
    }

    fn filter(
        &self,
        word: &'static Word,
        directive: &Node<Directive>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<crate::condition::Filter> {
        if word.action != Action::Subscribe {
            let message = "a subscription filter goes on Subscription fields only";
            found.push(self.catalog.error(directive.location(), message));
            return None;
        }
        filter::Reader { catalog: self.catalog, field: self.definition, word, found }.read(directive)
    }
}

fn count_errors(found: &[Diagnostic]) -> usize {
    found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}
