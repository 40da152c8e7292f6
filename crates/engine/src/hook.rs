//! The fence around hooks: a bounded time, a caught panic, a counted failure.
//! Owns how a hook is called; the policies of what a failure means are applied where the call is made.

use crate::metrics::Metrics;
use crate::port::{Hook, Refusal};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// How a hook's step went wrong.
#[derive(Debug, Clone)]
pub(crate) enum HookFault {
    /// The hook said no, with a reason for the client.
    Refused(Refusal),
    Panicked,
    Late,
}

impl HookFault {
    fn outcome(&self) -> &'static str {
        match self {
            HookFault::Refused(_) => "refused",
            HookFault::Panicked => "panicked",
            HookFault::Late => "late",
        }
    }

    /// What a client is told: the hook's own reason, or that the router's side failed.
    pub(crate) fn reason(&self) -> String {
        match self {
            HookFault::Refused(refusal) => refusal.reason.clone(),
            HookFault::Panicked => "a server-side check failed".into(),
            HookFault::Late => "a server-side check did not answer in time".into(),
        }
    }
}

/// Runs one step of a hook. A step that blocks its thread cannot be taken back, only one that awaits.
pub(crate) async fn fenced<T>(
    hook: &dyn Hook,
    step: &'static str,
    timeout: Duration,
    metrics: &Metrics,
    run: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, HookFault> {
    let outcome = tokio::time::timeout(timeout, AssertUnwindSafe(run).catch_unwind()).await;
    let fault = match outcome {
        Ok(Ok(Ok(value))) => return Ok(value),
        Ok(Ok(Err(refusal))) => HookFault::Refused(refusal),
        Ok(Err(_panic)) => HookFault::Panicked,
        Err(_elapsed) => HookFault::Late,
    };
    let name = hook.name();
    metrics.hook_failures.add(&[name, step, fault.outcome()], 1);
    match &fault {
        HookFault::Refused(refusal) => tracing::debug!(hook = name, step, reason = %refusal, "hook refused"),
        HookFault::Panicked => tracing::error!(hook = name, step, "hook panicked"),
        HookFault::Late => tracing::warn!(hook = name, step, ?timeout, "hook did not answer in time"),
    }
    Err(fault)
}
