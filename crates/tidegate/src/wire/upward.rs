//! Configuration → what we pull from: brokers and subgraphs.
//! Owns the mapping of their settings; never connects by itself.

use super::error::StartError;
use crate::config::{Config, Nats, NatsAuthentication, Secret};
use engine::Limits;
use engine::port::{Broker, Subgraph};
use engine::snapshot::Provider;
use graph::events::Transport;
use graph::supergraph::Supergraph;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use upstream::{HttpSubgraph, MemoryBroker, NatsBroker, http, memory, nats};

/// Every configured provider. One that is away is connected to in the background.
pub(super) async fn providers(
    config: &Config,
    limits: &Limits,
    metrics: &upstream::Metrics,
) -> Result<Vec<Provider>, StartError> {
    let mut providers = Vec::new();
    for settings in &config.events.providers.nats {
        let options = nats_options(settings, limits);
        let broker = NatsBroker::connect(options, metrics)
            .await
            .map_err(|error| StartError::Setting(format!("`events.providers.nats`: {error}")))?;
        providers.push(provider(&settings.id, Transport::Nats, Arc::new(broker)));
    }
    for settings in &config.events.providers.memory {
        let broker = MemoryBroker::new(memory::Options::new(&settings.id), metrics);
        // A memory provider stands in for whatever family the schema names.
        providers.push(provider(&settings.id, Transport::Any, Arc::new(broker)));
    }
    Ok(providers)
}

fn provider(id: &str, transport: Transport, broker: Arc<dyn Broker>) -> Provider {
    Provider { id: id.into(), transport, broker }
}

fn nats_options(settings: &Nats, limits: &Limits) -> nats::Options {
    let urls = settings.url.split(',').map(|url| url.trim().to_owned()).collect();
    let mut options = nats::Options::new(&settings.id, urls);
    options.timeout = limits.broker_timeout;
    options.authentication = settings.authentication.as_ref().and_then(nats_authentication);
    options.tls = settings.tls.as_ref().map(|tls| {
        let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
        nats::Tls {
            ca_file: path(&tls.ca_file),
            cert_file: path(&tls.cert_file),
            key_file: path(&tls.key_file),
            ..nats::Tls::default()
        }
    });
    options
}

fn nats_authentication(settings: &NatsAuthentication) -> Option<nats::Authentication> {
    let expose = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let user = settings.user.as_ref().map(|user| nats::Authentication::UserPassword {
        user: user.username.clone(),
        password: expose(&user.password).unwrap_or_default(),
    });
    user.or_else(|| expose(&settings.token).map(nats::Authentication::Token))
        .or_else(|| expose(&settings.credentials).map(nats::Authentication::Credentials))
        .or_else(|| expose(&settings.nkey).map(nats::Authentication::Nkey))
}

/// Every subgraph of the supergraph, by name.
pub(super) fn subgraphs(
    config: &Config,
    supergraph: &Supergraph,
    limits: &Limits,
) -> Result<HashMap<String, Arc<dyn Subgraph>>, StartError> {
    let mut subgraphs: HashMap<String, Arc<dyn Subgraph>> = HashMap::new();
    for subgraph in &supergraph.subgraphs {
        let overridden = config.override_subgraph_urls.get(&subgraph.name);
        let mut options = http::Options::new(overridden.unwrap_or(&subgraph.url));
        options.headers_forwarded = config.headers.forwarded(&subgraph.name);
        options.answer_bytes_max = limits.subgraph_bytes_max;
        let client = HttpSubgraph::new(options).map_err(|error| {
            let place = match overridden {
                Some(_) => format!("`override_subgraph_urls.{}`", subgraph.name),
                None => format!("the address of `{}` in the supergraph", subgraph.name),
            };
            StartError::Setting(format!("{place}: {error}"))
        })?;
        subgraphs.insert(subgraph.name.clone(), Arc::new(client));
    }
    Ok(subgraphs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nats_settings_reach_the_broker() {
        let text = "events: {providers: {nats: [{id: a, url: 'nats://x:1, nats://y:2', \
                    authentication: {user_info: {username: u, password: p}}, tls: {ca_file: /ca.pem}}, \
                    {id: b, url: nats://z, authentication: {token: t}}, {id: c, url: nats://z}]}}";
        let config = Config::read(text, "test", std::path::Path::new("/"), &[]).unwrap().config;
        let limits = config.engine_limits();
        let options: Vec<nats::Options> =
            config.events.providers.nats.iter().map(|nats| nats_options(nats, &limits)).collect();
        assert_eq!(options[0].urls, ["nats://x:1", "nats://y:2"]);
        assert_eq!(options[0].timeout, limits.broker_timeout);
        assert!(matches!(&options[0].authentication,
            Some(nats::Authentication::UserPassword { user, password }) if user == "u" && password == "p"));
        assert_eq!(options[0].tls.as_ref().unwrap().ca_file, Some(PathBuf::from("/ca.pem")));
        assert!(
            matches!(&options[1].authentication, Some(nats::Authentication::Token(token)) if token == "t")
        );
        assert!(options[2].authentication.is_none() && options[2].tls.is_none());
    }
}
