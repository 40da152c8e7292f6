//! Properties of the outbox: bounds hold, order holds, and nothing pushed goes uncounted.
//! Owns its own small model of a client; touches no socket.

use super::*;
use proptest::prelude::*;

fn payload(text: &str, overflow: Overflow, key: Option<&str>) -> Payload {
    Payload { json: Bytes::copy_from_slice(text.as_bytes()), overflow, key: key.map(Arc::from) }
}

fn lead() -> Arc<[u8]> {
    Arc::from(&b"lead"[..])
}

fn bounds(frames_max: usize, bytes_max: usize) -> Bounds {
    Bounds { frames_max, bytes_max, subscription_frames_max: frames_max }
}

fn texts(outbox: &mut Outbox) -> Vec<(u64, String, u64)> {
    std::iter::from_fn(|| outbox.pop())
        .map(|entry| match entry {
            Waiting::Frame(frame) => (0, String::from_utf8_lossy(&frame).into_owned(), 0),
            Waiting::Payload { member, payload, skipped, .. } => {
                (member.0, String::from_utf8_lossy(&payload.json).into_owned(), skipped)
            }
        })
        .collect()
}

#[test]
fn each_policy_meets_a_full_queue_in_its_own_way() {
    let fill = |overflow| {
        let mut outbox = Outbox::new(bounds(2, 1 << 20));
        outbox.push(MemberId(1), &lead(), payload("a1", overflow, Some("a")), 0).unwrap();
        outbox.push(MemberId(1), &lead(), payload("b1", overflow, Some("b")), 0).unwrap();
        let last = outbox.push(MemberId(1), &lead(), payload("a2", overflow, Some("a")), 3);
        (last, texts(&mut outbox))
    };
    let row = |text: &str, skipped| (1, text.to_owned(), skipped);
    assert_eq!(fill(Overflow::Disconnect), (Err(Full), vec![row("a1", 0), row("b1", 0)]));
    assert_eq!(fill(Overflow::Latest), (Ok(2), vec![row("a2", 5)]));
    assert_eq!(fill(Overflow::Conflate), (Ok(1), vec![row("b1", 1), row("a2", 3)]));
}

#[test]
fn one_member_cannot_make_another_lose_events_it_must_not_lose() {
    let mut outbox = Outbox::new(bounds(2, 1 << 20));
    outbox.push(MemberId(1), &lead(), payload("kept", Overflow::Disconnect, None), 0).unwrap();
    outbox.push(MemberId(2), &lead(), payload("old", Overflow::Latest, None), 0).unwrap();
    outbox.push(MemberId(2), &lead(), payload("new", Overflow::Latest, None), 0).unwrap();
    assert_eq!(texts(&mut outbox), [(1, "kept".into(), 0), (2, "new".into(), 1)]);
}

#[test]
fn a_payload_over_the_bound_still_fits_an_empty_queue() {
    let mut outbox = Outbox::new(bounds(4, 8));
    let large = || payload("0123456789", Overflow::Disconnect, None);
    assert_eq!(outbox.push(MemberId(1), &lead(), large(), 0), Ok(0));
    assert_eq!(outbox.push(MemberId(1), &lead(), large(), 0), Err(Full));
    assert_eq!(outbox.push_frame(Bytes::from_static(b"close")), Ok(()));
}

#[test]
fn one_subscription_may_wait_for_so_much_and_leaves_the_rest_to_the_others() {
    let bounds = Bounds { frames_max: 10, bytes_max: 1 << 20, subscription_frames_max: 2 };
    let mut outbox = Outbox::new(bounds);
    for n in 0..5 {
        let event = payload(&n.to_string(), Overflow::Latest, None);
        outbox.push(MemberId(1), &lead(), event, 0).unwrap();
        outbox.push(MemberId(n + 2), &lead(), payload("other", Overflow::Disconnect, None), 0).unwrap();
    }
    let own: Vec<_> = texts(&mut outbox).into_iter().filter(|row| row.0 == 1).collect();
    assert_eq!(own, [(1, "4".to_owned(), 4)]);
}

#[derive(Debug, Clone)]
enum Step {
    Push { member: u64, key: Option<u8>, size: usize },
    Frame,
    Pop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0u64..4, proptest::option::of(0u8..3), 0usize..40)
        .prop_map(|(member, key, size)| Step::Push { member, key, size });
    proptest::collection::vec(prop_oneof![6 => push, 1 => Just(Step::Frame), 2 => Just(Step::Pop)], 0..200)
}

/// What a client can check: its events' numbers rise, and numbers seen plus numbers skipped add up.
#[derive(Default)]
struct Client {
    pushed: u64,
    seen: u64,
    last: Option<u64>,
}

impl Client {
    fn receive(&mut self, number: u64, skipped: u64) {
        assert!(self.last.is_none_or(|last| last < number), "events of one subscription out of order");
        self.last = Some(number);
        self.seen += 1 + skipped;
    }
}

fn take(outbox: &mut Outbox, clients: &mut [Client], frames: &mut Vec<u64>) -> bool {
    match outbox.pop() {
        None => return false,
        Some(Waiting::Frame(frame)) => frames.push(String::from_utf8_lossy(&frame).parse().unwrap()),
        Some(Waiting::Payload { member, payload, skipped, .. }) => {
            let text = String::from_utf8_lossy(&payload.json).into_owned();
            let number = text.split('.').next().unwrap().parse().unwrap();
            clients[member.0 as usize].receive(number, skipped);
        }
    }
    true
}

proptest! {
    #[test]
    fn bounds_order_and_the_arithmetic_of_loss_hold(
        steps in steps(),
        frames_max in 1usize..12,
        bytes_max in 8usize..300,
        subscription_frames_max in 1usize..12
    ) {
        let policies = [Overflow::Disconnect, Overflow::Latest, Overflow::Conflate, Overflow::Latest];
        let mut outbox = Outbox::new(Bounds { frames_max, bytes_max, subscription_frames_max });
        let mut clients: Vec<Client> = (0..4).map(|_| Client::default()).collect();
        let (mut frames, mut frames_pushed) = (Vec::new(), 0u64);
        for step in steps {
            match step {
                Step::Push { member, key, size } => {
                    let client = &mut clients[member as usize];
                    let text = format!("{}.{}", client.pushed, "x".repeat(size));
                    let key = key.map(|key| key.to_string());
                    let payload = payload(&text, policies[member as usize], key.as_deref());
                    match outbox.push(MemberId(member), &lead(), payload, 0) {
                        Ok(_) => client.pushed += 1,
                        // The connection ends here; a policy that looked for room in vain owes no count any
                        // more.
                        Err(Full) if policies[member as usize] != Overflow::Disconnect => return Ok(()),
                        Err(Full) => break,
                    }
                }
                Step::Frame => match outbox.push_frame(Bytes::from(frames_pushed.to_string())) {
                    Ok(()) => frames_pushed += 1,
                    Err(Full) => break,
                },
                Step::Pop => { take(&mut outbox, &mut clients, &mut frames); }
            }
            prop_assert!(outbox.payloads.count <= frames_max && outbox.frames.count <= frames_max);
            prop_assert!(outbox.payloads.count <= 1 || outbox.payloads.bytes <= bytes_max);
            let bytes: usize = outbox.entries.iter().map(Waiting::bytes).sum();
            prop_assert_eq!(bytes, outbox.bytes());
            prop_assert!(outbox.members.values().all(|own| (1..=subscription_frames_max).contains(own)));
            prop_assert_eq!(outbox.members.values().sum::<usize>(), outbox.payloads());
        }
        while take(&mut outbox, &mut clients, &mut frames) {}
        for (client, policy) in clients.iter().zip(policies) {
            prop_assert_eq!(client.seen, client.pushed, "pushed is not seen plus skipped under {:?}", policy);
            if client.pushed > 0 {
                prop_assert_eq!(client.last, Some(client.pushed - 1), "the newest was lost");
            }
        }
        prop_assert_eq!(frames, (0..frames_pushed).collect::<Vec<_>>());
    }
}
