//! `tidegate config`: the JSON Schema for editors, and a check of a file without starting anything.
//! Owns their output; the rules are `crate::config`'s.

use super::Failure;
use crate::config::Config;
use crate::terminal::say;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the JSON Schema of tidegate.yaml.
    Schema,
    /// Say everything that is wrong with a file (and with the TIDEGATE_ variables that go over it).
    Check {
        /// The file to check.
        #[arg(short, long, default_value = "tidegate.yaml", env = "TIDEGATE_CONFIG")]
        config: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Schema => {
            say(&format!("{:#}\n", Config::schema()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { config, json: false } => {
            let loaded = Config::load(Some(config), &super::serve::variables())?;
            loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            say(&format!("{} is fine\n", config.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { config, json: true } => {
            let (outcome, code) = match Config::load(Some(config), &super::serve::variables()) {
                Ok(loaded) => (json!({ "ok": true, "warnings": loaded.warnings }), ExitCode::SUCCESS),
                Err(error) => (error.to_json(), ExitCode::FAILURE),
            };
            say(&format!("{outcome}\n"))?;
            Ok(code)
        }
    }
}
