//! Why a router cannot start, with the setting to mend and what to do.
//! Owns the messages; the checks are beside it.

use graph::diagnostic::Diagnostic;

/// Why a router cannot start. Each names the setting, and what to do.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StartError {
    #[error("there is no supergraph to serve")]
    #[diagnostic(help("hand one to `Builder::supergraph`; `tidegate compose` makes one"))]
    NoSupergraph,
    #[error("the supergraph cannot be used:\n{}", list(.0))]
    Supergraph(Vec<Diagnostic>),
    #[error("{}", list(.0))]
    #[diagnostic(help(
        "`events.skip_unavailable_providers: true` starts without; the fields then refuse clients"
    ))]
    ProvidersMissing(Vec<ProviderMissing>),
    #[error("{}", list(.0))]
    #[diagnostic(help("the supergraph has none of that name: mend the configuration, or compose again"))]
    UnknownNames(Vec<UnknownName>),
    #[error("{0}")]
    #[diagnostic(help("mend the named setting"))]
    Setting(String),
    #[error("cannot listen on {address}: {cause}")]
    #[diagnostic(help("{}", listen_help(setting, cause)))]
    Listen { setting: &'static str, address: String, cause: std::io::Error },
}

/// A field whose provider is not configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` needs the provider `{provider}`, which is not configured: {}", place_for(.family))]
pub struct ProviderMissing {
    /// `Subscription.employeeUpdated`
    pub field: String,
    pub provider: String,
    pub family: String,
}

/// A name in the configuration that the supergraph does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` names `{name}`, which is {what}{}", did_you_mean(.hint))]
pub struct UnknownName {
    pub setting: &'static str,
    pub name: String,
    pub what: &'static str,
    pub hint: Option<String>,
}

/// Where a provider of a family is configured.
fn place_for(family: &str) -> String {
    match family {
        "events" => "add it under `events.providers`, in the family of its broker".into(),
        family => format!("add it under `events.providers.{family}` (or `events.providers.memory`)"),
    }
}

fn listen_help(setting: &str, cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::AddrInUse => format!("is another router running? `{setting}` names another port"),
        std::io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are the superuser's: `{setting}` names another")
        }
        _ => format!("`{}` must be an address of this machine", setting.replace(".port", ".host")),
    }
}

fn did_you_mean(hint: &Option<String>) -> String {
    hint.as_ref().map_or(String::new(), |hint| format!("; did you mean `{hint}`?"))
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}
