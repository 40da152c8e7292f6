//! Names that the supergraph lacks, and providers that the configuration lacks, are told with the setting.

use super::*;
use crate::config::OverflowPolicy;
use graph::events::Action;

fn binding(root: Root, field: &str, transport: Transport, provider: &str) -> Arc<Binding> {
    Arc::new(Binding {
        root,
        field: field.into(),
        subgraph: "events".into(),
        transport,
        action: Action::Subscribe,
        provider: provider.into(),
        subjects: Vec::new(),
        stream: None,
        filter: None,
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
    let expected = "`Mutation.createOrder` needs the provider `orders`, which is not configured: this build \
                    has no kafka yet; until then add it under `events.providers.memory`";
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
fn what_this_build_cannot_serve_is_told_at_the_start() {
    let stream = graph::events::Stream {
        stream_name: "s".into(),
        consumer_name: "c".into(),
        consumer_inactive_threshold_seconds: 30,
    };
    let plain = Binding::clone(&binding(Root::Subscription, "plain", Transport::Nats, "default"));
    let streamed = Binding { field: "streamed".into(), stream: Some(stream), ..plain.clone() };
    let asked =
        Binding { root: Root::Query, field: "asked".into(), action: Action::Request, ..plain.clone() };
    let bindings = [plain, streamed, asked].map(Arc::new);
    let told = unserved(&bindings, |id| id == "default");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("`Subscription.streamed` refuses clients: it has a `streamConfiguration`"));
    assert!(told[1].starts_with("`Query.asked` refuses clients: it asks a broker"));
    // A `memory` provider in the place of NATS needs no stream.
    assert_eq!(unserved(&bindings, |_| false).len(), 1);
}
