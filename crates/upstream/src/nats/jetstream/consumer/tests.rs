//! The names of durable consumers.

use super::*;

#[test]
fn a_name_is_one_router_and_its_subjects() {
    let of = |instance: &str, subjects: &[&str]| {
        let subjects: Vec<String> = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        durable_name("orders", instance, &subjects)
    };
    let name = of("router-1:4000", &["a", "b"]);
    // Written down: with another hash every router would leave its consumers behind.
    assert_eq!(name, "orders-8ff503e31156424b");
    let others = [
        of("router-2:4000", &["a", "b"]),
        of("router-1:4000", &["a"]),
        of("router-1:4000", &["ab"]),
        of("router-1:4000a", &["b"]),
    ];
    assert!(others.iter().all(|other| *other != name));
}
