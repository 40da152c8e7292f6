//! The console page: GraphiQL with all its assets in the binary, so that it needs no network but the router's.
//! Owns the embedded files and the settings written into the page; never serves anything (downstream does).

use bytes::Bytes;
use downstream::Page;
use serde::Serialize;
use serde_json::json;

const HTML: &str = include_str!("../../../console/dist/index.html");
const SCRIPT_GZIP: &[u8] = include_bytes!("../../../console/dist/console.js.gz");
const STYLE_GZIP: &[u8] = include_bytes!("../../../console/dist/console.css.gz");
const LICENSES: &str = include_str!("../../../console/dist/licenses.txt");

/// What the built page has where its settings go.
const SETTINGS_EMPTY: &str = r#"id="tidegate-config">{}<"#;

/// What the page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// The path of the GraphQL endpoint, on the page's own origin.
    pub endpoint: String,
    pub title: String,
    /// Opened at first; without any, GraphiQL is plain and keeps its tabs in the browser.
    pub tabs: Vec<Tab>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        ConsoleSettings { endpoint: "/graphql".into(), title: "Tidegate".into(), tabs: Vec::new() }
    }
}

/// A prepared tab. GraphiQL wants variables and headers as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tab {
    pub query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<String>,
}

/// The page at `/` and what it loads.
pub fn pages(settings: &ConsoleSettings) -> Vec<Page> {
    let page = |path: &str, content_type: &str, content_encoding: Option<&str>, bytes: Bytes| Page {
        path: path.into(),
        content_type: content_type.into(),
        content_encoding: content_encoding.map(Into::into),
        bytes,
    };
    vec![
        page("/", "text/html; charset=utf-8", None, html(settings).into()),
        page("/console.js", "text/javascript; charset=utf-8", Some("gzip"), Bytes::from_static(SCRIPT_GZIP)),
        page("/console.css", "text/css; charset=utf-8", Some("gzip"), Bytes::from_static(STYLE_GZIP)),
        page("/licenses.txt", "text/plain; charset=utf-8", None, Bytes::from_static(LICENSES.as_bytes())),
    ]
}

fn html(settings: &ConsoleSettings) -> String {
    let config = json!({
        "endpoint": settings.endpoint, "title": settings.title, "tabs": settings.tabs,
    });
    let filled = format!(r#"id="tidegate-config">{}<"#, script_safe(&config.to_string()));
    HTML.replacen(SETTINGS_EMPTY, &filled, 1)
}

/// JSON that cannot end the script element it stands in, nor open a comment there: in JSON these three only ever
/// occur inside strings, where the escape means the same.
fn script_safe(json: &str) -> String {
    json.replace('<', r"\u003c").replace('>', r"\u003e").replace('&', r"\u0026")
}

#[cfg(test)]
mod tests;
