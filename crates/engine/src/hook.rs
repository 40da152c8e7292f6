//! The fence around hooks: a bounded time, a caught panic, a counted failure.
//! Owns how a hook is called; the policies of what a failure means are applied where the call is made.

use crate::metrics::Metrics;
use crate::port::{Hook, Policy, Refusal};
use futures::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
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

/// A hook as a snapshot holds it: asked for its name and policy once, within the fence.
pub(crate) struct Plugged {
    pub(crate) hook: Arc<dyn Hook>,
    name: String,
    policy: Option<Policy>,
}

impl Plugged {
    pub(crate) fn new(hook: &Arc<dyn Hook>) -> Plugged {
        let name = catch_unwind(AssertUnwindSafe(|| hook.name().to_owned()));
        let name = name.unwrap_or_else(|_panic| "a hook that panicked when asked for its name".into());
        let policy = catch_unwind(AssertUnwindSafe(|| hook.policy())).ok();
        if policy.is_none() {
            tracing::error!(
                hook = name,
                "hook panicked when asked for its policy; all it may guard is refused"
            );
        }
        Plugged { hook: hook.clone(), name, policy }
    }

    /// What it declared. A hook that could not say may guard anything, so whatever asks is refused.
    pub(crate) fn policy(&self) -> Result<&Policy, HookFault> {
        self.policy.as_ref().ok_or(HookFault::Panicked)
    }

    /// Its policy, where it takes part in this root field.
    pub(crate) fn policy_for(&self, field: &str) -> Option<&Policy> {
        self.policy.as_ref().filter(|policy| policy.is_for(field))
    }
}

/// Runs one step of a hook. A step that blocks its thread cannot be taken back, only one that awaits.
pub(crate) async fn fenced<T>(
    plugged: &Plugged,
    step: &'static str,
    timeout: Duration,
    metrics: &Metrics,
    run: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, HookFault> {
    // The outer fence is for a step that panics in a destructor when it is dropped for being late.
    let bounded = async move { tokio::time::timeout(timeout, AssertUnwindSafe(run).catch_unwind()).await };
    let fault = match AssertUnwindSafe(bounded).catch_unwind().await {
        Ok(Ok(Ok(Ok(value)))) => return Ok(value),
        Ok(Ok(Ok(Err(refusal)))) => HookFault::Refused(refusal),
        Ok(Ok(Err(_panic))) | Err(_panic) => HookFault::Panicked,
        Ok(Err(_elapsed)) => HookFault::Late,
    };
    let name = &*plugged.name;
    metrics.hook_failures.add(&[name, step, fault.outcome()], 1);
    match &fault {
        HookFault::Refused(refusal) => tracing::debug!(hook = name, step, reason = %refusal, "hook refused"),
        HookFault::Panicked => tracing::error!(hook = name, step, "hook panicked"),
        HookFault::Late => tracing::warn!(hook = name, step, ?timeout, "hook did not answer in time"),
    }
    Err(fault)
}
