//! The requests to JetStream's API that this room needs, and what its refusals mean to an operator.
//! Owns their subjects and texts; keeps nothing.

use super::super::link::Link;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{self, IntoConsumerConfig, pull};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{ErrorCode, stream};
use bytes::Bytes;
use engine::port::BrokerError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What an API request was answered with instead of its answer.
enum Failure {
    /// JetStream itself refused.
    Told(async_nats::jetstream::Error),
    /// There was no answer.
    Unheard(BrokerError),
}

/// The API, for one stream.
pub(super) struct Api {
    link: Arc<Link>,
    stream: String,
    timeout: Duration,
}

impl Api {
    pub(super) fn new(link: Arc<Link>, stream: &str, timeout: Duration) -> Api {
        Api { link, stream: stream.to_owned(), timeout }
    }

    pub(super) fn stream_name(&self) -> &str {
        &self.stream
    }

    /// The stream as it is now.
    pub(super) async fn stream(&self) -> Result<stream::Info, BrokerError> {
        let subject = format!("STREAM.INFO.{}", self.stream);
        self.call(&subject, &json!({})).await.map_err(|failure| self.explain("open", failure))
    }

    /// The consumer of that name, if the stream has one.
    pub(super) async fn consumer(&self, name: &str) -> Result<Option<consumer::Info>, BrokerError> {
        let subject = format!("CONSUMER.INFO.{}.{name}", self.stream);
        match self.call(&subject, &json!({})).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Told(error)) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => Ok(None),
            Err(failure) => Err(self.explain("find its consumer of", failure)),
        }
    }

    pub(super) async fn create(
        &self,
        name: &str,
        config: pull::Config,
    ) -> Result<consumer::Info, BrokerError> {
        // The server wants one filter in the subject, so that permissions can be given by it.
        let filter = match config.filter_subject.as_str() {
            "" => String::new(),
            filter => format!(".{filter}"),
        };
        let subject = format!("CONSUMER.CREATE.{}.{name}{filter}", self.stream);
        let config = config.into_consumer_config();
        let payload = json!({ "stream_name": self.stream, "config": config, "action": "create" });
        let created = self.call(&subject, &payload).await;
        created.map_err(|failure| self.explain("create its consumer of", failure))
    }

    /// Deletes a consumer; one that is not there is deleted.
    pub(super) async fn delete(&self, name: &str) -> Result<(), BrokerError> {
        let subject = format!("CONSUMER.DELETE.{}.{name}", self.stream);
        let gone = [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND];
        match self.call::<Value>(&subject, &json!({})).await {
            Ok(_) => Ok(()),
            Err(Failure::Told(error)) if gone.contains(&error.error_code()) => Ok(()),
            Err(failure) => Err(self.explain("delete its consumer of", failure)),
        }
    }

    /// Asks for a deletion and does not wait.
    pub(super) async fn forget(&self, name: &str) {
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{name}", self.stream);
        if self.link.is_up() {
            // The server forgets it by itself, only later.
            drop(self.link.client().publish(subject, Bytes::new()).await);
        }
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        subject: &str,
        payload: &Value,
    ) -> Result<T, Failure> {
        let subject = format!("$JS.API.{subject}");
        let asked = self.link.ask(&subject, HeaderMap::new(), payload.to_string().into());
        let answer = tokio::time::timeout(self.timeout, asked).await;
        let answer = answer.unwrap_or(Err(BrokerError::Timeout)).map_err(Failure::Unheard)?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Err { error }) => Err(Failure::Told(error)),
            Err(error) => Err(Failure::Unheard(BrokerError::Refused(format!(
                "what answers on `{subject}` is not JetStream as it is known here: {error}"
            )))),
        }
    }

    fn explain(&self, doing: &str, failure: Failure) -> BrokerError {
        let stream = &self.stream;
        let disabled = || {
            BrokerError::Refused(format!(
                "cannot {doing} the stream `{stream}`: JetStream is not enabled for this account. Start \
                 nats-server with `-js`, enable it for the account, or remove `streamConfiguration`"
            ))
        };
        match failure {
            Failure::Unheard(BrokerError::NoResponders) => disabled(),
            Failure::Unheard(error) => error,
            Failure::Told(error) => match error.error_code() {
                ErrorCode::STREAM_NOT_FOUND => BrokerError::Refused(format!(
                    "there is no stream `{stream}`: create it (`nats stream add {stream}`), or mend \
                     `streamName`"
                )),
                ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => disabled(),
                // A cluster between two leaders, a server that starts: asked again, it may answer.
                _ if error.code() == 503 => {
                    BrokerError::Unavailable(format!("cannot {doing} the stream `{stream}`: {error}"))
                }
                _ => BrokerError::Refused(format!("cannot {doing} the stream `{stream}`: {error}")),
            },
        }
    }
}
