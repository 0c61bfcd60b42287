//! The sentinel: one row that says the database is ours and whole.
//!
//! Every database is born with it (see `layout`), and every commit rewrites it in the same transaction as its rows. A
//! database that opens without it has lost data: sled can open empty, and without an error, after its snapshots were lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::record::Record;

/// The sentinel's key. It starts with 0, a kind that no other key can have, and so comes before all others.
pub(super) const KEY: &[u8] = b"\0meta/format";

/// What the sentinel says. The format number of the database is its schema number: layouts of keys change with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sentinel {
    /// How often the database was opened.
    pub(super) generation: u64,
    /// How many transactions there were. Exports carry it too: a database behind its own export has lost some.
    pub(super) sequence: u64,
    /// How many rows there are of each kind.
    pub(super) rows: BTreeMap<u8, u64>,
}

impl Sentinel {
    /// Takes note that a row of the kind of `key` came to be.
    pub(super) fn row_added(&mut self, key: &[u8]) {
        if let Some(&kind) = key.first() {
            *self.rows.entry(kind).or_default() += 1;
        }
    }

    /// Takes note that a row of the kind of `key` is no more.
    pub(super) fn row_removed(&mut self, key: &[u8]) {
        if let Some(&kind) = key.first()
            && let Some(rows) = self.rows.get_mut(&kind)
        {
            *rows = rows.saturating_sub(1);
            if *rows == 0 {
                self.rows.remove(&kind);
            }
        }
    }

    /// All rows together.
    pub(super) fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

impl Record for Sentinel {
    const SCHEMA: u16 = 1;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::{Key, envelope, hex};

    #[test]
    fn schema_1_is_read_and_written_as_ever() {
        let sentinel = Sentinel {
            generation: 7,
            sequence: 9,
            rows: BTreeMap::from([(3, 5)]),
        };
        let golden = hex::decode(include_str!("golden/sentinel_1.hex").trim()).unwrap();
        assert_eq!(
            hex::encode(&envelope::encode(&sentinel).unwrap()),
            hex::encode(&golden)
        );
        assert_eq!(envelope::decode(&golden), Ok(sentinel));
    }

    #[test]
    fn no_row_can_take_its_place() {
        assert!(Key::from_bytes(KEY).is_err());
    }
}
