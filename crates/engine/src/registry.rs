//! Which triggers run: the same provider, subjects and options share one.
//! Owns starting, finding and retiring triggers, under one short lock; a trigger's own state is never touched here.

use crate::metrics::Metrics;
use crate::outbox::End;
use crate::seat::Seat;
use crate::trigger::join::{Join, Subscription};
use crate::trigger::key::{Roster, TriggerId, TriggerKey};
use crate::trigger::{Mail, Trigger, TriggerParts};
use futures::FutureExt;
use indexmap::IndexMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

pub(crate) struct Registry {
    entries: Mutex<Entries>,
    /// Trigger tasks alive, those without an entry too.
    alive: watch::Sender<usize>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Entries {
    by_key: IndexMap<TriggerKey, Entry>,
    started: u64,
    /// A join that comes later is refused: the drain would not see its trigger.
    draining: bool,
}

struct Entry {
    trigger: TriggerId,
    mailbox: mpsc::UnboundedSender<Mail>,
    /// Joins ever sent: a trigger that has taken fewer from its mailbox must not retire.
    joins: u64,
}

impl Registry {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Registry> {
        let alive = watch::Sender::new(0);
        Arc::new(Registry { entries: Mutex::default(), alive, metrics })
    }

    /// Sends a join to its trigger; `parts` starts one where none runs. What is returned leaves when dropped, also
    /// before the join is answered.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &TriggerKey,
        parts: impl FnOnce() -> TriggerParts,
        join: Join,
        seat: Seat,
    ) -> Option<Subscription> {
        let mut entries = self.lock();
        let Entries { by_key, started, draining } = &mut *entries;
        if *draining {
            join.refuse(&End::Drain);
            return None;
        }
        let entry = by_key.entry(key.clone()).or_insert_with(|| {
            *started += 1;
            let (mailbox, mail) = mpsc::unbounded_channel();
            self.start(Trigger::new(TriggerId(*started), parts(), mail));
            Entry { trigger: TriggerId(*started), mailbox, joins: 0 }
        });
        entry.joins += 1;
        let held = Subscription::new(join.id, entry.mailbox.clone(), seat);
        if let Err(mpsc::error::SendError(Mail::Join(join))) = entry.mailbox.send(Mail::Join(Box::new(join)))
        {
            // An entry is taken out before its trigger closes the mailbox, under this lock.
            join.refuse(&End::Complete);
        }
        Some(held)
    }

    fn start(self: &Arc<Self>, mut trigger: Trigger) {
        let alive = Alive::new(self);
        tokio::spawn(async move {
            // Dropped last, whatever happens: a drain waits for it.
            let _alive = alive;
            if AssertUnwindSafe(trigger.run()).catch_unwind().await.is_err() {
                trigger.give_up().await;
            }
            drop(trigger);
        });
    }

    pub(crate) fn count(&self) -> usize {
        *self.alive.borrow()
    }

    /// Ends every trigger and waits until the last has said its last.
    pub(crate) async fn drain(&self) {
        self.tell_drain();
        let mut alive = self.alive.subscribe();
        _ = alive.wait_for(|alive| *alive == 0).await;
    }

    fn tell_drain(&self) {
        let mut entries = self.lock();
        entries.draining = true;
        for entry in entries.by_key.values() {
            // A trigger that is at its end already needs no telling.
            _ = entry.mailbox.send(Mail::Drain);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One trigger's task, counted for as long as it is there.
struct Alive(Arc<Registry>);

impl Alive {
    fn new(registry: &Arc<Registry>) -> Alive {
        registry.alive.send_modify(|alive| *alive += 1);
        Metrics::shift(&registry.metrics.triggers_active, 1);
        Alive(registry.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        Metrics::shift(&self.0.metrics.triggers_active, -1);
        self.0.alive.send_modify(|alive| *alive -= 1);
    }
}

impl Roster for Registry {
    fn retire(&self, key: &TriggerKey, trigger: TriggerId, joins_taken: u64) -> bool {
        let mut entries = self.lock();
        let awaited = entries.by_key.get(key).filter(|entry| entry.trigger == trigger);
        if awaited.is_some_and(|entry| entry.joins > joins_taken) {
            return false;
        }
        entries.forget(key, trigger);
        true
    }

    fn forget(&self, key: &TriggerKey, trigger: TriggerId) {
        self.lock().forget(key, trigger);
    }
}

impl Entries {
    fn forget(&mut self, key: &TriggerKey, trigger: TriggerId) {
        if self.by_key.get(key).is_some_and(|entry| entry.trigger == trigger) {
            self.by_key.swap_remove(key);
        }
    }
}
