//! `tidegate compose`: reads the list of subgraphs and their files, composes, writes the supergraph.
//! Owns the two listing forms (rover's `supergraph.yaml`, Cosmo's `graph.yaml`); composing is `graph`'s.

use super::Failure;
use super::report::{self, Findings};
use crate::config::read_document;
use crate::terminal::say;
use graph::compose::{Composition, SchemaSource};
use graph::diagnostic::Diagnostic;
use miette::{IntoDiagnostic, WrapErr, miette};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The list of subgraphs: rover's supergraph.yaml or Cosmo's graph.yaml.
    #[arg(short, long, default_value = "supergraph.yaml")]
    config: PathBuf,
    /// Where the supergraph goes; `-` is standard output.
    #[arg(short, long, default_value = "-")]
    output: PathBuf,
    /// Print errors and warnings as JSON on standard output (then `--output` must be a file).
    #[arg(long)]
    json: bool,
}

/// Either listing; which one is told by `subgraphs` being a mapping or a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Rover's; Federation 2 is meant whatever it says.
    #[allow(dead_code, reason = "accepted so that the file can be shared with rover")]
    federation_version: Option<Value>,
    /// Cosmo's; 1.
    #[allow(dead_code, reason = "accepted so that the file can be shared with wgc")]
    version: Option<Value>,
    subgraphs: Subgraphs,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Subgraphs {
    Named(BTreeMap<String, Named>),
    Listed(Vec<Listed>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Left out for an events subgraph.
    routing_url: Option<String>,
    schema: SchemaFile,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    /// Left out for an events subgraph.
    routing_url: Option<String>,
    schema: SchemaFile,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    /// Relative to the listing.
    file: String,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let to_stdout = args.output == Path::new("-");
    if args.json && to_stdout {
        return Err(miette!(help = "add `-o supergraph.graphql`", "`--json` needs `--output` to be a file"));
    }
    let sources = read_sources(&args.config)?;
    let outcome = graph::compose::compose(&sources);
    if args.json {
        say(&format!("{}\n", outcome_json(&outcome)))?;
    }
    let composition = match outcome {
        Ok(composition) => composition,
        Err(_) if args.json => return Ok(ExitCode::FAILURE),
        Err(errors) => {
            let summary = format!("{} cannot be composed", args.config.display());
            return Err(Findings::new(&summary, &errors, &sources).into());
        }
    };
    if !args.json {
        print_warnings(&composition.warnings, &sources);
    }
    if to_stdout {
        say(&composition.sdl)?;
    } else {
        write_whole(&args.output, &composition.sdl)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} cannot be written", args.output.display()))?;
        if !args.json {
            eprintln!("{} composed from {} subgraphs", args.output.display(), sources.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_warnings(warnings: &[Diagnostic], sources: &[SchemaSource]) {
    for warning in warnings {
        eprintln!("{:?}", miette::Report::new(report::finding(warning, sources)));
    }
}

fn outcome_json(outcome: &Result<Composition, Vec<Diagnostic>>) -> Value {
    let list = |diagnostics: &[Diagnostic]| -> Value { diagnostics.iter().map(report::to_json).collect() };
    match outcome {
        Ok(composition) => json!({ "ok": true, "errors": [], "warnings": list(&composition.warnings) }),
        Err(errors) => json!({ "ok": false, "errors": list(errors), "warnings": [] }),
    }
}

/// Reads the listing and every schema file it names.
fn read_sources(listing: &Path) -> Result<Vec<SchemaSource>, Failure> {
    let folder = listing.parent().unwrap_or(Path::new(""));
    let text = read_file(listing)?;
    let read: Listing = read_document(&text, &listing.display().to_string())?;
    let entries: Vec<(String, Option<String>, SchemaFile)> = match read.subgraphs {
        Subgraphs::Named(named) => {
            named.into_iter().map(|(name, entry)| (name, entry.routing_url, entry.schema)).collect()
        }
        Subgraphs::Listed(listed) => {
            listed.into_iter().map(|entry| (entry.name, entry.routing_url, entry.schema)).collect()
        }
    };
    let sources = entries.into_iter().map(|(name, routing_url, schema)| {
        if let Some(url) = routing_url.as_ref().filter(|url| !url.is_empty() && !is_http(url)) {
            let help = "write it as `http://host:4001/graphql`; an events subgraph has none";
            return Err(miette!(
                help = help,
                "subgraph `{name}`: `routing_url` is `{url}`, which is no HTTP address"
            ));
        }
        let file = folder.join(&schema.file);
        let sdl = read_file(&file).wrap_err_with(|| format!("subgraph `{name}` has no schema"))?;
        Ok(SchemaSource { name, routing_url, sdl, origin: file.display().to_string() })
    });
    sources.collect()
}

pub(super) fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| miette!("{} cannot be read: {error}", path.display()))
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Writes beside the file and renames, so that a reader sees the old text or the new one, never half of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    if written.is_err() {
        // Nothing to say if it was never made: the first error is the one that matters.
        drop(std::fs::remove_file(&beside));
    }
    written
}

#[cfg(test)]
mod tests;
