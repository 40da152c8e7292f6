//! Text → Operation: parse within bounds, validate, measure, compile the shape, plan.
//! Owns the order of these and what each refusal is called; never runs the result.

use super::alias::hold_aliases;
use super::size::{Size, measure};
use super::{Api, Bounds, Guarded, Kind, Operation};
use crate::error::{Code, GraphqlError};
use crate::events::{Binding, Root};
use crate::plan::{Arguments, Compiled, Compiler, Node, Plan, Planner, ShapeCompiler, Types, When};
use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::{DirectiveList, OperationType, Value};
use apollo_compiler::executable::{self, Selection, SelectionSet};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticList, Valid};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The supergraph's parts that an operation is prepared on.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) api: Arc<Api>,
    pub(crate) types: Types,
    pub(crate) guarded: Guarded,
    pub(crate) planner: Planner,
    pub(crate) bindings: Vec<Arc<Binding>>,
}

/// Values nest inside selections, so the parser's own bound, which saves its stack, is this much higher.
const VALUE_DEPTH_MAX: usize = 64;

/// What the parsed document takes for each of its characters, and its shape for each selection with fragments written
/// out: measured on documents of 0.7 to 36 KB.
const BYTES_PER_CHARACTER: usize = 40;
const BYTES_PER_SELECTION: usize = 50;

pub(crate) fn prepare(
    ground: &Ground,
    text: &str,
    operation_name: Option<&str>,
    bounds: &Bounds,
) -> Result<Operation, Vec<GraphqlError>> {
    let document = validate(&ground.api, text, bounds)?;
    let operation = document
        .operations
        .get(operation_name)
        .map_err(|error| vec![GraphqlError::new(Code::BadRequest, error.message().to_string())])?;
    let name = operation.name.as_ref().map(ToString::to_string);
    let size = hold_bounds(&document, operation, bounds)?;
    hold_aliases(&ground.types, &document, operation)?;
    let compiler =
        ShapeCompiler::new(&ground.api.schema, &ground.api.implementers, &document, bounds.selections_max);
    let shape = compiler.compile(&operation.selection_set).map_err(|_| vec![too_large(bounds)])?;
    let (kind, root) = match operation.operation_type {
        OperationType::Query => (Kind::Query, Root::Query),
        OperationType::Mutation => (Kind::Mutation, Root::Mutation),
        OperationType::Subscription => (Kind::Subscription, Root::Subscription),
    };
    let conditions = shape.selection.fields(&shape.type_name).unwrap_or_default().iter();
    let conditions: HashMap<&str, &When> =
        conditions.map(|field| (field.key.as_str(), &field.when)).collect();
    let compiler = Compiler {
        types: &ground.types,
        bindings: &ground.bindings,
        root,
        root_type: &shape.type_name,
        fields: root_arguments(&ground.api, &document, operation, &conditions),
    };
    let planned =
        compiler.compile(&ground.planner, text, name.as_deref(), bounds.tokens_max, bounds.planning_timeout);
    let Compiled { node, event } = planned.map_err(|message| {
        vec![GraphqlError::new(Code::PlanningFailed, format!("the operation cannot be planned: {message}"))]
    })?;
    let introspects =
        operation.root_fields(&document).any(|field| field.name == "__schema" || field.name == "__type");
    let plan = Arc::new(Plan { node: with_introspection(node, introspects), shape });
    Ok(Operation {
        kind,
        plan,
        event,
        requirements: ground.guarded.requirements(&ground.api, &document, &operation.selection_set),
        variables_read: variables_read(&document, operation),
        bytes: text.len() * BYTES_PER_CHARACTER + size.selections * BYTES_PER_SELECTION,
        name,
        api: ground.api.clone(),
        document,
    })
}

fn validate(api: &Api, text: &str, bounds: &Bounds) -> Result<Valid<ExecutableDocument>, Vec<GraphqlError>> {
    let mut parser = Parser::new()
        .token_limit(bounds.tokens_max)
        .recursion_limit(bounds.depth_max.saturating_add(VALUE_DEPTH_MAX));
    let parsed = parser.parse_ast(text, "operation.graphql");
    let parsed = parsed.map_err(|with| refusals(Code::GraphqlParseFailed, &with.errors))?;
    parsed
        .to_executable_validate(&api.schema)
        .map_err(|with| refusals(Code::GraphqlValidationFailed, &with.errors))
}

fn refusals(code: Code, diagnostics: &DiagnosticList) -> Vec<GraphqlError> {
    let refusals = diagnostics.iter().map(|diagnostic| {
        let mut refusal = GraphqlError::new(code, diagnostic.error.to_string());
        let place = diagnostic.line_column_range().map(|range| (range.start.line, range.start.column));
        refusal.locations = place.into_iter().collect();
        refusal
    });
    refusals.collect()
}

fn too_large(bounds: &Bounds) -> GraphqlError {
    let message = format!(
        "the document selects more than {} fields with its fragments written out \
         (limit `document_selections_max`): ask for fewer in one operation",
        bounds.selections_max
    );
    GraphqlError::new(Code::GraphqlValidationFailed, message)
}

fn hold_bounds(
    document: &Valid<ExecutableDocument>,
    operation: &executable::Operation,
    bounds: &Bounds,
) -> Result<Size, Vec<GraphqlError>> {
    let size = measure(document, &operation.selection_set);
    if size.depth > bounds.depth_max {
        let message = format!(
            "the document nests {} selections, the limit `document_depth_max` is {}",
            size.depth, bounds.depth_max
        );
        return Err(vec![GraphqlError::new(Code::GraphqlValidationFailed, message)]);
    }
    if size.selections > bounds.selections_max {
        return Err(vec![too_large(bounds)]);
    }
    apollo_compiler::introspection::check_max_depth(document, operation)
        .map(|()| size)
        .map_err(|error| vec![GraphqlError::new(Code::GraphqlValidationFailed, error.message().to_string())])
}

fn root_arguments(
    api: &Api,
    document: &ExecutableDocument,
    operation: &executable::Operation,
    conditions: &HashMap<&str, &When>,
) -> HashMap<String, (Arguments, When)> {
    let mut arguments = HashMap::new();
    for field in operation.root_fields(document) {
        let key = field.response_key().as_str();
        let when = conditions.get(key).copied().cloned().unwrap_or_default();
        let compile = || (Arguments::compile(&api.schema, field), when);
        arguments.entry(key.to_owned()).or_insert_with(compile);
    }
    arguments
}

fn with_introspection(node: Option<Node>, introspects: bool) -> Option<Node> {
    match (node, introspects) {
        (node, false) => node,
        (None, true) => Some(Node::Introspect),
        (Some(node), true) => Some(Node::Parallel(vec![Node::Introspect, node])),
    }
}

fn variables_read(document: &ExecutableDocument, operation: &executable::Operation) -> BTreeSet<String> {
    let mut reading = Reading { document, names: BTreeSet::new(), spreads: HashSet::new() };
    reading.set(&operation.selection_set, operation.is_subscription());
    reading.names
}

struct Reading<'a> {
    document: &'a ExecutableDocument,
    names: BTreeSet<String>,
    spreads: HashSet<&'a str>,
}

impl<'a> Reading<'a> {
    /// `is_event_root`: arguments of these fields are the event root's own, read by templates and filters
    /// alone.
    fn set(&mut self, set: &'a SelectionSet, is_event_root: bool) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    if !is_event_root {
                        field.arguments.iter().for_each(|argument| self.value(&argument.value));
                    }
                    self.set(&field.selection_set, false);
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set, is_event_root),
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    if self.spreads.insert(spread.fragment_name.as_str()) {
                        self.set(&fragment.selection_set, is_event_root);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for argument in directives.iter().flat_map(|directive| &directive.arguments) {
            self.value(&argument.value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.names.insert(name.to_string());
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(members) => members.iter().for_each(|(_, member)| self.value(member)),
            _ => {}
        }
    }
}
