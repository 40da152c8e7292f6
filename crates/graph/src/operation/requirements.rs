//! What `@authenticated`, `@requiresScopes` and `@policy` ask for an operation.
//! Owns collecting; whether a caller meets them is decided elsewhere.

use super::{Api, Requirement, Rule};
use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::{self, Definition, DirectiveList};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Every guarded coordinate of a supergraph.
#[derive(Debug, Default)]
pub(crate) struct Guarded(HashMap<String, Vec<Rule>>);

impl Guarded {
    pub(crate) fn read(document: &ast::Document) -> Guarded {
        let mut guarded = Guarded::default();
        for definition in &document.definitions {
            let Some(name) = definition.name() else { continue };
            let (directives, fields) = match definition {
                Definition::ObjectTypeDefinition(object) => (&object.directives, object.fields.as_slice()),
                Definition::InterfaceTypeDefinition(interface) => {
                    (&interface.directives, interface.fields.as_slice())
                }
                Definition::UnionTypeDefinition(union) => (&union.directives, &[][..]),
                Definition::ScalarTypeDefinition(scalar) => (&scalar.directives, &[][..]),
                Definition::EnumTypeDefinition(enumeration) => (&enumeration.directives, &[][..]),
                _ => continue,
            };
            guarded.add(name.to_string(), directives);
            for field in fields {
                guarded.add(format!("{name}.{}", field.name), &field.directives);
            }
        }
        guarded
    }

    fn add(&mut self, coordinate: String, directives: &DirectiveList) {
        let rules: Vec<Rule> = directives.iter().filter_map(|directive| rule(directive)).collect();
        if !rules.is_empty() {
            self.0.insert(coordinate, rules);
        }
    }

    /// The requirements of everything that the selection can reach.
    pub(super) fn requirements(
        &self,
        api: &Api,
        document: &ExecutableDocument,
        set: &SelectionSet,
    ) -> Vec<Requirement> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut walk = Walk { api, document, coordinates: BTreeSet::new(), spreads: HashSet::new() };
        walk.coordinates.insert(set.ty.to_string());
        walk.set(set);
        let found: BTreeMap<&String, &Vec<Rule>> =
            walk.coordinates.iter().filter_map(|coordinate| self.0.get_key_value(coordinate)).collect();
        let requirements = found.into_iter().flat_map(|(coordinate, rules)| {
            rules.iter().map(|rule| Requirement { coordinate: coordinate.clone(), rule: rule.clone() })
        });
        requirements.collect()
    }
}

fn rule(directive: &ast::Directive) -> Option<Rule> {
    let sets = |name: &str| {
        let outer = directive.specified_argument_by_name(name).and_then(|value| value.as_list());
        let inner = outer.unwrap_or_default().iter().map(|set| {
            let names = set.as_list().unwrap_or_default().iter();
            names.filter_map(|name| name.as_str().map(String::from)).collect()
        });
        inner.collect()
    };
    match directive.name.as_str() {
        "authenticated" => Some(Rule::Authenticated),
        "requiresScopes" => Some(Rule::Scopes(sets("scopes"))),
        "policy" => Some(Rule::Policy(sets("policies"))),
        _ => None,
    }
}

struct Walk<'a> {
    api: &'a Api,
    document: &'a ExecutableDocument,
    coordinates: BTreeSet<String>,
    spreads: HashSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => self.field(set.ty.as_str(), field),
                Selection::InlineFragment(fragment) => {
                    self.coordinates.insert(fragment.selection_set.ty.to_string());
                    self.set(&fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    if self.spreads.insert(spread.fragment_name.as_str()) {
                        self.coordinates.insert(fragment.selection_set.ty.to_string());
                        self.set(&fragment.selection_set);
                    }
                }
            }
        }
    }

    /// A field asked of an interface is asked of every object that implements it.
    fn field(&mut self, parent: &str, field: &'a Field) {
        if field.name.starts_with("__") {
            return;
        }
        self.coordinates.insert(format!("{parent}.{}", field.name));
        self.coordinates.insert(field.definition.ty.inner_named_type().to_string());
        for object in self.api.implementers.get(parent).into_iter().flat_map(|all| &all.objects) {
            self.coordinates.insert(object.to_string());
            self.coordinates.insert(format!("{object}.{}", field.name));
        }
        self.set(&field.selection_set);
    }
}
