//! The demo's schemas compose, its configuration reads, and the example is made of the same subgraphs.

use super::*;

#[tokio::test]
async fn the_schemas_compose_and_every_live_field_is_tied_to_the_provider() {
    let servers = start_subgraphs(&Arc::new(World::load()), None).await.unwrap();
    let composition = supergraph(&servers).unwrap();
    assert!(composition.warnings.is_empty(), "{:?}", composition.warnings);
    let loaded = graph::supergraph::Supergraph::load(&composition.sdl).unwrap();
    let mut fields: Vec<&str> = loaded.bindings.iter().map(|binding| binding.field.as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "activity",
        "catalogChanged",
        "createOrder",
        "employeeUpdated",
        "orderUpdated",
        "productChanged",
        "scoreUpdated",
    ];
    assert_eq!(fields, expected);
    assert!(loaded.bindings.iter().all(|binding| binding.provider == PROVIDER));
    assert_eq!(loaded.subgraphs.len(), SUBGRAPHS.len());
}

#[test]
fn the_configuration_is_one_that_anybody_could_write() {
    let args =
        Args { port: 0, admin_port: 0, no_publish: false, subgraphs_only: false, subgraphs_port: 4001 };
    let config = config(&args).unwrap();
    assert_eq!((config.http.port, config.admin.port), (0, 0));
    assert_eq!(config.events.providers.memory.len(), 1);
}

#[test]
fn the_example_has_the_same_subgraphs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/employees");
    for (name, sdl) in &SUBGRAPHS[..2] {
        let copy = std::fs::read_to_string(folder.join(format!("{name}.graphql"))).unwrap();
        assert_eq!(&copy, sdl, "{name}.graphql: copy it from crates/tidegate/demo");
    }
}

#[tokio::test]
async fn a_taken_port_names_the_subgraph_and_the_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused =
        start_subgraphs(&Arc::new(World::load()), Some(port)).await.err().expect("the port is taken");
    assert!(refused.to_string().starts_with(&format!("subgraph `employees` cannot listen on port {port}")));
    assert!(refused.help().expect("a way out").to_string().contains("--subgraphs-port"));
}
