//! Type facts of the whole supergraph, inaccessible parts too: who can be what, and what each subgraph
//! declares.
//! Owns look-ups read from the join directives; never looks at an operation.

use apollo_compiler::ast::{self, Definition, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the planner's output is compiled against.
#[derive(Debug, Default)]
pub(crate) struct Types {
    /// Objects, with their fields.
    objects: HashMap<String, BTreeMap<String, FieldFacts>>,
    /// Interfaces and unions → the objects they can be.
    possible: HashMap<String, BTreeSet<String>>,
    /// Fields of interfaces.
    interfaces: HashMap<String, BTreeMap<String, FieldFacts>>,
    enums: HashMap<String, BTreeSet<String>>,
    /// (type, graph) → key field sets, in order of declaration.
    keys: HashMap<(String, String), Vec<String>>,
    /// Every name within a `@key` or `@requires`: what representations are made of.
    represented: BTreeSet<String>,
    /// Subgraph name → `join__Graph` value, and the address.
    graphs: BTreeMap<String, (String, String)>,
}

/// One field: its type, and the graphs that declare it (`None` = every graph that has the type).
#[derive(Debug, Clone)]
pub(crate) struct FieldFacts {
    pub(crate) ty: Type,
    graphs: Option<BTreeSet<String>>,
}

impl Types {
    pub(crate) fn read(document: &ast::Document) -> Types {
        let mut types = Types::default();
        let mut implementations: Vec<(String, String)> = Vec::new();
        for definition in &document.definitions {
            match definition {
                Definition::ObjectTypeDefinition(object) => {
                    let name = object.name.to_string();
                    types.read_keys(&name, &object.directives);
                    types.read_requires(&object.fields);
                    types.objects.insert(name.clone(), field_facts(&object.fields));
                    let interfaces = object.implements_interfaces.iter();
                    implementations.extend(interfaces.map(|interface| (interface.to_string(), name.clone())));
                }
                Definition::InterfaceTypeDefinition(interface) => {
                    let name = interface.name.to_string();
                    types.read_keys(&name, &interface.directives);
                    types.interfaces.insert(name.clone(), field_facts(&interface.fields));
                    types.possible.entry(name).or_default();
                }
                Definition::UnionTypeDefinition(union) => {
                    let members = union.members.iter().map(ToString::to_string);
                    types.possible.entry(union.name.to_string()).or_default().extend(members);
                }
                Definition::EnumTypeDefinition(enumeration) if enumeration.name == "join__Graph" => {
                    types.read_graphs(&enumeration.values);
                }
                Definition::EnumTypeDefinition(enumeration) => {
                    let values = enumeration.values.iter().map(|value| value.value.to_string());
                    types.enums.insert(enumeration.name.to_string(), values.collect());
                }
                _ => {}
            }
        }
        for (interface, object) in implementations {
            types.possible.entry(interface).or_default().insert(object);
        }
        types
    }

    fn read_keys(&mut self, name: &str, directives: &ast::DirectiveList) {
        for join in directives.get_all("join__type") {
            let Some(graph) = text(join, "graph") else { continue };
            let key = text(join, "key");
            self.represented.extend(key.iter().flat_map(|key| words(key)));
            self.keys.entry((name.to_owned(), graph)).or_default().extend(key);
        }
    }

    fn read_requires(&mut self, fields: &[apollo_compiler::Node<ast::FieldDefinition>]) {
        let joins = fields.iter().flat_map(|field| field.directives.get_all("join__field"));
        let requires = joins.filter_map(|join| text(join, "requires"));
        self.represented.extend(requires.flat_map(|set| words(&set).collect::<Vec<_>>()));
    }

    /// Whether a field under this alias would stand where a representation looks for another field's value.
    pub(crate) fn is_hidden_by(&self, parent: &str, alias: &str) -> bool {
        let has = |name: &str| self.field(name, alias).is_some();
        self.represented.contains(alias)
            && (has(parent) || self.possible(parent).iter().any(|name| has(name)))
    }

    fn read_graphs(&mut self, values: &[apollo_compiler::Node<ast::EnumValueDefinition>]) {
        for value in values {
            let graph = value.directives.get("join__graph");
            let argument = |name| graph.and_then(|graph| text(graph, name));
            let name = argument("name").unwrap_or_else(|| value.value.to_string());
            self.graphs.insert(name, (value.value.to_string(), argument("url").unwrap_or_default()));
        }
    }

    /// Subgraph names with their addresses.
    pub(crate) fn subgraphs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.graphs.iter().map(|(name, (_, url))| (name.as_str(), url.as_str()))
    }

    /// The `join__Graph` value of a subgraph.
    pub(crate) fn graph(&self, subgraph: &str) -> Option<&str> {
        self.graphs.get(subgraph).map(|(graph, _)| graph.as_str())
    }

    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.objects.contains_key(name)
    }

    pub(crate) fn is_abstract(&self, name: &str) -> bool {
        self.possible.contains_key(name)
    }

    pub(crate) fn enum_values(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.enums.get(name)
    }

    /// The object types a value of this type can have.
    pub(crate) fn possible(&self, name: &str) -> BTreeSet<String> {
        match self.possible.get(name) {
            Some(members) => members.clone(),
            None => BTreeSet::from([name.to_owned()]),
        }
    }

    pub(crate) fn field(&self, parent: &str, field: &str) -> Option<&FieldFacts> {
        self.objects.get(parent).or_else(|| self.interfaces.get(parent))?.get(field)
    }

    /// Every `__typename` that meets a condition on this type: the type and what it can be.
    pub(crate) fn names_meeting(&self, condition: &str) -> BTreeSet<String> {
        let mut names = self.possible(condition);
        names.insert(condition.to_owned());
        names
    }

    /// The abstract types an object belongs to. An `@interfaceObject` subgraph calls its entities by these
    /// names.
    pub(crate) fn abstracts_of(&self, object: &str) -> BTreeSet<String> {
        let belongs = self.possible.iter().filter(|(_, members)| members.contains(object));
        belongs.map(|(name, _)| name.clone()).collect()
    }

    /// The first key that this graph declares for the type.
    pub(crate) fn key(&self, name: &str, graph: &str) -> Option<&str> {
        self.keys.get(&(name.to_owned(), graph.to_owned()))?.first().map(String::as_str)
    }

    /// Whether the graph declares the type at all.
    pub(crate) fn declares(&self, name: &str, graph: &str) -> bool {
        self.keys.contains_key(&(name.to_owned(), graph.to_owned()))
    }

    /// The fields of an object that this graph declares.
    pub(crate) fn declared_fields<'a>(
        &'a self,
        object: &str,
        graph: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Type)> {
        let fields = self.objects.get(object).into_iter().flatten();
        fields
            .filter(move |(_, facts)| facts.graphs.as_ref().is_none_or(|graphs| graphs.contains(graph)))
            .map(|(name, facts)| (name.as_str(), &facts.ty))
    }
}

fn field_facts(fields: &[apollo_compiler::Node<ast::FieldDefinition>]) -> BTreeMap<String, FieldFacts> {
    let facts = |field: &ast::FieldDefinition| {
        let joins: Vec<_> = field.directives.get_all("join__field").collect();
        let graphs = joins.iter().filter_map(|join| text(join, "graph")).collect();
        FieldFacts { ty: field.ty.clone(), graphs: (!joins.is_empty()).then_some(graphs) }
    };
    fields.iter().map(|field| (field.name.to_string(), facts(field))).collect()
}

/// The names in a field set.
fn words(set: &str) -> impl Iterator<Item = String> {
    let words = set.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty()).map(str::to_owned)
}

/// A string or enum argument of a directive.
fn text(directive: &ast::Directive, name: &str) -> Option<String> {
    let value = directive.specified_argument_by_name(name)?;
    value.as_str().map(String::from).or_else(|| value.as_enum().map(ToString::to_string))
}
