//! Prepared operations that are kept: the oldest leaves first.
//! Owns the two bounds, on their number and on the bytes they take together; never plans.

use super::Outcome;
use graph::operation::Operation;
use indexmap::IndexMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Document text and operation name.
pub(super) type Key = (String, Option<String>);

pub(super) struct Kept {
    entries: IndexMap<Key, Entry>,
    /// What all of them take. By number alone, one client with long or deep documents could fill the memory.
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

struct Entry {
    cell: Arc<OnceCell<Outcome>>,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(count_max: usize, bytes_max: usize) -> Kept {
        Kept { entries: IndexMap::new(), bytes: 0, count_max, bytes_max }
    }

    /// The place of an operation, a new one where there is none; planned by whoever comes first.
    pub(super) fn cell(&mut self, key: &Key) -> Arc<OnceCell<Outcome>> {
        if let Some(found) = self.entries.get(key) {
            return found.cell.clone();
        }
        let bytes = key.0.len();
        self.bytes += bytes;
        let entry = Entry { cell: Arc::default(), bytes };
        let cell = entry.cell.clone();
        self.entries.insert(key.clone(), entry);
        self.make_room();
        cell
    }

    /// It is planned, and what it takes is known.
    pub(super) fn weigh(&mut self, key: &Key, cell: &Arc<OnceCell<Outcome>>, operation: &Operation) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.cell, cell)) else {
            return;
        };
        self.bytes = self.bytes - entry.bytes + operation.bytes;
        entry.bytes = operation.bytes;
        self.make_room();
    }

    /// What is refused is not kept: it would push out what is used.
    pub(super) fn forget(&mut self, key: &Key, cell: &Arc<OnceCell<Outcome>>) {
        if self.entries.get(key).is_some_and(|entry| Arc::ptr_eq(&entry.cell, cell)) {
            let removed = self.entries.shift_remove(key);
            self.bytes -= removed.map_or(0, |entry| entry.bytes);
        }
    }

    /// The newest always stays, so that those who ask for it at once share its plan.
    fn make_room(&mut self) {
        while self.entries.len() > 1 && (self.entries.len() > self.count_max || self.bytes > self.bytes_max) {
            let removed = self.entries.shift_remove_index(0);
            self.bytes -= removed.map_or(0, |(_, entry)| entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
