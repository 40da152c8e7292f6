//! Names that the supergraph lacks, and providers that the configuration lacks, are told with the setting.

use super::*;
use graph::events::{Action, Binding};
use std::sync::Arc;

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
