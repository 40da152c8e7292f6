//! The words of the event dialect: each directive, what it does and the arguments it takes.
//! Owns reading one directive's arguments; never looks at types.

use super::catalog::{Catalog, did_you_mean, nearest};
use super::{Action, Root, Transport, repeated};
use crate::diagnostic::Diagnostic;
use crate::template::{Part, Template};
use apollo_compiler::Node;
use apollo_compiler::ast::{Argument, Directive, DirectiveList, Value};
use apollo_compiler::parser::SourceSpan;

/// The filter directive, which goes beside a subscribing one.
pub(crate) const FILTER: &str = "openfed__subscriptionFilter";
/// Our own words for Redis Streams, which the dialect has no words for.
const REDIS_STREAM_SUBSCRIBE: &str = "edfs__redisStreamSubscribe";
const REDIS_STREAM_PUBLISH: &str = "edfs__redisStreamPublish";
/// What a publishing mutation answers.
pub(crate) const PUBLISH_RESULT: &str = "edfs__PublishResult";

/// One directive of the dialect.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    pub(crate) action: Action,
    /// The argument that holds the subject or subjects.
    subjects: &'static str,
    /// The other arguments it takes; the first is the provider's.
    others: &'static [&'static str],
}

const EDFS: &[&str] = &["providerId"];
const STREAMS: &[&str] = &["providerId", "streamConfiguration"];
const PATTERNS: &[&str] = &["providerId", "patterns"];
const HEADERS: &[&str] = &["providerId", "headers"];
const JETSTREAM: &[&str] = &["providerId", "headers", "streamName"];
const KEYED: &[&str] = &["providerId", "headers", "key"];
// The 2024 directives called the provider `sourceID`.
const ALIAS: &[&str] = &["providerId", "sourceID"];

const fn word(
    name: &'static str,
    transport: Transport,
    action: Action,
    subjects: &'static str,
    others: &'static [&'static str],
) -> Word {
    Word { name, transport, action, subjects, others }
}

const WORDS: [Word; 12] = [
    word("edfs__natsSubscribe", Transport::Nats, Action::Subscribe, "subjects", STREAMS),
    word("edfs__natsPublish", Transport::Nats, Action::Publish, "subject", JETSTREAM),
    word("edfs__natsRequest", Transport::Nats, Action::Request, "subject", HEADERS),
    word("edfs__kafkaSubscribe", Transport::Kafka, Action::Subscribe, "topics", EDFS),
    word("edfs__kafkaPublish", Transport::Kafka, Action::Publish, "topic", KEYED),
    word("edfs__redisSubscribe", Transport::Redis, Action::Subscribe, "channels", PATTERNS),
    word("edfs__redisPublish", Transport::Redis, Action::Publish, "channel", EDFS),
    word(REDIS_STREAM_SUBSCRIBE, Transport::Redis, Action::Subscribe, "streams", EDFS),
    word(REDIS_STREAM_PUBLISH, Transport::Redis, Action::Publish, "stream", EDFS),
    word("eventsSubscribe", Transport::Any, Action::Subscribe, "topic", ALIAS),
    word("eventsPublish", Transport::Any, Action::Publish, "topic", ALIAS),
    word("eventsRequest", Transport::Any, Action::Request, "topic", ALIAS),
];

/// The directive of that name, if it ties a field to a broker.
pub(crate) fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// Whether a field is tied to a broker by one of its directives.
pub(crate) fn is_tied(directives: &DirectiveList) -> bool {
    directives.iter().any(|directive| find(&directive.name).is_some())
}

/// Whether a directive belongs to the dialect.
pub(crate) fn is_word(name: &str) -> bool {
    name == FILTER || find(name).is_some()
}

/// Whether a type's name is the dialect's own, so that it does not enter the supergraph.
pub(crate) fn is_reserved(name: &str) -> bool {
    name != PUBLISH_RESULT && (name.starts_with("edfs__") || name.starts_with("openfed__"))
}

impl Word {
    /// Whether it takes an argument of that name beside its subjects.
    pub(super) fn takes(&self, argument: &str) -> bool {
        self.others.contains(&argument)
    }

    /// Whether it reads or writes a Redis Stream.
    pub(super) fn is_log(&self) -> bool {
        [REDIS_STREAM_SUBSCRIBE, REDIS_STREAM_PUBLISH].contains(&self.name)
    }

    /// The root types whose fields may carry it.
    pub(crate) fn allowed_on(&self, root: Root) -> bool {
        match self.action {
            Action::Subscribe => root == Root::Subscription,
            Action::Publish => root == Root::Mutation,
            Action::Request => root != Root::Subscription,
        }
    }
}

/// What NATS would not take of the text that the schema's author wrote; what is filled in is checked when it is.
fn subject_fault(template: &Template, action: Action) -> Option<&'static str> {
    let filled = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Argument(_) | Part::Claim(_) => "x".to_owned(),
    };
    let text: String = template.parts.iter().map(filled).collect();
    let tokens: Vec<&str> = text.split('.').collect();
    let has_wildcard = text.contains(['*', '>']);
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it holds white space")
    } else if tokens.contains(&"") {
        Some("it has an empty token")
    } else if action != Action::Subscribe && has_wildcard {
        Some("a wildcard can only be subscribed to")
    } else if tokens.iter().rev().skip(1).any(|token| *token == ">") {
        Some("`>` must be its last token")
    } else {
        None
    }
}

/// The word of the dialect that a directive seems to mean and is not.
pub(crate) fn meant_by(name: &str) -> Option<&'static str> {
    // 0.8: one or two letters off in names this long; a foreign directive is further away.
    if is_word(name) { None } else { nearest(name, WORDS.iter().map(|word| word.name), 0.8) }
}

/// Whether a field has a directive of the dialect, or one that was meant to be.
pub(super) fn is_meant(directives: &DirectiveList) -> bool {
    directives.iter().any(|directive| is_word(&directive.name) || meant_by(&directive.name).is_some())
}

/// What one directive says, and what is wrong with it.
pub(crate) struct Reading<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) word: &'static Word,
    pub(crate) directive: &'a Node<Directive>,
    pub(crate) found: &'a mut Vec<Diagnostic>,
}

impl Reading<'_> {
    pub(super) fn refuse(&mut self, location: Option<SourceSpan>, message: String, help: Option<String>) {
        let mut diagnostic = self.catalog.error(location, message);
        diagnostic.help = help;
        self.found.push(diagnostic);
    }

    pub(super) fn warn(&mut self, location: Option<SourceSpan>, message: String) {
        self.found.push(Diagnostic::warning(message).at(self.catalog.span(location)));
    }

    pub(crate) fn check_names(&mut self) {
        repeated::check_arguments(self.catalog, self.directive, self.found);
        for argument in &self.directive.arguments {
            let known: Vec<_> = [self.word.subjects].iter().chain(self.word.others).copied().collect();
            if !known.contains(&argument.name.as_str()) {
                let message = format!("`@{}` has no argument `{}`", self.word.name, argument.name);
                let help = did_you_mean(&argument.name, known.iter().copied())
                    .or_else(|| Some(format!("it takes `{}`", known.join("`, `"))));
                self.refuse(argument.location(), message, help);
            }
        }
    }

    /// The subjects with their places.
    pub(crate) fn subjects(&mut self) -> Vec<(Template, Option<SourceSpan>)> {
        let (word, name) = (self.word, self.word.subjects);
        let location = self.directive.location();
        let Some(value) = self.directive.specified_argument_by_name(name).cloned() else {
            let help = Some(format!("write `@{}({name}: …)`", word.name));
            self.refuse(location, format!("`@{}` needs `{name}`", word.name), help);
            return Vec::new();
        };
        let many = name.ends_with('s');
        let items = match value.as_ref() {
            Value::List(items) if many => items.clone(),
            _ => vec![value.clone()],
        };
        if items.is_empty() {
            let help = Some(format!("a field without {name} would never see an event"));
            self.refuse(value.location(), format!("`{name}` of `@{}` is empty", word.name), help);
        }
        items.iter().filter_map(|item| self.subject(item)).collect()
    }

    fn subject(&mut self, item: &Node<Value>) -> Option<(Template, Option<SourceSpan>)> {
        let name = self.word.subjects;
        let Some(text) = item.as_str().filter(|text| !text.trim().is_empty()) else {
            let message = format!("`{name}` of `@{}` must hold text that is not blank", self.word.name);
            self.refuse(item.location(), message, Some("write it in double quotes".into()));
            return None;
        };
        match Template::parse(text) {
            Ok(template) => {
                if self.word.transport == Transport::Nats
                    && let Some(fault) = subject_fault(&template, self.word.action)
                {
                    let help =
                        "tokens are separated by single dots; `*` is any one token, a last `>` the rest";
                    self.refuse(
                        item.location(),
                        format!("`{text}` is no NATS subject: {fault}"),
                        Some(help.into()),
                    );
                }
                Some((template, item.location()))
            }
            Err(error) => {
                let help = "arguments are filled in as `{{ args.name }}`, claims as `{{ claims.name }}`";
                self.refuse(item.location(), error.0, Some(help.into()));
                None
            }
        }
    }

    pub(crate) fn provider(&mut self) -> String {
        let names = ["providerId", "sourceID"];
        let mut given =
            names.iter().filter_map(|name| self.directive.specified_argument_by_name(name).cloned());
        let Some(value) = given.next() else { return "default".into() };
        if let Some(other) = given.next() {
            let message = "`providerId` and `sourceID` are the same".to_owned();
            self.refuse(other.location(), message, Some("leave one of them out".into()));
        }
        match value.as_str().filter(|id| !id.trim().is_empty() && !id.contains("{{")) {
            Some(id) => id.to_owned(),
            None => {
                let help = Some("templates are for subjects only".to_owned());
                self.refuse(value.location(), "`providerId` must be a fixed text".into(), help);
                String::new()
            }
        }
    }
}

/// The directives of the dialect among others, as they are carried in a supergraph.
pub(crate) fn words_of(directives: &DirectiveList) -> Vec<(String, Vec<Node<Argument>>)> {
    let words = directives.iter().filter(|directive| is_word(&directive.name));
    words.map(|directive| (directive.name.to_string(), directive.arguments.clone())).collect()
}
