//! What gives when one group is too far behind while others keep up.
//! Owns thinning out that group's waiting rounds by its policy; what is lost is returned, to be told.

use super::group::{self, Audience, Group, Waiting};
use crate::outbox::Overflow;

/// What a group's members lost.
pub(crate) struct Lost {
    pub(crate) audience: Audience,
    pub(crate) events: u64,
    /// The policy is to end them rather than to go on with a gap.
    pub(crate) disconnect: bool,
}

/// Makes room for one more round in a full group.
pub(crate) fn make_room(group: &mut Group, newest: &Waiting, backlog_max: usize) -> Option<Lost> {
    if group.pipeline.backlog() < backlog_max {
        return None;
    }
    let overflow = group.recipe.overflow;
    let waiting = group.pipeline.waiting_mut();
    let at = match overflow {
        // Whoever any of these rounds was for has a gap now, so all of them end.
        Overflow::Disconnect => {
            let rounds = waiting.drain(..).map(|round| round.audience);
            let audience = group::union(rounds.chain([newest.audience.clone()]).flatten());
            return Some(Lost { audience, events: 1, disconnect: true });
        }
        Overflow::Latest => 0,
        Overflow::Conflate => {
            let older = |round: &Waiting| newest.entity.is_some() && round.entity == newest.entity;
            waiting.iter().position(older).unwrap_or(0)
        }
    };
    let lost = waiting.remove(at)?;
    Some(Lost { audience: lost.audience, events: 1, disconnect: false })
}
