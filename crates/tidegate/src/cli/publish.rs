//! `tidegate publish`: hands an event to a running router, which publishes it through one of its providers.
//! Owns the command; the router's admin listener does the publishing.

use super::{Failure, client};
use crate::terminal::say;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use miette::{IntoDiagnostic, WrapErr, miette};
use std::io::Read;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Subject, topic or channel.
    subject: String,
    /// The event; `-` (or nothing) reads standard input.
    payload: Option<String>,
    /// The router's admin listener.
    #[arg(long, default_value = "http://127.0.0.1:8088")]
    url: String,
    /// The id of the provider.
    #[arg(long, default_value = "default")]
    provider: String,
    /// The family of the provider, where several have one of that id: nats, kafka, redis or memory.
    #[arg(long)]
    family: Option<String>,
    /// The admin token, where `admin.token` is set.
    #[arg(long, env = "TIDEGATE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let payload = read_payload(args.payload.as_deref())?;
    let size = payload.len();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("provider", &args.provider).append_pair("subject", &args.subject);
    if let Some(family) = &args.family {
        query.append_pair("family", family);
    }
    let query = query.finish();
    let url = format!("{}/publish?{query}", args.url.trim_end_matches('/'));
    let headers = [(CONTENT_TYPE, "application/octet-stream")];
    let answer = client::post(&url, &headers, args.token.as_deref(), payload).await?;
    let published = answer.status().is_success();
    let text = client::read_text(answer).await?;
    match (args.json, published) {
        (true, _) => say(&format!("{}\n", text.trim_end()))?,
        (false, true) => eprintln!("published {size} bytes on {} of {}", args.subject, args.provider),
        (false, false) => return Err(refusal(&text)),
    }
    Ok(if published { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn refusal(text: &str) -> Failure {
    let read: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let field = |name: &str| read.as_ref().and_then(|value| value[name].as_str());
    match (field("error"), field("help")) {
        (Some(error), Some(help)) => miette!(help = help.to_owned(), "{error}"),
        (Some(error), None) => miette!("{error}"),
        _ => miette!(help = "`--url` must name the admin listener", "the answer is no router's: {text}"),
    }
}

fn read_payload(given: Option<&str>) -> Result<Bytes, Failure> {
    match given {
        Some(text) if text != "-" => Ok(Bytes::copy_from_slice(text.as_bytes())),
        _ => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.into_diagnostic().wrap_err("standard input cannot be read")?;
            Ok(bytes.into())
        }
    }
}
