//! The `tidegate` program: hands its arguments to the library and exits with the answer.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::cli::run()
}
