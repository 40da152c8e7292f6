//! The borrowed planner behind a fence: its panics become messages, its time is bounded.
//! Owns every call into it; only this folder sees its types.

use graphql_tools::parser::schema::{Definition, TypeDefinition};
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::planner;
use hive_router_query_planner::utils::cancellation::CancellationToken;
use hive_router_query_planner::utils::parsing::{safe_parse_operation_with_token_limit, safe_parse_schema};
use split::NestedKeys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

mod split;

/// The planner's syntax tree.
pub(super) mod ast {
    pub(in crate::plan) use hive_router_query_planner::ast::operation::SubgraphFetchOperation;
    pub(in crate::plan) use hive_router_query_planner::ast::selection_item::SelectionItem;
    pub(in crate::plan) use hive_router_query_planner::ast::selection_set::{
        FieldSelection, InlineFragmentSelection, SelectionSet,
    };
}

/// The planner's nodes.
pub(super) mod nodes {
    pub(in crate::plan) use hive_router_query_planner::planner::plan_nodes::{
        BatchFetchNode, ConditionNode, FetchNode, FetchNodePathSegment, FetchRewrite, FlattenNode,
        FlattenNodePath, FlattenNodePathSegment, PlanNode,
    };
}

/// A planner for one supergraph.
pub(crate) struct Planner {
    planner: planner::Planner,
    nested: NestedKeys,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planner")
    }
}

impl Planner {
    pub(crate) fn load(sdl: &str) -> Result<Planner, String> {
        fenced(|| {
            let document = safe_parse_schema(sdl).map_err(|error| error.to_string())?;
            let planner = planner::Planner::new_from_supergraph(&document, Default::default());
            let planner = planner.map_err(|error| error.to_string())?;
            let keys = planner.supergraph.definitions.iter().flat_map(|(name, definition)| {
                let keys = definition.join_types().iter().filter_map(|join| join.key.as_deref());
                keys.map(|key| (name.as_str(), key))
            });
            let nested = NestedKeys::read(keys);
            Ok(Planner { planner, nested })
        })
    }

    /// The schema without join directives and inaccessible parts; introspection types are left out.
    pub(crate) fn api_sdl(&self) -> String {
        let mut document = (*self.planner.consumer_schema.document).clone();
        document.definitions.retain(|definition| match definition {
            Definition::TypeDefinition(definition) => !type_name(definition).starts_with("__"),
            _ => true,
        });
        for definition in &mut document.definitions {
            if let Definition::TypeDefinition(TypeDefinition::Object(object)) = definition {
                object.fields.retain(|field| !field.name.starts_with("__"));
            }
        }
        document.to_string()
    }

    /// Plans one operation of a validated document; `None` = nothing to fetch.
    pub(super) fn plan(
        &self,
        document: &str,
        operation_name: Option<&str>,
        tokens_max: usize,
        timeout: Duration,
    ) -> Result<Option<nodes::PlanNode>, String> {
        fenced(|| {
            let document = safe_parse_operation_with_token_limit(document, tokens_max)
                .map_err(|error| error.to_string())?;
            let supergraph = &self.planner.supergraph;
            let mut normal = normalize_operation(supergraph, &document, operation_name)
                .map_err(|error| error.to_string())?;
            drop_introspection(&mut normal.operation.selection_set);
            if normal.operation.selection_set.is_empty() {
                return Ok(None);
            }
            let root = supergraph.root_type_name(normal.operation.operation_kind.as_ref());
            let root = root.map_err(|error| error.to_string())?;
            let field_type = |parent: &str, field: &str| {
                supergraph.field_return_type_name(parent, field).map(str::to_owned)
            };
            self.nested.split(&mut normal.operation.selection_set, root, &field_type);
            let deadline = CancellationToken::with_timeout(timeout);
            let plan =
                self.planner.plan_from_normalized_operation(&normal.operation, Default::default(), &deadline);
            plan.map(|plan| plan.node).map_err(|error| error.to_string())
        })
    }
}

/// Root meta-fields are answered here, not by a subgraph.
fn drop_introspection(set: &mut ast::SelectionSet) {
    for item in &mut set.items {
        if let ast::SelectionItem::InlineFragment(fragment) = item {
            drop_introspection(&mut fragment.selections);
        }
    }
    set.items.retain(|item| match item {
        ast::SelectionItem::Field(field) => !field.name.starts_with("__"),
        ast::SelectionItem::InlineFragment(fragment) => !fragment.selections.is_empty(),
        ast::SelectionItem::FragmentSpread(_) => true,
    });
}

fn type_name<'a>(definition: &'a TypeDefinition<'static, String>) -> &'a str {
    match definition {
        TypeDefinition::Scalar(definition) => &definition.name,
        TypeDefinition::Object(definition) => &definition.name,
        TypeDefinition::Interface(definition) => &definition.name,
        TypeDefinition::Union(definition) => &definition.name,
        TypeDefinition::Enum(definition) => &definition.name,
        TypeDefinition::InputObject(definition) => &definition.name,
    }
}

/// The planner holds several hundred `unwrap`s: one bad schema or operation must not take a thread down.
fn fenced<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("the planner gave up: {}", text.unwrap_or("no reason given")))
    })
}
