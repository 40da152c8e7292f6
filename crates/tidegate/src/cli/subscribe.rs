//! `tidegate subscribe`: a tail. Follows one subscription over SSE and prints each result as a line of JSON.
//! Owns the command; it does not reconnect, it says why the stream ended.

use super::sse::{SseEvent, SseReader};
use super::{Failure, client};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use miette::miette;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The operation, as `subscription { … }`.
    operation: String,
    /// The router's GraphQL endpoint.
    #[arg(long, default_value = "http://127.0.0.1:4000/graphql")]
    url: String,
    /// A bearer token.
    #[arg(long, env = "TIDEGATE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Variables, as a JSON object.
    #[arg(long)]
    variables: Option<String>,
    /// Stop after this many results.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// One line per result even on a terminal.
    #[arg(long)]
    json: bool,
}

/// How the stream ended.
#[derive(Debug, PartialEq)]
enum Ending {
    /// `--count` results were seen, or whoever reads our output has left.
    Enough,
    /// The router said the stream is over.
    Complete,
    /// The connection ended without saying so.
    Broken(String),
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let variables: Value = match &args.variables {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| miette!(help = "write it as '{\"id\": 1}'", "`--variables`: {error}"))?,
        None => json!({}),
    };
    let body = json!({ "query": args.operation, "variables": variables }).to_string();
    let headers = [(CONTENT_TYPE, "application/json"), (ACCEPT, "text/event-stream")];
    let answer = client::post(&args.url, &headers, args.token.as_deref(), Bytes::from(body)).await?;
    let streams =
        answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event"));
    if !streams {
        let status = answer.status();
        let text = client::read_text(answer).await?;
        return Err(refusal(status, &text));
    }
    let pretty = std::io::stdout().is_terminal() && !args.json;
    let mut printer = Printer { pretty, left: args.count, refusal: None };
    let ending = follow(answer.into_body(), &mut printer).await;
    // The reason the router gave says more than how the connection ended.
    match (printer.refusal, ending) {
        (Some(refusal), _) => Err(miette!("the router ended the subscription: {refusal}")),
        (None, Ending::Broken(reason)) => Err(miette!("the stream broke off: {reason}")),
        (None, Ending::Complete) => {
            eprintln!("the stream is complete");
            Ok(ExitCode::SUCCESS)
        }
        (None, Ending::Enough) => Ok(ExitCode::SUCCESS),
    }
}

async fn follow(mut body: Incoming, printer: &mut Printer) -> Ending {
    let mut reader = SseReader::default();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Ending::Broken(error.to_string()),
        };
        let Some(bytes) = frame.data_ref() else { continue };
        for event in reader.push(bytes) {
            if let Some(ending) = printer.take(&event, &mut std::io::stdout()) {
                return ending;
            }
        }
    }
    Ending::Broken("the router closed the connection without ending the stream".into())
}

/// What becomes of each event.
#[derive(Debug, Default)]
struct Printer {
    pretty: bool,
    left: Option<u64>,
    /// What the last result said, where it had errors and no data: the router refused, or gave the stream up.
    refusal: Option<String>,
}

impl Printer {
    fn take(&mut self, event: &SseEvent, output: &mut impl Write) -> Option<Ending> {
        match event.name.as_str() {
            "next" => {}
            "complete" => return Some(Ending::Complete),
            _ => return None,
        }
        let read: Option<Value> = serde_json::from_str(&event.data).ok();
        self.refusal = read.as_ref().filter(|value| value.get("data").is_none()).map(messages);
        let written = match read {
            Some(value) if self.pretty => writeln!(output, "{value:#}"),
            // Passed on as it came, but for line breaks that JSON does not need.
            _ => writeln!(output, "{}", event.data.replace('\n', " ")),
        };
        if written.and_then(|()| output.flush()).is_err() {
            return Some(Ending::Enough);
        }
        let left = self.left.as_mut()?;
        *left = left.saturating_sub(1);
        (*left == 0).then_some(Ending::Enough)
    }
}

/// Each error's message with its code.
fn messages(response: &Value) -> String {
    let errors = response["errors"].as_array().into_iter().flatten();
    let messages = errors.map(|error| {
        let code = error["extensions"]["code"].as_str().unwrap_or("no code");
        format!("{} ({code})", error["message"].as_str().unwrap_or("no message"))
    });
    messages.collect::<Vec<_>>().join("; ")
}

/// The router's own words where it has any.
fn refusal(status: http::StatusCode, text: &str) -> Failure {
    let read: Option<Value> = serde_json::from_str(text).ok();
    let messages = read.as_ref().map(messages).unwrap_or_default();
    match messages.is_empty() {
        false => miette!("the router refused: {messages}"),
        true if status.is_success() => {
            miette!(help = "write it as 'subscription { … }'", "the answer is no event stream: {text}")
        }
        true => miette!(help = "`--url` must name the GraphQL endpoint", "status {status}: {}", text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.into(), data: data.into() }
    }

    #[test]
    fn results_are_lines_until_the_count_is_reached_or_the_stream_ends() {
        let mut printer = Printer { left: Some(2), ..Printer::default() };
        let mut output = Vec::new();
        assert_eq!(printer.take(&event("ping", ""), &mut output), None);
        assert_eq!(printer.take(&event("next", "{\"data\":\n{}}"), &mut output), None);
        assert_eq!(printer.take(&event("next", "{\"data\":{}}"), &mut output), Some(Ending::Enough));
        assert_eq!(printer.take(&event("complete", ""), &mut output), Some(Ending::Complete));
        assert_eq!(String::from_utf8(output).unwrap(), "{\"data\": {}}\n{\"data\":{}}\n");
    }

    #[test]
    fn a_last_result_without_data_is_a_refusal_with_its_reason() {
        let refused = r#"{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}},{"message":"b"}]}"#;
        let mut printer = Printer::default();
        printer.take(&event("next", refused), &mut Vec::new());
        assert_eq!(printer.refusal.as_deref(), Some("no (FORBIDDEN); b (no code)"));
        printer.take(&event("next", "{\"data\":null,\"errors\":[]}"), &mut Vec::new());
        assert_eq!(printer.refusal, None);
    }
}
