//! Keys that are not wanted are listed again in every cycle, but they count as discarded once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The most keys that are remembered, about 2 MiB of their hashes. Any others count each time.
const MOST_REMEMBERED: usize = 100_000;

/// The unwanted keys of the last cycle and of this one, by their hashes: two that share one only make a count wrong.
#[derive(Debug, Default)]
pub(super) struct Unwanted {
    hasher: RandomState,
    before: HashSet<u64>,
    now: HashSet<u64>,
}

impl Unwanted {
    /// Forgets keys that were not listed in the cycle that ends.
    pub(super) fn begin_cycle(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Takes note of a key; whether it is new.
    pub(super) fn is_new(&mut self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        let is_known = self.before.contains(&hash) || self.now.contains(&hash);
        if self.now.len() < MOST_REMEMBERED {
            self.now.insert(hash);
        }
        !is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once_for_as_long_as_it_is_listed() {
        let mut unwanted = Unwanted::default();
        assert!(unwanted.is_new("digest"));
        for _ in 0..3 {
            unwanted.begin_cycle();
            assert!(!unwanted.is_new("digest"));
        }
        unwanted.begin_cycle();
        unwanted.begin_cycle();
        assert!(unwanted.is_new("digest"));
    }
}
