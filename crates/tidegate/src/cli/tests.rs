//! Every command line the README shows is understood, and a wrong one is refused.

use super::*;
use clap::CommandFactory;

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn command_lines_are_understood_or_refused() {
    let good = [
        "demo",
        "serve -c tidegate.yaml -s supergraph.graphql",
        "serve --events a.graphql --events b.graphql",
        "serve",
        "compose --config supergraph.yaml -o supergraph.graphql",
        "compose -o x --json",
        "publish employeeUpdated.1 {}",
        "publish --url http://127.0.0.1:1 --provider p subject -",
        "subscribe --token T --variables {} --count 3 subscription{a}",
        "config schema",
        "config check -c other.yaml --json",
    ];
    for line in good {
        let parsed = Cli::try_parse_from(std::iter::once("tidegate").chain(line.split(' ')));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
    for line in [
        "serve --prot 1",
        "publish",
        "subscribe",
        "subscribe --count many x",
        "subscribe --count 0 x",
        "config",
        "nothing",
    ] {
        let parsed = Cli::try_parse_from(std::iter::once("tidegate").chain(line.split(' ')));
        assert_eq!(parsed.expect_err(line).exit_code(), 2, "{line}");
    }
}
