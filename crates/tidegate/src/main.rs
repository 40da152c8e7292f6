//! The `tidegate` program: hands its arguments to the library and exits with the answer.
//! Owns nothing, so that a router of your own has all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::cli::run()
}
