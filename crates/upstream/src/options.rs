//! What the options of several brokers have in common: what is said of options that cannot work, and how long a call
//! to a broker may take. Each broker owns its own `Options` and what it checks of them.

use std::time::Duration;

/// How long a call may take of the `timeout` that the options give. The engine waits as long itself; a little earlier,
/// the reason is heard and not just the silence.
pub(crate) fn call_timeout(timeout: Duration) -> Duration {
    timeout.mul_f32(0.95)
}

/// Options that can never work: told at start, with the setting to mend. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{family} provider `{provider}`: {problem}")]
pub struct OptionsError {
    pub family: &'static str,
    pub provider: String,
    /// The setting below the provider, as `tls.ca_file`.
    pub setting: &'static str,
    pub problem: String,
}

/// What is wrong with one setting, before it is known whose it is.
#[derive(Debug)]
pub(crate) struct Fault {
    setting: &'static str,
    problem: String,
}

impl Fault {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Fault {
        Fault { setting, problem: problem.into() }
    }

    pub(crate) fn of(self, family: &'static str, provider: &str) -> OptionsError {
        let Fault { setting, problem } = self;
        OptionsError { family, provider: provider.to_owned(), setting, problem }
    }
}
