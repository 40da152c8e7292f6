//! Operations that start, end, are ended and are abandoned in random order, by seed.
//! Owns the checker: nothing is said about an operation that is over, and nothing is left behind.

use crate::fakes::client::{Client, Received};
use crate::fakes::{Seen, World};
use engine::outbox::{End, Member, Overflow};
use graph::error::{Code, GraphqlError};
use std::collections::HashSet;

/// SplitMix64: a few lines, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// What the engine saw so far, and whom it could still end.
#[derive(Default)]
struct Ledger {
    alive: Vec<Member>,
    left: usize,
}

impl Ledger {
    fn note(&mut self, seen: Seen) {
        match seen {
            Seen::Joined(member) => self.alive.push(member),
            Seen::Left(_) => self.left += 1,
            Seen::Prepared | Seen::Drained => {}
        }
    }
}

const STEPS: usize = 120;

fn run(seed: u64) {
    let world = World::new();
    let mut client = Client::acknowledged(world.address);
    let (mut dice, mut ledger) = (Dice(seed), Ledger::default());
    let mut subscriptions = 0;
    for n in 0..STEPS {
        world.seen_so_far().into_iter().for_each(|seen| ledger.note(seen));
        match dice.roll(6) {
            0 | 1 => {
                let query = ["subscription", "subscription slow", "subscription"][dice.roll(3)];
                client.subscribe(&n.to_string(), query);
                subscriptions += 1;
            }
            2 => client.subscribe(&n.to_string(), ["{ a }", "{ slow }", "{ invalid }"][dice.roll(3)]),
            3 if n > 0 => {
                client.text(&format!(r#"{{"type":"complete","id":"{}"}}"#, dice.roll(n)));
            }
            4 if !ledger.alive.is_empty() => {
                let member = ledger.alive.swap_remove(dice.roll(ledger.alive.len()));
                let failed = End::Errors(vec![GraphqlError::new(Code::Subgraph, "ended")]);
                world.end(&member, [End::Complete, failed][dice.roll(2)].clone());
            }
            _ => match ledger.alive.first() {
                Some(member) => world.deliver(&[member], r#"{"data":null}"#, Overflow::Disconnect),
                None => world.engine.gate.add_permits(1),
            },
        }
    }
    // Everything sent was taken in once this is answered; what was said before must make sense.
    client.text(r#"{"type":"ping"}"#);
    let mut over = HashSet::new();
    loop {
        let Received::Text(message) = client.receive() else { panic!("seed {seed}: the connection ended") };
        if message["type"] == "pong" {
            break;
        }
        let id = message["id"].as_str().unwrap().to_owned();
        assert!(!over.contains(&id), "seed {seed}: {message} after the end of {id}");
        if message["type"] != "next" {
            over.insert(id);
        }
    }
    drop(client);
    world.engine.gate.add_permits(STEPS);
    while ledger.left < subscriptions {
        ledger.note(world.next());
    }
    world.runtime.block_on(world.all_gone());
}

#[test]
fn nothing_is_left_behind_in_any_order() {
    (0..30).for_each(run);
}
