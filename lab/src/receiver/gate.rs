//! When connections may read: stalled, open, or open for a number of bytes; and when they have to end with a reset.

use std::sync::Mutex;

use tokio::sync::watch;

use crate::sync::lock;

/// Most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Shared by all connections of a receiver.
#[derive(Debug)]
pub(super) struct Gate {
    budget: Mutex<Budget>,
    changed: watch::Sender<()>,
    /// Counts the resets; a connection that sees it change ends.
    resets: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Budget {
    /// Bytes that may still be read; none is no limit, 0 is a stall.
    left: Option<usize>,
    /// Counts how often it was set: leave from an earlier budget does not go back into this one.
    setting: u64,
}

/// Leave to read so many bytes; what is not used goes back.
#[derive(Debug)]
pub(super) struct Allowance<'g> {
    gate: &'g Gate,
    setting: u64,
    pub(super) bytes: usize,
}

impl Allowance<'_> {
    /// Takes the bytes that were read out of the allowance.
    pub(super) fn used(mut self, bytes: usize) {
        self.bytes -= bytes.min(self.bytes);
    }
}

impl Drop for Allowance<'_> {
    fn drop(&mut self) {
        let mut budget = lock(&self.gate.budget);
        if budget.setting == self.setting
            && let Some(left) = budget.left.as_mut()
        {
            *left += self.bytes;
        }
    }
}

impl Gate {
    pub(super) fn open() -> Self {
        Self {
            budget: Mutex::default(),
            changed: watch::Sender::new(()),
            resets: watch::Sender::new(0),
        }
    }

    /// Lets connections read this many more bytes together, or without limit.
    pub(super) fn set(&self, left: Option<usize>) {
        let mut budget = lock(&self.budget);
        budget.left = left;
        budget.setting += 1;
        drop(budget);
        self.changed.send_replace(());
    }

    /// Tells every connection to end with a reset.
    pub(super) fn reset(&self) {
        self.resets.send_modify(|resets| *resets += 1);
    }

    /// Notices when the gate is set. Subscribe before asking for an allowance.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notices a reset.
    pub(super) fn resets(&self) -> watch::Receiver<u64> {
        self.resets.subscribe()
    }

    /// Leave for one read, or none while stalled.
    pub(super) fn allowance(&self) -> Option<Allowance<'_>> {
        let mut budget = lock(&self.budget);
        let bytes = match budget.left.as_mut() {
            None => READ_BYTES,
            Some(0) => return None,
            Some(left) => {
                let bytes = READ_BYTES.min(*left);
                *left -= bytes;
                bytes
            }
        };
        Some(Allowance {
            gate: self,
            setting: budget.setting,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_and_unused_leave_returns() {
        let gate = Gate::open();
        gate.set(Some(100));
        let first = gate.allowance().expect("leave");
        assert_eq!(first.bytes, 100);
        assert!(gate.allowance().is_none());
        first.used(40);
        let second = gate.allowance().expect("leave");
        assert_eq!(second.bytes, 60);
        second.used(60);
        assert!(gate.allowance().is_none());
    }

    #[test]
    fn leave_from_before_a_stall_does_not_end_it() {
        let gate = Gate::open();
        let leave = gate.allowance().expect("leave");
        gate.set(Some(0));
        drop(leave);
        assert!(gate.allowance().is_none());
    }
}
