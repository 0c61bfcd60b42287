//! A digest of many lines that does not depend on their order: two sets of lines compare without either being kept.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Count, bytes and an order-free hash of lines. A line that is there twice counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LineDigest {
    /// How many lines.
    pub lines: u64,
    /// Their bytes, without line ends.
    pub bytes: u64,
    /// The sum of the first 128 bits of each line's SHA-256, modulo 2¹²⁸.
    pub sum: u128,
}

impl LineDigest {
    /// Adds a line, given without its line end.
    pub fn add(&mut self, line: &[u8]) {
        self.count(line);
        let hash = Sha256::digest(line);
        let head = hash
            .iter()
            .take(16)
            .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        self.sum = self.sum.wrapping_add(head);
    }

    /// Adds a line to the counts only.
    pub(crate) fn count(&mut self, line: &[u8]) {
        self.lines += 1;
        self.bytes += line.len() as u64;
    }
}

impl<L: AsRef<[u8]>> FromIterator<L> for LineDigest {
    fn from_iter<I: IntoIterator<Item = L>>(lines: I) -> Self {
        let mut digest = Self::default();
        for line in lines {
            digest.add(line.as_ref());
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_but_repeats_do() {
        let digest = LineDigest::from_iter(["a", "b", "c"]);
        assert_eq!(digest, LineDigest::from_iter(["c", "a", "b"]));
        assert_ne!(digest, LineDigest::from_iter(["a", "b", "d"]));
        assert_ne!(
            LineDigest::from_iter(["a", "a"]).sum,
            LineDigest::from_iter(["a"]).sum
        );
    }
}
