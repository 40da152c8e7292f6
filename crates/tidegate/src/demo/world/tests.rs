//! Changes show in records and events, and the world stays bounded.

use super::*;

#[test]
fn a_created_order_is_there_before_its_event_is_published() {
    let world = World::load();
    let event = world.create_order("bob", "p-2", 3);
    let order = world.record("Order", &event["id"]).unwrap();
    assert_eq!(
        (&order["customer"], &order["status"], &order["quantity"]),
        (&json!("bob"), &json!("CREATED"), &json!(3))
    );
    assert_eq!(event["customerId"], "bob");
}

#[test]
fn orders_stay_bounded_and_their_ids_unique() {
    let world = World::load();
    for _ in 0..ORDERS_MAX * 2 {
        world.create_order("bob", "p-2", 1);
    }
    let orders = world.all("Order");
    let ids: std::collections::HashSet<String> = orders.iter().map(|order| order["id"].to_string()).collect();
    assert_eq!((orders.len(), ids.len()), (ORDERS_MAX, ORDERS_MAX));
}

#[test]
fn each_change_of_a_match_is_one_goal_or_a_new_kick_off_and_raises_the_revision() {
    let world = World::load();
    let mut before = world.score("m-1").unwrap();
    let goals = |score: &Object| number(score, "homeGoals") + number(score, "awayGoals");
    let mut kick_offs = 0;
    for _ in 0..40 {
        let after = world.advance_match(0).unwrap();
        assert_eq!(number(&after, "revision"), number(&before, "revision") + 1);
        match goals(&after) {
            0 => kick_offs += 1,
            total => assert_eq!(total, goals(&before) + 1),
        }
        assert_eq!(after, world.score("m-1").unwrap());
        before = after;
    }
    assert!(kick_offs > 1);
}

#[test]
fn turns_go_round_all_records() {
    let world = World::load();
    let count = world.all("Employee").len() as u64;
    let told: std::collections::HashSet<String> =
        (0..count).map(|turn| world.toggle_employee(turn).unwrap()["id"].to_string()).collect();
    assert_eq!(told.len() as u64, count);
}
