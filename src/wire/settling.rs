//! When a write counts as confirmed by TCP: a pure decision over byte counts and time.
//!
//! The peer's kernel acknowledges bytes before the peer's program has read them; if the program dies then, they are lost although
//! they were acknowledged. So an acknowledged write is still kept until the connection has stood for a while longer, or until so
//! many more bytes were acknowledged that the earlier ones cannot be in the peer's socket buffer any more.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long, and how much, must follow before an acknowledged write is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlingRule {
    /// The connection must have stood for this long since the acknowledgement …
    pub time: Duration,
    /// … or this many bytes written later must have been acknowledged too, and four times the largest window that the
    /// peer has announced: more than its socket can hold, so that what lies further back has been read by the program.
    pub bytes: u64,
}

/// A socket's buffer can be larger than the window it announces while there are unread bytes in it; half of it is usual.
const WINDOWS: u64 = 4;

#[derive(Clone, Copy, Debug)]
struct Write {
    end: u64,
    acknowledged_at: Option<Instant>,
}

/// The writes of one connection that are not confirmed yet, oldest first.
#[derive(Debug)]
pub struct Settling {
    rule: SettlingRule,
    writes: VecDeque<Write>,
    acknowledged: u64,
    largest_window: u64,
}

impl Settling {
    /// No writes yet.
    #[must_use]
    pub fn new(rule: SettlingRule) -> Self {
        Self {
            rule,
            writes: VecDeque::new(),
            acknowledged: 0,
            largest_window: 0,
        }
    }

    /// A write has been handed to the kernel whole; it ends at byte `end` of the connection.
    pub fn wrote(&mut self, end: u64) {
        self.writes.push_back(Write {
            end,
            acknowledged_at: None,
        });
    }

    /// The connection stands, the peer has acknowledged everything below byte `acknowledged` and announces `window` bytes: how
    /// many of the oldest writes are confirmed by that.
    pub fn acknowledged(&mut self, acknowledged: u64, window: u64, now: Instant) -> usize {
        self.acknowledged = self.acknowledged.max(acknowledged);
        self.largest_window = self.largest_window.max(window);
        for write in &mut self.writes {
            if write.end > self.acknowledged {
                break;
            }
            write.acknowledged_at.get_or_insert(now);
        }
        let rule = self.rule;
        let behind = rule.bytes.max(WINDOWS * self.largest_window);
        let settled = |write: &Write| {
            write.acknowledged_at.is_some_and(|at| {
                now.duration_since(at) >= rule.time || self.acknowledged - write.end >= behind
            })
        };
        let confirmed = self
            .writes
            .iter()
            .take_while(|write| settled(write))
            .count();
        self.writes.drain(..confirmed);
        confirmed
    }

    /// When the oldest acknowledged write will have settled by time; `None` if none is acknowledged.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let oldest = self.writes.front()?;
        oldest.acknowledged_at.map(|at| at + self.rule.time)
    }

    /// Whether every write has been acknowledged, settled or not.
    #[must_use]
    pub fn all_acknowledged(&self) -> bool {
        self.writes
            .back()
            .is_none_or(|write| write.acknowledged_at.is_some())
    }

    /// Bytes acknowledged so far: the sign of progress.
    #[must_use]
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: SettlingRule = SettlingRule {
        time: Duration::from_secs(2),
        bytes: 1000,
    };

    #[test]
    fn an_acknowledged_write_is_confirmed_after_the_time() {
        let start = Instant::now();
        let mut settling = Settling::new(RULE);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, 0, start), 0);
        assert!(settling.all_acknowledged());
        assert_eq!(settling.next_deadline(), Some(start + RULE.time));
        assert_eq!(settling.acknowledged(100, 0, start + RULE.time), 1);
    }

    #[test]
    fn enough_later_bytes_confirm_at_once() {
        let now = Instant::now();
        let mut settling = Settling::new(RULE);
        settling.wrote(100);
        settling.wrote(1100);
        settling.wrote(1200);
        assert_eq!(settling.acknowledged(1099, 0, now), 0);
        assert_eq!(settling.acknowledged(1100, 0, now), 1);
        assert_eq!(settling.acknowledged(1200, 0, now), 0);
    }

    #[test]
    fn a_write_that_is_acknowledged_in_part_is_not_confirmed_however_long_it_takes() {
        let now = Instant::now();
        let mut settling = Settling::new(RULE);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(99, 0, now), 0);
        assert_eq!(settling.acknowledged(99, 0, now + RULE.time * 100), 0);
        assert!(!settling.all_acknowledged());
        assert_eq!(settling.next_deadline(), None);
    }

    #[test]
    fn a_peer_with_a_large_buffer_must_acknowledge_more() {
        let now = Instant::now();
        let mut settling = Settling::new(RULE);
        settling.wrote(100);
        settling.wrote(9_000);
        assert_eq!(settling.acknowledged(100, 2_000, now), 0);
        assert_eq!(settling.acknowledged(100 + 4 * 2_000 - 1, 10, now), 0);
        assert_eq!(settling.acknowledged(100 + 4 * 2_000, 10, now), 1);
    }
}
