//! What the client asked for, with types: the projection's program, one list of fields per concrete type.
//! Owns field collection (GraphQL §6.3.2) done once per operation; never sees data.

use apollo_compiler::executable::{Field as AstField, Selection as AstSelection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, Implementers};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What the client asked for: the projection reads it.
#[derive(Debug)]
pub struct Shape {
    /// The root type's name.
    pub type_name: String,
    pub selection: Arc<Selection>,
}

/// A selection set, collected for every type that the value can have and the client may see.
#[derive(Debug)]
pub struct Selection {
    variants: Vec<(String, Vec<Field>)>,
}

impl Selection {
    /// The fields for a value of this type, in the client's order; `None` = no such type is visible here.
    pub fn fields(&self, type_name: &str) -> Option<&[Field]> {
        let variant = self.variants.iter().find(|(name, _)| name == type_name);
        variant.map(|(_, fields)| fields.as_slice())
    }
}

/// One response key.
#[derive(Debug)]
pub struct Field {
    pub key: String,
    pub name: String,
    pub when: When,
    pub wrap: Wrap,
    pub completion: Completion,
}

/// `@skip` and `@include`: met when one of the lists is wholly met; no list at all = always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct When(pub Vec<Vec<Guard>>);

/// One `@include(if: $variable)`, or `@skip` where `include` is false.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Guard {
    pub variable: String,
    pub include: bool,
}

impl When {
    pub fn is_met(&self, variables: &crate::Object) -> bool {
        let holds = |guard: &Guard| {
            let value = variables.get(&guard.variable).and_then(serde_json::Value::as_bool);
            value.unwrap_or(false) == guard.include
        };
        self.0.is_empty() || self.0.iter().any(|all| all.iter().all(holds))
    }
}

/// Lists and non-null marks around a named type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrap {
    Named,
    List(Box<Wrap>),
    NonNull(Box<Wrap>),
}

/// How the named type inside completes.
#[derive(Debug)]
pub enum Completion {
    Typename,
    Int,
    Float,
    String,
    Boolean,
    Id,
    /// The values a client may see.
    Enum(Arc<BTreeSet<String>>),
    /// A custom scalar, or introspection: written as it is.
    Any,
    Object {
        /// The type of a value without `__typename`; `None` for interfaces and unions.
        type_name: Option<String>,
        selection: Arc<Selection>,
    },
}

/// The operation has more fields, counted per concrete type, than the bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooLarge;

/// Interface → implementers, as apollo-compiler computes it once per schema.
pub(crate) type Implementations = apollo_compiler::collections::HashMap<Name, Implementers>;

type Occurrence<'a> = (&'a SelectionSet, Vec<Guard>);
type Memo = HashMap<(String, Vec<(usize, Vec<Guard>)>), Arc<Selection>>;

/// The fields of one response key across all fragments.
struct Group<'a> {
    field: &'a AstField,
    when: Vec<Vec<Guard>>,
    below: Vec<Occurrence<'a>>,
}

/// Compiles selection sets; equal sets under equal guards are compiled once.
pub(crate) struct ShapeCompiler<'a> {
    schema: &'a Valid<Schema>,
    implementers: &'a Implementations,
    document: &'a ExecutableDocument,
    enums: HashMap<Name, Arc<BTreeSet<String>>>,
    memo: Memo,
    fields_left: usize,
}

impl<'a> ShapeCompiler<'a> {
    pub(crate) fn new(
        schema: &'a Valid<Schema>,
        implementers: &'a Implementations,
        document: &'a ExecutableDocument,
        fields_max: usize,
    ) -> Self {
        let (enums, memo) = (HashMap::new(), Memo::new());
        ShapeCompiler { schema, implementers, document, enums, memo, fields_left: fields_max }
    }

    pub(crate) fn compile(mut self, root: &'a SelectionSet) -> Result<Shape, TooLarge> {
        let selection = self.selection(&root.ty, vec![(root, Vec::new())])?;
        Ok(Shape { type_name: root.ty.to_string(), selection })
    }

    fn selection(&mut self, parent: &Name, sets: Vec<Occurrence<'a>>) -> Result<Arc<Selection>, TooLarge> {
        let places = sets.iter().map(|(set, guards)| (std::ptr::from_ref(*set) as usize, guards.clone()));
        let memo_key = (parent.to_string(), places.collect::<Vec<_>>());
        if let Some(known) = self.memo.get(&memo_key) {
            return Ok(known.clone());
        }
        let mut variants = Vec::new();
        for concrete in self.possible(parent) {
            let mut groups = IndexMap::new();
            for (set, guards) in &sets {
                self.collect(&concrete, set, guards, &mut groups);
            }
            self.fields_left = self.fields_left.checked_sub(groups.len()).ok_or(TooLarge)?;
            let fields = groups.into_iter().map(|(key, group)| self.field(&concrete, key, group));
            variants.push((concrete.to_string(), fields.collect::<Result<_, _>>()?));
        }
        let selection = Arc::new(Selection { variants });
        self.memo.insert(memo_key, selection.clone());
        Ok(selection)
    }

    fn possible(&self, name: &Name) -> Vec<Name> {
        match self.schema.types.get(name) {
            Some(ExtendedType::Union(union)) => {
                union.members.iter().map(|member| member.name.clone()).collect()
            }
            Some(ExtendedType::Interface(_)) => self
                .implementers
                .get(name)
                .map(|all| all.objects.iter().cloned().collect())
                .unwrap_or_default(),
            _ => vec![name.clone()],
        }
    }

    fn collect(
        &self,
        concrete: &Name,
        set: &'a SelectionSet,
        guards: &[Guard],
        groups: &mut IndexMap<&'a str, Group<'a>>,
    ) {
        for selection in &set.selections {
            let Some(guards) = guarded(guards, selection) else { continue };
            let (condition, below) = match selection {
                AstSelection::Field(field) => {
                    let fresh = || Group { field, when: Vec::new(), below: Vec::new() };
                    let group = groups.entry(field.response_key().as_str()).or_insert_with(fresh);
                    group.when.push(guards.clone());
                    group.below.push((&field.selection_set, guards));
                    continue;
                }
                AstSelection::InlineFragment(fragment) => {
                    (fragment.type_condition.as_ref(), &fragment.selection_set)
                }
                AstSelection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    (Some(&fragment.selection_set.ty), &fragment.selection_set)
                }
            };
            if condition
                .is_none_or(|condition| condition == concrete || self.schema.is_subtype(condition, concrete))
            {
                self.collect(concrete, below, &guards, groups);
            }
        }
    }

    fn field(&mut self, concrete: &Name, key: &str, group: Group<'a>) -> Result<Field, TooLarge> {
        let Group { field, mut when, mut below } = group;
        if when.iter().any(Vec::is_empty) {
            when.clear();
        }
        // Guards of the only occurrence hold wherever the field is written, so below it they say nothing.
        if let [(_, guards)] = below.as_mut_slice() {
            guards.clear();
        }
        let definition = self.schema.type_field(concrete, &field.name).ok();
        let ty = definition.map_or(&field.definition.ty, |definition| &definition.ty);
        let completion = match field.name.as_str() {
            "__typename" => Completion::Typename,
            "__schema" | "__type" => Completion::Any,
            _ => self.completion(ty.inner_named_type(), below)?,
        };
        let wrap = if field.name.starts_with("__") { Wrap::Named } else { wrap(ty) };
        Ok(Field { key: key.to_owned(), name: field.name.to_string(), when: When(when), wrap, completion })
    }

    fn completion(&mut self, name: &Name, below: Vec<Occurrence<'a>>) -> Result<Completion, TooLarge> {
        Ok(match (name.as_str(), self.schema.types.get(name)) {
            ("Int", _) => Completion::Int,
            ("Float", _) => Completion::Float,
            ("String", _) => Completion::String,
            ("Boolean", _) => Completion::Boolean,
            ("ID", _) => Completion::Id,
            (_, Some(ExtendedType::Enum(definition))) => {
                let values = || Arc::new(definition.values.keys().map(ToString::to_string).collect());
                Completion::Enum(self.enums.entry(name.clone()).or_insert_with(values).clone())
            }
            (_, Some(ExtendedType::Object(_))) => {
                let type_name = Some(name.to_string());
                Completion::Object { type_name, selection: self.selection(name, below)? }
            }
            (_, Some(ExtendedType::Interface(_) | ExtendedType::Union(_))) => {
                Completion::Object { type_name: None, selection: self.selection(name, below)? }
            }
            _ => Completion::Any,
        })
    }
}

fn wrap(ty: &apollo_compiler::ast::Type) -> Wrap {
    use apollo_compiler::ast::Type;
    match ty {
        Type::Named(_) => Wrap::Named,
        Type::NonNullNamed(_) => Wrap::NonNull(Box::new(Wrap::Named)),
        Type::List(inner) => Wrap::List(Box::new(wrap(inner))),
        Type::NonNullList(inner) => Wrap::NonNull(Box::new(Wrap::List(Box::new(wrap(inner))))),
    }
}

/// The guards of a selection with its own added; `None` = a literal condition leaves it out.
fn guarded(outer: &[Guard], selection: &AstSelection) -> Option<Vec<Guard>> {
    let mut guards = outer.to_vec();
    for (directive, include) in [("include", true), ("skip", false)] {
        let condition = selection.directives().get(directive);
        let Some(value) = condition.and_then(|found| found.specified_argument_by_name("if")) else {
            continue;
        };
        match (value.to_bool(), value.as_variable()) {
            (Some(literal), _) if literal != include => return None,
            (None, Some(variable)) => {
                let guard = Guard { variable: variable.to_string(), include };
                if !guards.contains(&guard) {
                    guards.push(guard);
                }
            }
            _ => {}
        }
    }
    Some(guards)
}
