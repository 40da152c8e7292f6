//! Whatever text is handed in, composition answers; and what it composes can be loaded and read back.

use super::world::{EMPLOYEES, events, http};
use crate::compose::{compose, federate, splice};
use crate::diagnostic::Diagnostic;
use crate::events::bindings;
use crate::events::catalog::Catalog;
use hive_router_query_planner::planner::Planner;
use hive_router_query_planner::utils::parsing::parse_schema;
use proptest::prelude::*;

const EVENTS: &str = r#"
type Query { now(id: Int!): Employee @edfs__natsRequest(subject: "now.{{ args.id }}") }
type Mutation { move(in: In!): edfs__PublishResult! @edfs__kafkaPublish(topic: "moved") }
type Subscription {
  moved(in: In!): Change! @edfs__natsSubscribe(subjects: ["moved.{{ args.in.id }}"])
    @openfed__subscriptionFilter(condition: {
      NOT: { IN: { fieldPath: "id", values: ["{{ args.in.id }}", 3] } } })
  all: Event @edfs__redisSubscribe(channels: "all")
}
interface Change { id: Int! }
union Event = Employee | Product | Started
type Employee implements Change @key(fields: "id", resolvable: false) { id: Int! @external tag: String! }
type Product implements Change @key(fields: "id", resolvable: false) { id: Int! @external }
type Started { how: How! }
enum How { COLD WARM }
input In { id: Int! how: How = WARM }
"#;

fn words(sdl: &str) -> Vec<String> {
    let spaced = ["(", ")", "{", "}", ":", "@", "!", "[", "]"];
    let spaced = spaced.iter().fold(sdl.to_owned(), |text, mark| text.replace(mark, &format!(" {mark} ")));
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_panic_of_the_composer_becomes_a_diagnostic() {
    let source = http("a", "type Query { a: Nowhere }");
    let catalog = Catalog::parse("a.graphql", &source.sdl).expect("parses");
    let found: Vec<Diagnostic> =
        federate::compose(&[(&source, catalog)]).expect_err("it panics on unknown types");
    assert!(found[0].message.starts_with("the composer failed: "), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_events_schema_is_refused_or_composes_to_something_whole(
        at in 0..400_usize, width in 0..3_usize, with in 0..400_usize,
    ) {
        let mut words = words(EVENTS);
        let (at, with) = (at % words.len(), words[with % words.len()].clone());
        let end = (at + width).min(words.len());
        words.splice(at..end, [with]);
        let mut sources: Vec<_> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
        sources.push(events("events", &words.join(" ")));
        match compose(&sources) {
            Err(found) => prop_assert!(!found.is_empty()),
            Ok(composed) => {
                prop_assert!(bindings(&composed.sdl).is_ok());
                super::is_valid(&composed.sdl);
                let loaded = Planner::new_from_supergraph(&parse_schema(&composed.sdl), Default::default());
                prop_assert!(loaded.is_ok(), "{}", composed.sdl);
            }
        }
    }

    #[test]
    fn a_damaged_supergraph_is_answered(cut in 0..4000_usize, width in 0..40_usize) {
        let sources: Vec<_> = EMPLOYEES.iter().map(|(name, sdl)| http(name, sdl)).collect();
        let mut sdl = compose(&sources).expect("composes").sdl;
        let cut = cut % sdl.len();
        sdl.replace_range(cut..(cut + width).min(sdl.len()), "");
        match splice(&sdl, &[events("events", EVENTS)]) {
            Err(found) => prop_assert!(!found.is_empty()),
            Ok(spliced) => prop_assert!(bindings(&spliced.sdl).is_ok()),
        }
    }
}
