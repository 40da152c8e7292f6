//! Configuration → brokers, each under the family and id that the schema names.
//! Owns their making, after all of them were checked; one that is away is connected to in the background.

use super::error::StartError;
use crate::config::{Config, Decode, Memory};
use engine::Limits;
use engine::port::Broker;
use engine::snapshot::Provider;
use graph::events::Transport;
use std::sync::Arc;
use upstream::{KafkaBroker, MemoryBroker, NatsBroker, OptionsError, RedisBroker, memory};

/// Every configured provider. Needs a tokio runtime.
pub(super) async fn providers(
    config: &Config,
    limits: &Limits,
    metrics: &upstream::Metrics,
) -> Result<Vec<Provider>, StartError> {
    // All that is wrong at once; a file that was read has been checked so already.
    let faults = config.events.providers.faults(limits);
    if !faults.is_empty() {
        let lines = faults.into_iter().map(|(index, fault)| {
            format!("`events.providers.{}[{index}].{}`: {fault}", fault.family, fault.setting)
        });
        let lines: Vec<String> = lines.collect();
        return Err(StartError::Setting(lines.join("\n")));
    }
    let mut providers = Vec::new();
    let instance = instance(config);
    for settings in &config.events.providers.nats {
        let options = settings.options(limits, &instance);
        let broker = NatsBroker::connect(options, metrics).await.map_err(wrong)?;
        providers.push(provider(&settings.id, Transport::Nats, settings.decode, Arc::new(broker)));
    }
    for settings in &config.events.providers.kafka {
        let broker = KafkaBroker::connect(settings.options(limits), metrics).await.map_err(wrong)?;
        providers.push(provider(&settings.id, Transport::Kafka, settings.decode, Arc::new(broker)));
    }
    for settings in &config.events.providers.redis {
        let broker = RedisBroker::connect(settings.options(limits), metrics).await.map_err(wrong)?;
        providers.push(provider(&settings.id, Transport::Redis, settings.decode, Arc::new(broker)));
    }
    for settings in &config.events.providers.memory {
        let broker = MemoryBroker::new(memory_options(settings), metrics);
        // A memory provider stands in for whatever family the schema names.
        providers.push(provider(&settings.id, Transport::Any, settings.decode, Arc::new(broker)));
    }
    Ok(providers)
}

/// A file went bad since it was checked.
fn wrong(fault: OptionsError) -> StartError {
    StartError::Setting(format!("`events.providers.{}`: {fault}", fault.family))
}

fn provider(id: &str, transport: Transport, decode: Decode, broker: Arc<dyn Broker>) -> Provider {
    let decode = match decode {
        Decode::Json => engine::decode::Decode::Json,
        Decode::CloudEvents => engine::decode::Decode::CloudEvents,
        Decode::Debezium => engine::decode::Decode::Debezium,
    };
    Provider { id: id.into(), transport, decode, broker }
}

/// What stays the same when this router starts again and differs between routers: durable consumers are named by it.
fn instance(config: &Config) -> String {
    let host = rustix::system::uname();
    format!("{}-{}:{}", host.nodename().to_string_lossy(), config.http.host, config.http.port)
}

fn memory_options(settings: &Memory) -> memory::Options {
    let mut options = memory::Options::new(&settings.id);
    if let Some(messages_max) = settings.source_messages_max {
        options.source_messages_max = messages_max;
    }
    options
}

#[cfg(test)]
mod tests;
