//! One type of an events subgraph laid into the type the supergraph already has, or copied where it has none.
//! Owns the join directives that result; never looks at bindings beyond carrying them.

use super::{header, join, keys};
use crate::diagnostic::Diagnostic;
use crate::events::catalog::{Catalog, Kind, Type};
use crate::events::dialect;
use apollo_compiler::ast::{self, Definition, DirectiveList, FieldDefinition, InputValueDefinition};
use apollo_compiler::{Name, Node};

/// Lays the types of one events subgraph in.
pub(super) struct Merge<'a> {
    /// The value in `join__Graph`.
    pub(super) graph: &'a str,
    pub(super) catalog: &'a Catalog,
    pub(super) found: &'a mut Vec<Diagnostic>,
    pub(super) warnings: &'a mut Vec<Diagnostic>,
    /// Directives that were carried over and must be declared.
    pub(super) kept: Vec<&'static header::Kept>,
}

impl Merge<'_> {
    /// Lays `entry` into the supergraph's definition of the same type.
    pub(super) fn merge(&mut self, definition: &mut Definition, entry: &Type) {
        let before = definition.directives().clone();
        let before = join::type_graphs(&before);
        match definition {
            Definition::ObjectTypeDefinition(_) | Definition::InterfaceTypeDefinition(_) => {
                self.merge_implements(definition, entry);
                if let Some(fields) = join::fields_mut(definition) {
                    self.merge_fields(fields, entry, &before);
                }
            }
            Definition::UnionTypeDefinition(node) => self.merge_members(node.make_mut(), entry),
            Definition::EnumTypeDefinition(node) => self.merge_values(node.make_mut(), entry),
            Definition::InputObjectTypeDefinition(node) => self.merge_inputs(node.make_mut(), entry, &before),
            _ => {}
        }
        let joins = self.join_types(entry);
        let carried = self.carried(&entry.directives);
        if let Some(directives) = join::directives_mut(definition) {
            directives.0.extend(joins);
            add_missing(directives, carried);
        }
    }

    /// `entry` as a definition of its own, under the name the supergraph gives it.
    pub(super) fn copy(&mut self, entry: &Type, name: Name) -> Definition {
        let (description, interfaces) = (entry.description.clone(), entry.interfaces.clone());
        let mut directives = DirectiveList(self.join_types(entry));
        directives.0.extend(interfaces.iter().map(|interface| join::join_implements(self.graph, interface)));
        directives.0.extend(entry.members.iter().map(|member| join::join_union_member(self.graph, member)));
        directives.0.extend(self.carried(&entry.directives));
        let is_root = self.catalog.is_root(&entry.name);
        let fields: Vec<_> = entry.fields.iter().map(|field| self.field(field, is_root)).collect();
        match entry.kind {
            Kind::Scalar => placed(entry, ast::ScalarTypeDefinition { description, name, directives }),
            Kind::Object => {
                let implements_interfaces = interfaces;
                let object = ast::ObjectTypeDefinition {
                    description,
                    name,
                    implements_interfaces,
                    directives,
                    fields,
                };
                placed(entry, object)
            }
            Kind::Interface => {
                let implements_interfaces = interfaces;
                let interface = ast::InterfaceTypeDefinition {
                    description,
                    name,
                    implements_interfaces,
                    directives,
                    fields,
                };
                placed(entry, interface)
            }
            Kind::Union => {
                let members = entry.members.clone();
                placed(entry, ast::UnionTypeDefinition { description, name, directives, members })
            }
            Kind::Enum => {
                let values = entry.values.iter().map(|value| self.value(value)).collect();
                placed(entry, ast::EnumTypeDefinition { description, name, directives, values })
            }
            Kind::Input => {
                let fields = entry.inputs.iter().map(|input| self.input(input)).collect();
                placed(entry, ast::InputObjectTypeDefinition { description, name, directives, fields })
            }
        }
    }

    fn join_types(&self, entry: &Type) -> Vec<Node<ast::Directive>> {
        let keys = keys::own(entry);
        match keys.is_empty() {
            true => vec![join::join_type(self.graph, None)],
            false => keys.iter().map(|key| join::join_type(self.graph, Some(key))).collect(),
        }
    }

    fn merge_fields(&mut self, fields: &mut Vec<Node<FieldDefinition>>, entry: &Type, before: &[String]) {
        let is_root = self.catalog.is_root(&entry.name);
        for field in fields.iter_mut() {
            let is_explicit = field.directives.has("join__field");
            match entry.field(&field.name) {
                // Without a directive a field is in every graph of its type, and the new graph is now one
                // of them.
                None if !is_explicit => {
                    field.make_mut().directives.0.extend(before.iter().map(|graph| join::join_field(graph)));
                }
                None => {}
                Some(own) if is_root => self.refuse_taken(own, entry),
                Some(own) => {
                    self.check_field(own, field, entry);
                    let carried = self.carried(&own.directives.0);
                    let directives = &mut field.make_mut().directives;
                    if is_explicit {
                        directives.push(join::join_field(self.graph));
                    }
                    add_missing(directives, carried);
                }
            }
        }
        for own in &entry.fields {
            if fields.iter().any(|field| field.name == own.name) {
                continue;
            }
            if !is_root && entry.kind == Kind::Object {
                let message = format!("only events carry `{}.{}`", entry.name, own.name);
                let help = "a query that reaches the type another way gets an error for this field";
                let span = self.catalog.span(own.location());
                self.warnings.push(Diagnostic::warning(message).at(span).help(help));
            }
            let mut copy = self.field(own, is_root);
            copy.make_mut().directives.0.insert(0, join::join_field(self.graph));
            fields.push(copy);
        }
    }

    fn refuse_taken(&mut self, own: &FieldDefinition, entry: &Type) {
        let message = format!("`{}.{}` is in the supergraph already", entry.name, own.name);
        let help = "rename one of the two; one root field has one source";
        self.found.push(self.catalog.error(own.name.location(), message).help(help));
    }

    fn check_field(&mut self, own: &FieldDefinition, field: &FieldDefinition, entry: &Type) {
        if !field.arguments.is_empty() {
            let message =
                format!("`{}.{}` takes arguments, which an event cannot answer", entry.name, own.name);
            let help = "leave the field out here: it is then asked of the subgraph that has it";
            self.found.push(self.catalog.error(own.name.location(), message).help(help));
        }
        if own.ty.is_assignable_to(&field.ty) {
            return;
        }
        let message = format!(
            "`{}.{}` is `{}` here and `{}` in the supergraph",
            entry.name, own.name, own.ty, field.ty
        );
        let help = format!("write `{}: {}`", own.name, field.ty);
        self.found.push(self.catalog.error(own.name.location(), message).help(help));
    }

    fn merge_implements(&mut self, definition: &mut Definition, entry: &Type) {
        let (interfaces, directives) = match definition {
            Definition::ObjectTypeDefinition(node) => {
                let node = node.make_mut();
                (&mut node.implements_interfaces, &mut node.directives)
            }
            Definition::InterfaceTypeDefinition(node) => {
                let node = node.make_mut();
                (&mut node.implements_interfaces, &mut node.directives)
            }
            _ => return,
        };
        for interface in &entry.interfaces {
            if !interfaces.contains(interface) {
                interfaces.push(interface.clone());
            }
            directives.push(join::join_implements(self.graph, interface));
        }
    }

    fn merge_members(&mut self, union: &mut ast::UnionTypeDefinition, entry: &Type) {
        for member in &entry.members {
            if !union.members.contains(member) {
                union.members.push(member.clone());
            }
            union.directives.push(join::join_union_member(self.graph, member));
        }
    }

    fn merge_values(&mut self, definition: &mut ast::EnumTypeDefinition, entry: &Type) {
        for own in &entry.values {
            match definition.values.iter_mut().find(|value| value.value == own.value) {
                Some(value) => value.make_mut().directives.push(join::join_enum_value(self.graph)),
                None => {
                    let message =
                        format!("enum `{}` has no value `{}` in the supergraph", entry.name, own.value);
                    let help = "add it in the subgraph that owns the enum; others would not know it";
                    self.found.push(self.catalog.error(own.location(), message).help(help));
                }
            }
        }
    }

    fn merge_inputs(&mut self, input: &mut ast::InputObjectTypeDefinition, entry: &Type, before: &[String]) {
        for field in &mut input.fields {
            let is_explicit = field.directives.has("join__field");
            match entry.input(&field.name) {
                Some(own) if own.ty != field.ty => {
                    let (at, here, there) = (own.name.location(), &own.ty, &field.ty);
                    let message = format!(
                        "`{}.{}` is `{here}` here and `{there}` in the supergraph",
                        entry.name, own.name
                    );
                    self.found.push(self.catalog.error(at, message).help(format!("write `{there}`")));
                }
                Some(_) if is_explicit => field.make_mut().directives.push(join::join_field(self.graph)),
                None if !is_explicit => {
                    field.make_mut().directives.0.extend(before.iter().map(|graph| join::join_field(graph)));
                }
                _ => {}
            }
        }
        for own in entry.inputs.iter().filter(|own| !input.fields.iter().any(|field| field.name == own.name))
        {
            let message = format!("input `{}` has no field `{}` in the supergraph", entry.name, own.name);
            let help = "other subgraphs would refuse it; use an input type of your own";
            self.found.push(self.catalog.error(own.name.location(), message).help(help));
        }
    }

    fn field(&mut self, field: &Node<FieldDefinition>, is_root: bool) -> Node<FieldDefinition> {
        let mut copy = FieldDefinition::clone(field);
        copy.directives = DirectiveList(self.carried(&field.directives.0));
        copy.arguments = field.arguments.iter().map(|argument| self.input(argument)).collect();
        if is_root {
            let words = dialect::words_of(&field.directives);
            let joins =
                words.iter().map(|(name, arguments)| join::join_directive(self.graph, name, arguments));
            copy.directives.0.extend(joins);
        }
        field.same_location(copy)
    }

    fn input(&mut self, input: &Node<InputValueDefinition>) -> Node<InputValueDefinition> {
        let mut copy = InputValueDefinition::clone(input);
        copy.directives = DirectiveList(self.carried(&input.directives.0));
        input.same_location(copy)
    }

    fn value(&mut self, value: &Node<ast::EnumValueDefinition>) -> Node<ast::EnumValueDefinition> {
        let mut copy = ast::EnumValueDefinition::clone(value);
        copy.directives = DirectiveList(vec![join::join_enum_value(self.graph)]);
        copy.directives.0.extend(self.carried(&value.directives.0));
        value.same_location(copy)
    }

    /// The directives that mean something beyond composition: who may see a field must survive it.
    fn carried(&mut self, directives: &[Node<ast::Directive>]) -> Vec<Node<ast::Directive>> {
        let mut carried = Vec::new();
        for directive in directives {
            if let Some(kept) = header::kept_as(&directive.name) {
                let mut copy = ast::Directive::clone(directive);
                copy.name = join::name(kept.name());
                carried.push(directive.same_location(copy));
                self.kept.push(kept);
            } else if !is_for_composition(&directive.name) {
                let message = format!("`@{}` is not carried into the supergraph", directive.name);
                let span = self.catalog.span(directive.location());
                self.warnings.push(Diagnostic::warning(message).at(span));
            }
        }
        carried
    }
}

fn is_for_composition(name: &str) -> bool {
    let plain = name.strip_prefix("federation__").unwrap_or(name);
    let known = [
        "key",
        "external",
        "shareable",
        "provides",
        "requires",
        "extends",
        "override",
        "specifiedBy",
        "cost",
        "listSize",
        "link",
    ];
    known.contains(&plain) || dialect::is_word(name)
}

/// Adds what is not there in the same words.
fn add_missing(directives: &mut DirectiveList, more: Vec<Node<ast::Directive>>) {
    for directive in more {
        if !directives.iter().any(|known| **known == *directive) {
            directives.push(directive);
        }
    }
}

/// A definition that keeps the place it was copied from, for messages about the whole.
fn placed<T>(entry: &Type, definition: T) -> Definition
where
    Definition: From<Node<T>>,
{
    let node = match entry.location {
        Some(place) => Node::new_parsed(definition, place),
        None => Node::new(definition),
    };
    node.into()
}
