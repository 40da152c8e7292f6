//! The types of one schema document with their extensions folded in, and places for messages.
//! Owns look-up by name; never judges what a schema says.

use super::Root;
use crate::diagnostic::{Diagnostic, Span};
use apollo_compiler::ast::{self, Definition, OperationType};
use apollo_compiler::parser::{Parser, SourceMap, SourceSpan};
use apollo_compiler::validation::DiagnosticList;
use apollo_compiler::{Name, Node};
use indexmap::IndexMap;

/// One schema document.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) types: IndexMap<String, Type>,
    /// The root types' names here, which a `schema` block may have changed.
    roots: [String; 3],
    origin: String,
    sources: SourceMap,
}

/// A named type and its extensions.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    /// Where the definition is, or its first extension.
    pub(crate) location: Option<SourceSpan>,
    pub(crate) description: Option<Node<str>>,
    pub(crate) directives: Vec<Node<ast::Directive>>,
    pub(crate) interfaces: Vec<Name>,
    pub(crate) fields: Vec<Node<ast::FieldDefinition>>,
    pub(crate) inputs: Vec<Node<ast::InputValueDefinition>>,
    pub(crate) values: Vec<Node<ast::EnumValueDefinition>>,
    pub(crate) members: Vec<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    Input,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Scalar => "scalar",
            Kind::Object => "object",
            Kind::Interface => "interface",
            Kind::Union => "union",
            Kind::Enum => "enum",
            Kind::Input => "input",
        }
    }

    /// Whether a value of it has fields to select.
    pub(crate) fn is_composite(self) -> bool {
        matches!(self, Kind::Object | Kind::Interface | Kind::Union)
    }
}

/// The scalars every schema has.
pub(crate) const BUILT_IN: [&str; 5] = ["ID", "Int", "Float", "Boolean", "String"];

/// Parses SDL; syntax errors become diagnostics with places.
pub(crate) fn parse(origin: &str, sdl: &str) -> Result<ast::Document, Vec<Diagnostic>> {
    Parser::new().parse_ast(sdl, origin).map_err(|broken| syntax_errors(origin, &broken.errors))
}

fn syntax_errors(origin: &str, errors: &DiagnosticList) -> Vec<Diagnostic> {
    let diagnostic = |error: apollo_compiler::response::GraphQLError| {
        let place = error.locations.first();
        let span = place.map(|at| Span { source: origin.to_owned(), line: at.line, column: at.column });
        Diagnostic::error(error.message).at(span)
    };
    errors.iter().map(|error| diagnostic(error.to_json())).collect()
}

impl Catalog {
    pub(crate) fn parse(origin: &str, sdl: &str) -> Result<Catalog, Vec<Diagnostic>> {
        parse(origin, sdl).map(|document| Catalog::of(origin, &document))
    }

    pub(crate) fn of(origin: &str, document: &ast::Document) -> Catalog {
        let roots = Root::ALL.map(|root| root.as_str().to_owned());
        let sources = document.sources.clone();
        let mut catalog = Catalog { types: IndexMap::new(), roots, origin: origin.to_owned(), sources };
        for definition in &document.definitions {
            match definition {
                Definition::SchemaDefinition(schema) => catalog.name_roots(&schema.root_operations),
                Definition::SchemaExtension(schema) => catalog.name_roots(&schema.root_operations),
                _ => {
                    if let Some(entry) = Type::of(definition) {
                        catalog.add(entry);
                    }
                }
            }
        }
        catalog
    }

    fn name_roots(&mut self, operations: &[Node<(OperationType, Name)>]) {
        for operation in operations {
            self.roots[root_of(operation.0) as usize] = operation.1.to_string();
        }
    }

    fn add(&mut self, entry: Type) {
        match self.types.get_mut(entry.name.as_str()) {
            None => {
                self.types.insert(entry.name.to_string(), entry);
            }
            Some(known) => {
                known.directives.extend(entry.directives);
                known.interfaces.extend(entry.interfaces);
                known.fields.extend(entry.fields);
                known.inputs.extend(entry.inputs);
                known.values.extend(entry.values);
                known.members.extend(entry.members);
            }
        }
    }

    pub(crate) fn root(&self, root: Root) -> Option<&Type> {
        self.types.get(&self.roots[root as usize])
    }

    pub(crate) fn root_name(&self, root: Root) -> &str {
        &self.roots[root as usize]
    }

    pub(crate) fn is_root(&self, name: &str) -> bool {
        self.roots.iter().any(|root| root == name)
    }

    /// Removes root fields that are only there because a type may not be empty (`_empty: String`); what `is_meant`
    /// says of a field's directives keeps it, whatever its name.
    pub(crate) fn drop_placeholders(&mut self, is_meant: impl Fn(&ast::DirectiveList) -> bool) {
        for root in &self.roots {
            if let Some(entry) = self.types.get_mut(root) {
                entry.fields.retain(|field| !field.name.starts_with('_') || is_meant(&field.directives));
            }
        }
        let roots = &self.roots;
        self.types.retain(|name, entry| !roots.contains(name) || !entry.fields.is_empty());
    }

    /// The concrete types a value of `name` can be, in order of declaration.
    pub(crate) fn concrete(&self, name: &str) -> Vec<&Type> {
        let Some(entry) = self.types.get(name) else { return Vec::new() };
        let accessible = |entry: &&Type| entry.directive("inaccessible").is_none();
        match entry.kind {
            Kind::Object => vec![entry],
            Kind::Union => {
                let members = entry.members.iter().filter_map(|member| self.types.get(member.as_str()));
                members.filter(accessible).collect()
            }
            Kind::Interface => {
                let implements = |entry: &&Type| entry.interfaces.iter().any(|i| i.as_str() == name);
                let objects = self.types.values().filter(|entry| entry.kind == Kind::Object);
                objects.filter(implements).filter(accessible).collect()
            }
            Kind::Scalar | Kind::Enum | Kind::Input => Vec::new(),
        }
    }

    /// The text the places of this schema's nodes are in.
    pub(crate) fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// Where something is, for a message.
    pub(crate) fn span(&self, location: Option<SourceSpan>) -> Option<Span> {
        let place = location?.line_column(&self.sources)?;
        Some(Span { source: self.origin.clone(), line: place.line, column: place.column })
    }

    pub(crate) fn error(&self, location: Option<SourceSpan>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.span(location))
    }
}

impl Type {
    pub(crate) fn field(&self, name: &str) -> Option<&Node<ast::FieldDefinition>> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn input(&self, name: &str) -> Option<&Node<ast::InputValueDefinition>> {
        self.inputs.iter().find(|input| input.name == name)
    }

    pub(crate) fn directive(&self, name: &str) -> Option<&Node<ast::Directive>> {
        self.directives.iter().find(|directive| directive.name == name)
    }

    fn of(definition: &Definition) -> Option<Type> {
        let mut entry = Type {
            kind: kind_of(definition)?,
            name: definition.name()?.clone(),
            location: definition.location(),
            description: None,
            directives: definition.directives().0.clone(),
            interfaces: Vec::new(),
            fields: Vec::new(),
            inputs: Vec::new(),
            values: Vec::new(),
            members: Vec::new(),
        };
        macro_rules! take {
            ($part:ident from $node:ident . $source:ident) => {{
                entry.$part = $node.$source.clone();
            }};
        }
        match definition {
            Definition::ScalarTypeDefinition(n) => take!(description from n.description),
            Definition::ObjectTypeDefinition(n) => {
                take!(description from n.description);
                take!(interfaces from n.implements_interfaces);
                take!(fields from n.fields);
            }
            Definition::InterfaceTypeDefinition(n) => {
                take!(description from n.description);
                take!(interfaces from n.implements_interfaces);
                take!(fields from n.fields);
            }
            Definition::ObjectTypeExtension(n) => {
                take!(interfaces from n.implements_interfaces);
                take!(fields from n.fields);
            }
            Definition::InterfaceTypeExtension(n) => {
                take!(interfaces from n.implements_interfaces);
                take!(fields from n.fields);
            }
            Definition::UnionTypeDefinition(n) => {
                take!(description from n.description);
                take!(members from n.members);
            }
            Definition::UnionTypeExtension(n) => take!(members from n.members),
            Definition::EnumTypeDefinition(n) => {
                take!(description from n.description);
                take!(values from n.values);
            }
            Definition::EnumTypeExtension(n) => take!(values from n.values),
            Definition::InputObjectTypeDefinition(n) => {
                take!(description from n.description);
                take!(inputs from n.fields);
            }
            Definition::InputObjectTypeExtension(n) => take!(inputs from n.fields),
            _ => {}
        }
        Some(entry)
    }
}

fn kind_of(definition: &Definition) -> Option<Kind> {
    use Definition as D;
    Some(match definition {
        D::ScalarTypeDefinition(_) | D::ScalarTypeExtension(_) => Kind::Scalar,
        D::ObjectTypeDefinition(_) | D::ObjectTypeExtension(_) => Kind::Object,
        D::InterfaceTypeDefinition(_) | D::InterfaceTypeExtension(_) => Kind::Interface,
        D::UnionTypeDefinition(_) | D::UnionTypeExtension(_) => Kind::Union,
        D::EnumTypeDefinition(_) | D::EnumTypeExtension(_) => Kind::Enum,
        D::InputObjectTypeDefinition(_) | D::InputObjectTypeExtension(_) => Kind::Input,
        _ => return None,
    })
}

/// Our name for an operation's root.
pub(crate) fn root_of(operation: OperationType) -> Root {
    match operation {
        OperationType::Query => Root::Query,
        OperationType::Mutation => Root::Mutation,
        OperationType::Subscription => Root::Subscription,
    }
}

/// The nearest of the known names, as the sentence that offers it.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // 0.6 lets one slip through in a word of three letters and refuses names that only begin alike.
    nearest(name, known, 0.6).map(|known| format!("did you mean `{known}`?"))
}

/// The nearest of the known names, if it is at least so alike (1.0 is the same).
pub(crate) fn nearest<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    alike_min: f64,
) -> Option<&'a str> {
    let alike = |known: &&str| strsim::normalized_damerau_levenshtein(name, known);
    let begins_alike = |known: &&str| strsim::jaro_winkler(name, known);
    let near = known.into_iter().filter(|known| alike(known) >= alike_min);
    near.max_by(|a, b| alike(a).total_cmp(&alike(b)).then(begins_alike(a).total_cmp(&begins_alike(b))))
}
