//! Names that the supergraph lacks, and providers that the configuration lacks, are told with the setting.

use super::*;
use crate::config::OverflowPolicy;
use graph::events::{Action, Feed};

fn binding(root: Root, field: &str, transport: Transport, provider: &str) -> Arc<Binding> {
    Arc::new(Binding {
        root,
        field: field.into(),
        subgraph: "events".into(),
        transport,
        action: Action::Subscribe,
        provider: provider.into(),
        subjects: Vec::new(),
        feed: Feed::Plain,
        filter: None,
        key: None,
        headers: Vec::new(),
    })
}

fn bindings() -> Vec<Arc<Binding>> {
    vec![
        binding(Root::Subscription, "employeeUpdated", Transport::Nats, "default"),
        binding(Root::Mutation, "createOrder", Transport::Kafka, "orders"),
    ]
}

fn employees() -> Vec<Subgraph> {
    vec![Subgraph { name: "employees".into(), url: "http://e".into() }]
}

#[test]
fn names_of_the_configuration_must_be_in_the_supergraph() {
    let mut config = Config::default();
    config.override_subgraph_urls.insert("employees".into(), "http://other".into());
    config.subscriptions.overflow.fields.insert("employeeUpdated".into(), OverflowPolicy::Latest);
    assert!(check(&config, &employees(), &bindings()).is_ok());

    config.override_subgraph_urls.insert("employes".into(), "http://other".into());
    config.headers.subgraphs.insert("zebra".into(), Default::default());
    config.subscriptions.overflow.fields.insert("createOrder".into(), OverflowPolicy::Latest);
    let error = check(&config, &employees(), &bindings()).unwrap_err().to_string();
    let expected = "`override_subgraph_urls` names `employes`, which is no subgraph; \
                    did you mean `employees`?\n\
                    `headers.subgraphs` names `zebra`, which is no subgraph\n\
                    `subscriptions.overflow.fields` names `createOrder`, which is no live field";
    assert_eq!(error, expected);
}

#[test]
fn a_missing_provider_is_an_error_unless_it_may_be_missing() {
    let mut config = Config::default();
    let only_nats = |transport: Transport, id: &str| transport == Transport::Nats && id == "default";
    let error = check_providers(&config, &bindings(), only_nats).unwrap_err();
    let StartError::ProvidersMissing(missing) = &error else { panic!("{error}") };
    assert_eq!(missing.len(), 1);
    let expected = "`Mutation.createOrder` needs the provider `orders`, which is not configured: add it \
                    under `events.providers.kafka` (or `events.providers.memory`)";
    assert_eq!(error.to_string(), expected);

    let error = check_providers(&config, &bindings()[..1], |_, _| false).unwrap_err();
    let expected = "`Subscription.employeeUpdated` needs the provider `default`, which is not configured: add it \
                    under `events.providers.nats` (or `events.providers.memory`)";
    assert_eq!(error.to_string(), expected);

    config.events.skip_unavailable_providers = true;
    assert!(check_providers(&config, &bindings(), only_nats).is_ok());
    config.events.skip_unavailable_providers = false;
    assert!(check_providers(&config, &bindings(), |_, _| true).is_ok());
}

#[test]
fn a_request_to_a_memory_provider_is_told_at_the_start() {
    let plain = Binding::clone(&binding(Root::Subscription, "plain", Transport::Nats, "default"));
    let asked =
        Binding { root: Root::Query, field: "asked".into(), action: Action::Request, ..plain.clone() };
    let bindings = [plain, asked].map(Arc::new);
    let told = unserved(&bindings, |_, id| id == "default");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("`Query.asked` refuses clients: it asks for an answer"));
    assert!(unserved(&bindings, |_, _| false).is_empty());
}

#[test]
fn a_mutation_that_publishes_no_change_record_where_one_is_read_is_told_at_the_start() {
    let [live, plain] = [Root::Subscription, Root::Mutation]
        .map(|root| Binding::clone(&binding(root, "createOrder", Transport::Kafka, "orders")));
    let published = Binding { action: Action::Publish, ..plain };
    let elsewhere = Binding { provider: "other".into(), ..published.clone() };
    let bindings = [live, published, elsewhere].map(Arc::new);
    let told = unheard(&bindings, |transport, id| transport == Transport::Kafka && id == "orders");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("`Mutation.createOrder` publishes to `orders`, whose messages are read as"));
    assert!(unheard(&bindings, |_, _| false).is_empty());
}
