//! The contiguous cursor: ranges are confirmed in any order, the position never passes a hole.

use std::collections::BTreeMap;
use std::ops::Range;

/// The highest position up to which everything is confirmed, and the confirmed islands above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    position: u64,
    islands: BTreeMap<u64, u64>,
}

impl Frontier {
    /// A frontier that takes everything below `position` as confirmed.
    #[must_use]
    pub fn starting_at(position: u64) -> Self {
        Self {
            position,
            islands: BTreeMap::new(),
        }
    }

    /// Everything below this position is confirmed.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes note that `range` is confirmed. Ranges may come in any order and may overlap.
    pub fn confirm(&mut self, range: Range<u64>) {
        if range.start > self.position {
            let end = self.islands.entry(range.start).or_default();
            *end = range.end.max(*end);
            return;
        }
        self.position = self.position.max(range.end);
        while let Some(island) = self.islands.first_entry() {
            if *island.key() > self.position {
                break;
            }
            self.position = self.position.max(island.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hole_holds_the_position_back_until_it_is_filled() {
        let mut frontier = Frontier::default();
        frontier.confirm(0..10);
        frontier.confirm(20..30);
        assert_eq!(frontier.position(), 10);
        frontier.confirm(10..20);
        assert_eq!(frontier.position(), 30);
    }

    proptest! {
        #[test]
        fn the_position_is_the_first_unconfirmed_one(
            start in 0u64..20,
            ranges in prop::collection::vec((0u64..60, 0u64..12), 0..30),
        ) {
            let mut frontier = Frontier::starting_at(start);
            let mut confirmed = [false; 80];
            for slot in confirmed.iter_mut().take(start as usize) {
                *slot = true;
            }
            for (from, length) in ranges {
                frontier.confirm(from..from + length);
                for slot in &mut confirmed[from as usize..(from + length) as usize] {
                    *slot = true;
                }
                let first_hole = confirmed.iter().position(|slot| !slot).unwrap_or(80);
                prop_assert_eq!(frontier.position(), first_hole as u64);
            }
        }
    }
}
