//! What is asked of the server as sources come and go, and which of its answers count.

use super::*;
use crate::metrics::Metrics;
use crate::queue::{Bounds, Queue, queue};
use engine::port::Source;
use futures::FutureExt;
use tokio::sync::oneshot::Receiver;

fn join(board: &mut Board, ticket: u64, names: &[&str]) -> (Vec<Call>, Receiver<Result<(), String>>, Queue) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let (feeder, source) = queue("p", &names, Metrics::default().provider("f", "p"), Bounds::default(), 8);
    let (confirmation, confirmed) = oneshot::channel();
    let calls = board.join(Join { ticket, kind: Kind::Channel, names, feeder, confirmation });
    (calls, confirmed, source)
}

fn said(calls: &[Call]) -> Vec<(bool, &str)> {
    let mut said: Vec<_> = calls.iter().map(|call| (call.begins, call.name.as_str())).collect();
    said.sort_unstable();
    said
}

#[test]
fn the_first_begins_a_subscription_and_the_last_ends_it() {
    let mut board = Board::default();
    let (calls, mut first, _a) = join(&mut board, 1, &["x", "y"]);
    assert_eq!(said(&calls), [(true, "x"), (true, "y")]);
    let (more, mut second, _b) = join(&mut board, 2, &["y"]);
    assert_eq!(more, []);
    board.confirm(&calls[1]);
    assert_eq!(second.try_recv(), Ok(Ok(())));
    assert!(first.try_recv().is_err(), "one of its two names is not there");
    board.confirm(&calls[0]);
    assert_eq!(first.try_recv(), Ok(Ok(())));
    assert_eq!(said(&board.leave(1)), [(false, "x")]);
    assert_eq!(said(&board.leave(2)), [(false, "y")]);
    assert_eq!(board.leave(2), []);
}

#[test]
fn an_answer_for_an_earlier_subscription_does_not_count() {
    let mut board = Board::default();
    let (first, _, _a) = join(&mut board, 1, &["x"]);
    board.leave(1);
    let (second, mut confirmed, _b) = join(&mut board, 2, &["x"]);
    board.confirm(&first[0]);
    assert_eq!(board.refuse(&first[0], "late"), []);
    assert!(confirmed.try_recv().is_err());
    board.lose();
    let renewed = board.renew();
    board.confirm(&second[0]);
    assert!(confirmed.try_recv().is_err());
    board.confirm(&renewed[0]);
    assert_eq!(confirmed.try_recv(), Ok(Ok(())));
    // Lost again: a new one waits for the renewal, though the name was confirmed once.
    board.lose();
    let (calls, mut late, _c) = join(&mut board, 3, &["x"]);
    assert_eq!(calls, []);
    assert!(late.try_recv().is_err());
    let renewed = board.renew();
    board.confirm(&renewed[0]);
    assert_eq!(late.try_recv(), Ok(Ok(())));
}

#[test]
fn a_refusal_is_told_to_whoever_waits_and_ends_who_had_it() {
    let mut board = Board::default();
    let (calls, mut first, mut source) = join(&mut board, 1, &["x", "y"]);
    calls.iter().for_each(|call| board.confirm(call));
    assert_eq!(first.try_recv(), Ok(Ok(())));
    board.lose();
    let (_, mut second, _b) = join(&mut board, 2, &["x"]);
    let renewed = board.renew();
    let x = renewed.iter().find(|call| call.name == "x").expect("x is renewed");
    assert_eq!(said(&board.refuse(x, "no")), [(false, "y")]);
    assert_eq!(second.try_recv(), Ok(Err("no".into())));
    assert!(source.next().now_or_never().expect("it ended").is_none());
    assert_eq!(source.end_reason(), "no");
    assert_eq!(board.renew(), []);
}

#[test]
fn a_renewal_is_done_whatever_joins_meanwhile() {
    let mut board = Board::default();
    let (_, _, _a) = join(&mut board, 1, &["x", "y"]);
    board.lose();
    let calls = board.renew();
    let mut renewal = Renewal::new(&calls);
    let (later, _, _b) = join(&mut board, 2, &["z"]);
    renewal.answered(&calls[0]);
    renewal.answered(&later[0]);
    assert!(!renewal.is_done(), "another call's answer");
    let (_pending, _, _c) = join(&mut board, 3, &["w"]);
    renewal.answered(&calls[1]);
    assert!(renewal.is_done());
    assert!(Renewal::new(&[]).is_done());
}
