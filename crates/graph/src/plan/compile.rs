//! The planner's nodes → our own, once per operation: names resolved, type conditions expanded.
//! Owns the split between subgraphs that are fetched and events subgraphs that are not; never runs anything.

use super::allowed::Allowed;
use super::carry::{Carry, Fragments};
use super::planner::{ast, nodes};
use super::{
    Arguments, Entities, EventRoot, Fetch, Guard, Node, Planner, PublishField, Question, Require, Rewrite,
    RewriteSegment, Segment, Target, TypeNames, Types, When,
};
use crate::events::{Binding, Root};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What one operation's plan compiles to.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) node: Option<Node>,
    pub(crate) event: Option<EventRoot>,
}

/// What compiling needs to know around the plan.
pub(crate) struct Compiler<'a> {
    pub(crate) types: &'a Types,
    pub(crate) bindings: &'a [Arc<Binding>],
    pub(crate) root: Root,
    pub(crate) root_type: &'a str,
    /// Root fields by response key: their arguments and conditions. Each is taken once.
    pub(crate) fields: HashMap<String, (Arguments, When)>,
}

impl Compiler<'_> {
    pub(crate) fn compile(
        mut self,
        planner: &Planner,
        document: &str,
        operation_name: Option<&str>,
        tokens_max: usize,
        timeout: Duration,
    ) -> Result<Compiled, String> {
        let Some(node) = planner.plan(document, operation_name, tokens_max, timeout)? else {
            return Ok(Compiled::default());
        };
        let mut compiled = Compiled::default();
        compiled.node = self.node(node, &mut compiled.event)?;
        if self.root == Root::Subscription && compiled.event.is_none() {
            return Err("the plan has no event to start from".into());
        }
        Ok(compiled)
    }

    fn node(&mut self, node: nodes::PlanNode, event: &mut Option<EventRoot>) -> Result<Option<Node>, String> {
        use nodes::PlanNode;
        Ok(match node {
            PlanNode::Fetch(fetch) if self.is_events(&fetch.service_name) => Some(self.publish(&fetch)?),
            PlanNode::Fetch(fetch) => Some(self.fetch(fetch, Vec::new())?),
            PlanNode::BatchFetch(batch) => Some(self.batch(batch)?),
            PlanNode::Flatten(flatten) => Some(self.flatten(flatten)?),
            PlanNode::Sequence(sequence) => {
                let mut steps = self.nodes(sequence.nodes, event)?;
                if steps.len() > 1 { Some(Node::Sequence(steps)) } else { steps.pop() }
            }
            PlanNode::Parallel(parallel) => {
                let mut steps = self.nodes(parallel.nodes, event)?;
                if steps.len() > 1 { Some(Node::Parallel(steps)) } else { steps.pop() }
            }
            PlanNode::Condition(condition) => self.condition(condition, event)?,
            PlanNode::Subscription(subscription) => {
                *event = Some(self.event(&subscription.primary)?);
                None
            }
            PlanNode::Defer(_) => return Err("@defer is not supported".into()),
        })
    }

    fn nodes(
        &mut self,
        nodes: Vec<nodes::PlanNode>,
        event: &mut Option<EventRoot>,
    ) -> Result<Vec<Node>, String> {
        let mut steps = Vec::with_capacity(nodes.len());
        for node in nodes {
            steps.extend(self.node(node, event)?);
        }
        Ok(steps)
    }

    fn condition(
        &mut self,
        node: nodes::ConditionNode,
        event: &mut Option<EventRoot>,
    ) -> Result<Option<Node>, String> {
        let mut steps = Vec::new();
        for (clause, include) in [(node.if_clause, true), (node.else_clause, false)] {
            let Some(clause) = clause else { continue };
            if let Some(step) = self.node(*clause, event)? {
                let guard = Guard { variable: node.condition.clone(), include };
                steps.push(Node::Condition(guard, Box::new(step)));
            }
        }
        Ok(if steps.len() > 1 { Some(Node::Sequence(steps)) } else { steps.pop() })
    }

    fn is_events(&self, subgraph: &str) -> bool {
        self.bindings.iter().any(|binding| binding.subgraph == subgraph)
    }

    fn question(
        &self,
        subgraph: &str,
        operation: &ast::SubgraphFetchOperation,
        variables: Option<BTreeSet<String>>,
    ) -> Result<Question, String> {
        if self.is_events(subgraph) {
            return Err(format!(
                "the plan asks the events subgraph `{subgraph}` for entities: declare its keys with \
                 `resolvable: false`"
            ));
        }
        Ok(Question {
            subgraph: subgraph.into(),
            document: operation.document_str.as_str().into(),
            variables: variables.into_iter().flatten().collect(),
        })
    }

    fn fetch(&self, fetch: nodes::FetchNode, path: Vec<Segment>) -> Result<Node, String> {
        let selected = fetch.operation.document.operation.selection_set.items.iter();
        let keys = selected.filter_map(|item| match item {
            ast::SelectionItem::Field(field) => Some(field.alias.as_ref().unwrap_or(&field.name).clone()),
            _ => None,
        });
        Ok(Node::Fetch(Fetch {
            keys: keys.collect(),
            question: self.question(&fetch.service_name, &fetch.operation, fetch.variable_usages)?,
            path,
            output_rewrites: self.rewrites(fetch.output_rewrites),
        }))
    }

    fn flatten(&self, flatten: nodes::FlattenNode) -> Result<Node, String> {
        let path = self.path(&flatten.path);
        let nodes::PlanNode::Fetch(fetch) = *flatten.node else {
            return Err("a step below a path that is no fetch".into());
        };
        let Some(requires) = &fetch.requires else { return self.fetch(fetch, path) };
        let target = Target {
            alias: "_entities".into(),
            representations: "representations".into(),
            paths: vec![path],
            requires: self.requires(requires),
            input_rewrites: self.rewrites(fetch.input_rewrites),
            output_rewrites: self.rewrites(fetch.output_rewrites),
        };
        let question = self.question(&fetch.service_name, &fetch.operation, fetch.variable_usages)?;
        Ok(Node::Entities(Entities { question, targets: vec![target] }))
    }

    fn batch(&self, batch: nodes::BatchFetchNode) -> Result<Node, String> {
        let targets = batch.entity_batch.aliases.into_iter().map(|alias| Target {
            alias: alias.alias,
            representations: alias.representations_variable_name,
            paths: alias.merge_paths.iter().map(|path| self.path(path)).collect(),
            requires: self.requires(&alias.requires),
            input_rewrites: self.rewrites(alias.input_rewrites),
            output_rewrites: self.rewrites(alias.output_rewrites),
        });
        let targets: Vec<_> = targets.collect();
        let mut question = self.question(&batch.service_name, &batch.operation, batch.variable_usages)?;
        question.variables.retain(|name| targets.iter().all(|target| target.representations != *name));
        Ok(Node::Entities(Entities { question, targets }))
    }

    fn path(&self, path: &nodes::FlattenNodePath) -> Vec<Segment> {
        use nodes::FlattenNodePathSegment;
        let segments = path.as_slice().iter().map(|segment| match segment {
            FlattenNodePathSegment::Field(name) => Segment::Field(name.clone()),
            FlattenNodePathSegment::List => Segment::List,
            FlattenNodePathSegment::TypeCondition(names) => Segment::On(self.names(names)),
        });
        segments.collect()
    }

    fn names(&self, conditions: &BTreeSet<String>) -> TypeNames {
        conditions.iter().flat_map(|condition| self.types.names_meeting(condition)).collect()
    }

    fn requires(&self, set: &ast::SelectionSet) -> Vec<Require> {
        let requires = set.items.iter().filter_map(|item| match item {
            ast::SelectionItem::Field(field) if field.name == "__typename" => Some(Require::Typename),
            ast::SelectionItem::Field(field) => Some(Require::Field {
                name: field.name.clone(),
                key: field.alias.as_ref().unwrap_or(&field.name).clone(),
                below: self.requires(&field.selections),
            }),
            ast::SelectionItem::InlineFragment(fragment) => {
                let mut names = self.types.names_meeting(&fragment.type_condition);
                names.extend(self.types.abstracts_of(&fragment.type_condition));
                Some(Require::On { names, below: self.requires(&fragment.selections) })
            }
            ast::SelectionItem::FragmentSpread(_) => None,
        });
        requires.collect()
    }

    fn rewrites(&self, rewrites: Option<Vec<nodes::FetchRewrite>>) -> Vec<Rewrite> {
        let path = |segments: Vec<nodes::FetchNodePathSegment>| {
            let segments = segments.into_iter().map(|segment| match segment {
                nodes::FetchNodePathSegment::Key(key) => RewriteSegment::Key(key),
                nodes::FetchNodePathSegment::TypenameEquals(names) => RewriteSegment::On(self.names(&names)),
            });
            segments.collect()
        };
        let rewrites = rewrites.into_iter().flatten().map(|rewrite| match rewrite {
            nodes::FetchRewrite::ValueSetter(set) => {
                Rewrite::Set { path: path(set.path), value: set.set_value_to }
            }
            nodes::FetchRewrite::KeyRenamer(rename) => {
                Rewrite::Rename { path: path(rename.path), to: rename.rename_key_to }
            }
        });
        rewrites.collect()
    }

    /// The root fields that the planner would ask of an events subgraph.
    fn broker_fields(&mut self, fetch: &nodes::FetchNode) -> Result<Vec<BrokerField>, String> {
        let document = &fetch.operation.document;
        let spreads = document.fragments.iter();
        let fragments: Fragments<'_> = spreads
            .map(|spread| (spread.name.as_str(), (spread.type_condition.as_str(), &spread.selection_set)))
            .collect();
        let mut fields = Vec::new();
        for item in &document.operation.selection_set.items {
            let ast::SelectionItem::Field(field) = item else {
                return Err(format!("a fragment at the root of the fetch from `{}`", fetch.service_name));
            };
            let key = field.alias.as_ref().unwrap_or(&field.name).clone();
            let bound = |binding: &&Arc<Binding>| {
                binding.root == self.root
                    && binding.field == field.name
                    && binding.subgraph == fetch.service_name
            };
            let binding = self.bindings.iter().find(bound).cloned().ok_or_else(|| {
                format!(
                    "`{}.{}` is declared by the events subgraph `{}` without a directive that binds it \
                     to a broker",
                    self.root_type, field.name, fetch.service_name
                )
            })?;
            let facts = self.types.field(self.root_type, &field.name);
            let type_name = facts.map_or("", |facts| facts.ty.inner_named_type().as_str()).to_owned();
            let mut carry = Carry::compile(self.types, &fragments, &type_name, &field.selections);
            for rewrite in self.rewrites(fetch.output_rewrites.clone()) {
                if let Rewrite::Rename { path, to } = rewrite
                    && let Some((RewriteSegment::Key(root), below)) = path.split_first()
                    && *root == key
                {
                    carry.rename(below, &to);
                }
            }
            let (arguments, when) = self.fields.remove(&key).unwrap_or_default();
            let graph = self.types.graph(&binding.subgraph).unwrap_or_default();
            let allowed = Allowed::reach(self.types, graph, &type_name);
            fields.push(BrokerField { key, binding, arguments, when, carry, allowed });
        }
        Ok(fields)
    }

    fn publish(&mut self, fetch: &nodes::FetchNode) -> Result<Node, String> {
        let fields = self.broker_fields(fetch)?.into_iter().map(|field| {
            let BrokerField { key, binding, arguments, when, carry, allowed } = field;
            PublishField { key, when, binding, arguments, carry, allowed }
        });
        Ok(Node::Publish(fields.collect()))
    }

    fn event(&mut self, fetch: &nodes::FetchNode) -> Result<EventRoot, String> {
        if !self.is_events(&fetch.service_name) {
            return Err(format!(
                "the subscription is a field of the subgraph `{}`; only fields that a broker feeds can be \
                 subscribed to",
                fetch.service_name
            ));
        }
        let fields = self.broker_fields(fetch)?;
        let Ok([field]) = <[BrokerField; 1]>::try_from(fields) else {
            return Err("a subscription must have one root field".into());
        };
        Ok(EventRoot {
            field: field.binding.field.clone(),
            key: field.key,
            arguments: field.arguments,
            carry: field.carry,
            allowed: field.allowed,
            binding: field.binding,
        })
    }
}

struct BrokerField {
    key: String,
    binding: Arc<Binding>,
    arguments: Arguments,
    when: When,
    carry: Carry,
    allowed: Allowed,
}
