//! Opening a trigger's source, and opening it again for as long as the broker is away.
//! Owns the pauses between tries; who waits meanwhile is the trigger's.

use super::Trigger;
use crate::outbox::End;
use crate::port::{BrokerError, Source, Subscribe};
use futures::future::BoxFuture;
use graph::error::{Code, GraphqlError};
use std::time::Duration;

/// Pause before a subscribe that the broker could not take is tried again; doubled each time.
const REOPEN_FIRST: Duration = Duration::from_millis(250);
const REOPEN_MAX: Duration = Duration::from_secs(10);

/// A source, or why the broker gave none.
pub(super) type Opened = Result<Box<dyn Source>, BrokerError>;

impl Trigger {
    pub(super) fn open_after(&self, pause: Duration) -> BoxFuture<'static, Opened> {
        let subscribe = Subscribe {
            subjects: self.parts.key.subjects.clone(),
            feed: self.parts.key.feed.clone(),
            batch_events_max: self.parts.limits.batch_events_max,
        };
        let (broker, patience) = (self.parts.provider.broker.clone(), self.parts.limits.broker_timeout);
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            tracing::trace!(target: "way", step = "Broker::subscribe");
            let opened = tokio::time::timeout(patience, broker.subscribe(subscribe)).await;
            opened.unwrap_or(Err(BrokerError::Timeout))
        })
    }

    /// The source stands, or the broker is asked again after a pause.
    pub(super) fn open(&mut self, opened: Opened) -> Option<End> {
        self.opening = None;
        let error = match opened {
            Ok(source) => {
                self.source = Some(source);
                for join in std::mem::take(&mut self.early).into_values() {
                    self.admit(join);
                }
                return None;
            }
            Err(error) => error,
        };
        let (provider, subjects) = (&*self.parts.provider.id, &self.parts.key.subjects);
        match error {
            // The broker itself tells of an outage, once; a thousand triggers that wait for it have nothing to add.
            BrokerError::Unavailable(_) => {
                tracing::debug!(provider, ?subjects, %error, "broker subscribe waits");
            }
            BrokerError::Timeout | BrokerError::NoResponders | BrokerError::Failed(_)
                if self.failures > 0 =>
            {
                tracing::debug!(provider, ?subjects, %error, "broker subscribe failed again");
            }
            _ => tracing::warn!(provider, ?subjects, %error, "broker subscribe failed"),
        }
        if let BrokerError::Refused(_) = error {
            let message = format!("the event broker refused the subscription (provider `{provider}`)");
            return Some(End::Errors(vec![GraphqlError::new(Code::DownstreamServiceError, message)]));
        }
        let pause = REOPEN_FIRST * 2_u32.saturating_pow(self.failures);
        self.failures += 1;
        self.opening = Some(self.open_after(pause.min(REOPEN_MAX)));
        None
    }
}
