//! When a write counts as confirmed by TCP: a pure decision over byte counts, the peer's window and time.
//!
//! The peer's kernel acknowledges bytes before the peer's program has read them; if the program dies then, they are lost although
//! they were acknowledged. So an acknowledged write is kept until the connection has stood for a while longer. Unread bytes make
//! the window smaller that the peer announces: while it is open, the program keeps up, and a short while is enough.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long an acknowledged write is kept while the peer's window is open. What is unread then is less than a tenth of its
/// buffer, which any program that reads at all has read long before.
const WHILE_OPEN: Duration = Duration::from_millis(200);

/// The window counts as open from this share of the largest one that the peer has announced on this connection.
const OPEN_SHARE: (u64, u64) = (9, 10);

#[derive(Clone, Copy, Debug)]
struct Write {
    end: u64,
    acknowledged_at: Option<Instant>,
}

/// The writes of one connection that are not confirmed yet, oldest first.
#[derive(Debug)]
pub struct Settling {
    time: Duration,
    writes: VecDeque<Write>,
    acknowledged: u64,
    largest_window: u64,
}

impl Settling {
    /// No writes yet; whatever the window says, an acknowledged one is confirmed when the connection has stood for `time`.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            time,
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

    /// The connection stands, the peer has acknowledged everything below byte `acknowledged` and announces a window of `window`
    /// bytes (0 where that is not known): how many of the oldest writes are confirmed by that.
    pub fn acknowledged(&mut self, acknowledged: u64, window: u64, now: Instant) -> usize {
        self.acknowledged = self.acknowledged.max(acknowledged);
        self.largest_window = self.largest_window.max(window);
        for write in &mut self.writes {
            if write.end > self.acknowledged {
                break;
            }
            write.acknowledged_at.get_or_insert(now);
        }
        let (share, whole) = OPEN_SHARE;
        let is_open = window > 0 && window * whole >= self.largest_window * share;
        let time = if is_open {
            self.time.min(WHILE_OPEN)
        } else {
            self.time
        };
        let settled = |write: &&Write| {
            write
                .acknowledged_at
                .is_some_and(|at| now.duration_since(at) >= time)
        };
        let confirmed = self.writes.iter().take_while(settled).count();
        self.writes.drain(..confirmed);
        confirmed
    }

    /// When the oldest acknowledged write can be confirmed at the earliest; `None` if none is acknowledged.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        let oldest = self.writes.front()?;
        oldest
            .acknowledged_at
            .map(|at| at + self.time.min(WHILE_OPEN))
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

    const TIME: Duration = Duration::from_secs(2);
    const WINDOW: u64 = 1_000_000;

    #[test]
    fn with_an_open_window_a_short_while_is_enough() {
        let start = Instant::now();
        let mut settling = Settling::new(TIME);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, WINDOW, start), 0);
        assert!(settling.all_acknowledged());
        assert_eq!(settling.earliest(), Some(start + WHILE_OPEN));
        assert_eq!(settling.acknowledged(100, WINDOW, start + WHILE_OPEN), 1);
    }

    #[test]
    fn while_unread_bytes_narrow_the_window_the_whole_time_must_pass() {
        let start = Instant::now();
        let mut settling = Settling::new(TIME);
        settling.wrote(100);
        settling.acknowledged(0, WINDOW, start);
        let narrow = WINDOW * 8 / 10;
        assert_eq!(settling.acknowledged(100, narrow, start), 0);
        assert_eq!(settling.acknowledged(100, narrow, start + TIME / 2), 0);
        assert_eq!(settling.acknowledged(100, narrow, start + TIME), 1);
    }

    #[test]
    fn where_the_window_is_not_known_the_whole_time_must_pass() {
        let start = Instant::now();
        let mut settling = Settling::new(TIME);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, 0, start), 0);
        assert_eq!(settling.acknowledged(100, 0, start + TIME / 2), 0);
        assert_eq!(settling.acknowledged(100, 0, start + TIME), 1);
    }

    #[test]
    fn a_write_that_is_acknowledged_in_part_is_not_confirmed_however_long_it_takes() {
        let now = Instant::now();
        let mut settling = Settling::new(TIME);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(99, WINDOW, now), 0);
        assert_eq!(settling.acknowledged(99, WINDOW, now + TIME * 100), 0);
        assert!(!settling.all_acknowledged());
        assert_eq!(settling.earliest(), None);
    }

    #[test]
    fn a_time_shorter_than_the_short_while_holds_always() {
        let now = Instant::now();
        let mut settling = Settling::new(Duration::ZERO);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, 0, now), 1);
    }
}
