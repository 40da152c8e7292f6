//! Which types an event can hold with nobody above them who could be asked for the rest.
//! Owns that walk from the root fields of an events schema; never judges what is missing.

use super::keys;
use crate::events::Root;
use crate::events::catalog::{Catalog, Type};
use apollo_compiler::ast::Document;
use std::collections::BTreeSet;

/// The types that some way leads to past no entity whose owner has the way too. What lies below such an entity is asked
/// of its owner: `Org.title` by `Employee { org { title } }`. `supergraph` is without the events schema.
pub(super) fn bare(catalog: &Catalog, supergraph: &Document) -> BTreeSet<String> {
    let known = Catalog::of("supergraph", supergraph);
    let roots = Root::ALL.into_iter().filter_map(|root| catalog.root(root));
    let fields = roots.flat_map(|root| &root.fields);
    let mut open: Vec<(&str, bool)> =
        fields.map(|field| (field.ty.inner_named_type().as_str(), false)).collect();
    let mut seen: BTreeSet<(&str, bool)> = BTreeSet::new();
    while let Some((name, is_below)) = open.pop() {
        for entry in catalog.concrete(name) {
            if !seen.insert((entry.name.as_str(), is_below)) {
                continue;
            }
            let can_ask = |there: &&Type| is_below || keys::can_be_asked(catalog, entry, &there.directives);
            let theirs = known.types.get(entry.name.as_str()).filter(can_ask);
            for field in &entry.fields {
                let goes_on = theirs.is_some_and(|there| there.field(&field.name).is_some());
                open.push((field.ty.inner_named_type().as_str(), goes_on));
            }
        }
    }
    seen.into_iter().filter(|(_, is_below)| !is_below).map(|(name, _)| name.to_owned()).collect()
}
