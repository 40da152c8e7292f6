//! The two connections of a provider, and its health made of both: one brings channels, one takes commands.
//! Owns who waits for which of them; never connects.

use crate::health::Health;
use engine::port::BrokerStatus;
use tokio::sync::watch;

/// One of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Subscriptions,
    Commands,
}

/// Which connections stand.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    subscriptions: bool,
    commands: bool,
}

impl Lines {
    fn stands(self, line: Line) -> bool {
        match line {
            Line::Subscriptions => self.subscriptions,
            Line::Commands => self.commands,
        }
    }

    fn of(&mut self, line: Line) -> &mut bool {
        match line {
            Line::Subscriptions => &mut self.subscriptions,
            Line::Commands => &mut self.commands,
        }
    }
}

pub(super) struct Standing {
    health: Health,
    lines: watch::Sender<Lines>,
}

impl Standing {
    pub(super) fn new(health: Health) -> Standing {
        Standing { health, lines: watch::Sender::new(Lines::default()) }
    }

    /// A connection stands; the provider is up once both do.
    pub(super) fn up(&self, line: Line) {
        self.lines.send_modify(|lines| {
            *lines.of(line) = true;
            // Within the closure, so that two connections cannot overtake each other's word.
            if lines.subscriptions && lines.commands {
                self.health.up();
            }
        });
    }

    pub(super) fn down(&self, line: Line, reason: &str) {
        self.lines.send_modify(|lines| {
            *lines.of(line) = false;
            self.health.down(reason);
        });
    }

    pub(super) fn stands(&self, line: Line) -> bool {
        self.lines.borrow().stands(line)
    }

    /// Returns at the next loss of this connection.
    pub(super) async fn lost(&self, line: Line) {
        self.until(line, true).await;
        self.until(line, false).await;
    }

    async fn until(&self, line: Line, stands: bool) {
        let mut lines = self.lines.subscribe();
        let reached = lines.wait_for(|lines| lines.stands(line) == stands).await;
        reached.expect("the sender is ours");
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    pub(super) fn status(&self) -> BrokerStatus {
        self.health.status()
    }
}
