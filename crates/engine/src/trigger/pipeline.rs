//! Puts rounds back into source order: several run at once, none leaves before the one that started before it.
//! Owns order and bounds for one group; knows neither events nor clients nor the runtime.

use std::collections::VecDeque;

/// Rounds of one group. `W` waits, runs, and settles as an `S`.
///
/// ```text
/// wait ──► begin ──► (running, any completion order) ──► settle ──► in the order of begin
/// ```
#[derive(Debug)]
pub(crate) struct Pipeline<W, S> {
    /// What goes ahead of all that waits, as initial events do; no overflow policy thins it out.
    leading: VecDeque<W>,
    waiting: VecDeque<W>,
    /// Begun and not yet let go, oldest first; `None` while it runs.
    begun: VecDeque<Option<S>>,
    /// The ticket of `begun[0]`.
    first: u64,
    running: usize,
    /// Nothing begins while held; what comes waits.
    held: bool,
    inflight_max: usize,
}

/// The place of a begun round in its group's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl<W, S> Pipeline<W, S> {
    pub(crate) fn new(inflight_max: usize, held: bool) -> Self {
        let inflight_max = inflight_max.max(1);
        Pipeline {
            leading: VecDeque::new(),
            waiting: VecDeque::new(),
            begun: VecDeque::new(),
            first: 0,
            running: 0,
            held,
            inflight_max,
        }
    }

    /// Nothing waits and nothing runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.leading.is_empty() && self.waiting.is_empty() && self.begun.is_empty() && !self.held
    }

    pub(crate) fn backlog(&self) -> usize {
        self.waiting.len()
    }

    /// The rounds that wait, oldest first, for an overflow policy to thin out.
    pub(crate) fn waiting_mut(&mut self) -> &mut VecDeque<W> {
        &mut self.waiting
    }

    /// Adds a round behind all others.
    pub(crate) fn wait(&mut self, round: W) {
        self.waiting.push_back(round);
    }

    /// Adds a round ahead of those that wait, behind those that were put there before it.
    pub(crate) fn lead(&mut self, round: W) {
        self.leading.push_back(round);
    }

    /// Takes the next round to begin, if there is one and room for it.
    pub(crate) fn begin(&mut self) -> Option<(Ticket, W)> {
        if self.held || self.running >= self.inflight_max {
            return None;
        }
        let round = self.leading.pop_front().or_else(|| self.waiting.pop_front())?;
        self.begun.push_back(None);
        self.running += 1;
        Some((Ticket(self.first + self.begun.len() as u64 - 1), round))
    }

    /// Takes one outcome in and gives out, in order, all that no longer wait for an earlier one.
    pub(crate) fn settle(&mut self, ticket: Ticket, outcome: S) -> Vec<S> {
        let place = usize::try_from(ticket.0 - self.first).expect("a ticket is near the front");
        let slot = self.begun.get_mut(place).expect("a ticket is settled once, while its round runs");
        assert!(slot.is_none(), "a ticket is settled once");
        *slot = Some(outcome);
        self.running -= 1;
        let mut ready = Vec::new();
        while let Some(Some(_)) = self.begun.front() {
            ready.extend(self.begun.pop_front().flatten());
            self.first += 1;
        }
        ready
    }

    /// Lets what was held begin.
    pub(crate) fn release(&mut self) {
        self.held = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order of completion, outcomes leave in the order of begin, each once, and never more than
        /// `inflight_max` run.
        #[test]
        fn order_holds_under_any_completion_order(
            inflight_max in 1usize..6,
            choices in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..200),
        ) {
            let mut pipeline = Pipeline::<u32, u32>::new(inflight_max, false);
            let (mut given, mut left, mut running) = (0, Vec::new(), Vec::new());
            let mut turn = |pipeline: &mut Pipeline<u32, u32>, add: bool, pick: &dyn Fn(usize) -> usize| {
                if add {
                    pipeline.wait(given);
                    given += 1;
                } else if !running.is_empty() {
                    let (ticket, round) = running.swap_remove(pick(running.len()));
                    left.extend(pipeline.settle(ticket, round));
                }
                while let Some(begun) = pipeline.begin() {
                    running.push(begun);
                }
                assert!(running.len() <= inflight_max);
                (given, left.clone(), running.len())
            };
            for (add, index) in choices {
                turn(&mut pipeline, add, &|len| index.index(len));
            }
            let (mut given, mut left, mut running) = turn(&mut pipeline, false, &|_| 0);
            while running > 0 {
                (given, left, running) = turn(&mut pipeline, false, &|_| 0);
            }
            prop_assert_eq!(left, (0..given).collect::<Vec<_>>());
            prop_assert!(pipeline.is_idle());
        }
    }

    #[test]
    fn nothing_begins_while_held_and_what_leads_comes_first() {
        let mut pipeline = Pipeline::<&str, &str>::new(4, true);
        pipeline.wait("live");
        assert!(pipeline.begin().is_none());
        assert!(!pipeline.is_idle());
        pipeline.lead("initial");
        pipeline.release();
        let (initial, _) = pipeline.begin().expect("released");
        let (live, round) = pipeline.begin().expect("room for both");
        assert_eq!(pipeline.settle(live, round), Vec::<&str>::new());
        assert_eq!(pipeline.settle(initial, "initial"), ["initial", "live"]);
        assert!(pipeline.is_idle());
    }
}
