//! Subgraph schemas → one supergraph that carries the event bindings, or every problem at once.
//! Owns composition; never reads files: sources come with their names for spans.

use crate::diagnostic::Diagnostic;
use crate::events;
use crate::events::catalog::Catalog;
use crate::events::subgraph::EventsSubgraph;
use apollo_compiler::ast::Document;

mod attach;
mod federate;
mod graft;
mod header;
mod join;
mod keys;
mod merge;
mod placeholder;
mod reach;
mod references;
#[cfg(test)]
mod tests;
mod validity;

/// One schema handed in: a subgraph or an events subgraph.
#[derive(Debug, Clone)]
pub struct SchemaSource {
    /// The subgraph's name.
    pub name: String,
    /// `None` for an events subgraph.
    pub routing_url: Option<String>,
    pub sdl: String,
    /// What spans call it: usually the file's path.
    pub origin: String,
}

/// A composed supergraph and what there is to say about it.
#[derive(Debug, Clone)]
pub struct Composition {
    /// Join-spec SDL; event bindings are in it as `@join__directive`.
    pub sdl: String,
    pub warnings: Vec<Diagnostic>,
}

/// Composes HTTP subgraphs and events subgraphs (recognised by their directives) into one supergraph.
pub fn compose(sources: &[SchemaSource]) -> Result<Composition, Vec<Diagnostic>> {
    let mut found = duplicates(sources);
    if sources.is_empty() {
        let help = "name a schema file for each subgraph, and one for what comes from brokers";
        found.push(Diagnostic::error("there is no subgraph to compose").help(help));
    }
    let (mut http, mut events) = (Vec::new(), Vec::new());
    for source in sources {
        match Catalog::parse(&source.origin, &source.sdl) {
            Err(errors) => found.extend(errors),
            Ok(_) if events::is_events_subgraph(&source.sdl) => events.push(source.clone()),
            Ok(catalog) => {
                let misspelt = events::misspelt(&catalog);
                if source.routing_url.is_none() && misspelt.is_empty() {
                    found.push(
                        Diagnostic::error(format!("subgraph `{}` has no routing_url", source.name))
                            .help("give its address, or event directives if no server answers for it"),
                    );
                }
                found.extend(misspelt);
                references::check(&catalog, &mut found);
                http.push((source, catalog));
            }
        }
    }
    if !found.is_empty() {
        // Problems of the events schemas are found in the same run, so that all are shown at once.
        found.extend(events.iter().flat_map(|source| read(source).err().unwrap_or_default()));
        return Err(found);
    }
    let composed = federate::compose(&http)?;
    let mut spliced = splice_with(&composed.sdl, &events, |_, _| None)?;
    spliced.warnings.splice(0..0, composed.warnings);
    Ok(spliced)
}

/// Adds events subgraphs to a finished supergraph, whichever composer made it.
/// Where the supergraph has the fields already, only the bindings are attached.
pub fn splice(supergraph: &str, events: &[SchemaSource]) -> Result<Composition, Vec<Diagnostic>> {
    splice_with(supergraph, events, attach::graph_of)
}

/// `graph_of` finds the graph that is an events subgraph already; what was composed just now has none.
fn splice_with(
    supergraph: &str,
    events: &[SchemaSource],
    graph_of: impl Fn(&Document, &EventsSubgraph) -> Option<String>,
) -> Result<Composition, Vec<Diagnostic>> {
    let mut document = events::catalog::parse("supergraph", supergraph)?;
    let (mut found, mut warnings) = (header::check(&document), Vec::new());
    let mut subgraphs = Vec::new();
    for source in events {
        match read(source) {
            Ok(subgraph) => subgraphs.push(subgraph),
            Err(errors) => found.extend(errors),
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let was_valid = validity::is_valid(&document);
    placeholder::lift(&mut document);
    for subgraph in &mut subgraphs {
        warnings.append(&mut subgraph.warnings);
        match graph_of(&document, subgraph) {
            Some(graph) => attach::attach(&mut document, subgraph, &graph, &mut found, &mut warnings),
            None => graft::graft(&mut document, subgraph, &mut found, &mut warnings),
        }
    }
    if found.is_empty() {
        placeholder::settle(&mut document)?;
    }
    if found.is_empty() && was_valid {
        found = validity::check(&document, subgraphs.iter().map(|subgraph| &subgraph.catalog));
    }
    if !found.is_empty() {
        return Err(found);
    }
    let sdl = document.to_string();
    read_back(&sdl, &subgraphs)?;
    Ok(Composition { sdl, warnings })
}

/// What `serve` will read must be what the events schemas say.
fn read_back(sdl: &str, subgraphs: &[EventsSubgraph]) -> Result<(), Vec<Diagnostic>> {
    let carried = events::bindings(sdl)?;
    let same = |binding: &events::Binding| {
        // A graph matched by its fields keeps the name the other composer gave it.
        let named =
            |known: &events::Binding| events::Binding { subgraph: known.subgraph.clone(), ..binding.clone() };
        carried.iter().any(|known| *known == named(known))
    };
    let lost = subgraphs.iter().flat_map(|subgraph| &subgraph.bindings).filter(|binding| !same(binding));
    let lost: Vec<_> = lost
        .map(|binding| {
            let field = format!("{}.{}", binding.root.as_str(), binding.field);
            Diagnostic::error(format!(
                "the supergraph does not carry the event directive of `{field}` as written"
            ))
            .help("the supergraph's types differ from this schema's; compose it again from all schemas")
        })
        .collect();
    if lost.is_empty() { Ok(()) } else { Err(lost) }
}

fn read(source: &SchemaSource) -> Result<EventsSubgraph, Vec<Diagnostic>> {
    let subgraph = events::subgraph::read(&source.name, &source.origin, &source.sdl)?;
    let mut found = Vec::new();
    references::check(&subgraph.catalog, &mut found);
    if found.is_empty() { Ok(subgraph) } else { Err(found) }
}

fn duplicates(sources: &[SchemaSource]) -> Vec<Diagnostic> {
    let taken = |(at, source): &(usize, &SchemaSource)| {
        sources[..*at].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&source.name))
    };
    let twice = sources.iter().enumerate().filter(taken);
    twice
        .map(|(_, source)| Diagnostic::error(format!("two subgraphs are called `{}`", source.name)))
        .collect()
}
