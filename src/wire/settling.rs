//! When a write counts as confirmed by TCP: a pure decision over byte counts, the peer's window and time.
//!
//! The peer's kernel acknowledges bytes before the peer's program has read them; if the program dies then, they are lost although
//! they were acknowledged. What the program has read shows in the window: it reaches as far beyond the last byte read as the
//! peer's buffer is large. So a write whose end lies a whole buffer before the end of the window has been read.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a write is kept after its acknowledgement when the window says that it has been read. The buffer's size is only
/// known from the largest window announced so far, so nearly a whole one is asked for, and a while for the rest.
const WHEN_READ: Duration = Duration::from_millis(200);

/// Of the largest window, what must lie beyond a write that counts as read: nine tenths …
const READ_TENTHS: u64 = 9;

/// … or half of it for a write that may have been read: a peer need not announce a window that has not doubled (Linux does not),
/// and one under memory pressure announces less than before.
const PERHAPS_READ_TENTHS: u64 = 5;

/// How many times the configured time such a write is kept.
const PERHAPS_READ_FACTOR: u32 = 5;

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
    /// No writes yet. Where the peer's window is not known, an acknowledged write is kept for `time`.
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

    /// The connection stands, the peer has acknowledged everything below byte `acknowledged`, and announces a window of `window`
    /// bytes from there on: how many of the oldest writes are confirmed by that.
    pub fn acknowledged(&mut self, acknowledged: u64, window: Option<u32>, now: Instant) -> usize {
        self.acknowledged = self.acknowledged.max(acknowledged);
        let window = window.map(u64::from);
        self.largest_window = self.largest_window.max(window.unwrap_or(0));
        for write in &mut self.writes {
            if write.end > self.acknowledged {
                break;
            }
            write.acknowledged_at.get_or_insert(now);
        }
        let settled = |write: &&Write| {
            write.acknowledged_at.is_some_and(|at| {
                self.time_for(write, window)
                    .is_some_and(|time| now.duration_since(at) >= time)
            })
        };
        let confirmed = self.writes.iter().take_while(settled).count();
        self.writes.drain(..confirmed);
        confirmed
    }

    /// How long an acknowledged write is to be kept; `None` while the peer has certainly not read it.
    fn time_for(&self, write: &Write, window: Option<u64>) -> Option<Duration> {
        let Some(window) = window else {
            return Some(self.time);
        };
        let beyond = (self.acknowledged - write.end) + window;
        if beyond * 10 >= self.largest_window * READ_TENTHS {
            Some(self.time.min(WHEN_READ))
        } else if beyond * 10 >= self.largest_window * PERHAPS_READ_TENTHS {
            Some(self.time * PERHAPS_READ_FACTOR)
        } else {
            None
        }
    }

    /// When the oldest acknowledged write can be confirmed at the earliest; `None` if none is acknowledged.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        let oldest = self.writes.front()?;
        let time = self.time.min(WHEN_READ);
        oldest.acknowledged_at.map(|at| at + time)
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
    const BUFFER: u32 = 1_000_000;

    /// A write of 100 bytes that the peer has just acknowledged, after it had announced its whole buffer.
    fn acknowledged_at(now: Instant, window: Option<u32>) -> Settling {
        let mut settling = Settling::new(TIME);
        settling.acknowledged(0, window.map(|_| BUFFER), now);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, window, now), 0);
        assert!(settling.all_acknowledged());
        settling
    }

    #[test]
    fn when_the_window_is_whole_again_a_short_while_is_enough() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, Some(BUFFER));
        assert_eq!(settling.earliest(), Some(start + WHEN_READ));
        assert_eq!(
            settling.acknowledged(100, Some(BUFFER), start + WHEN_READ),
            1
        );
    }

    #[test]
    fn while_unread_bytes_fill_the_buffer_nothing_is_confirmed_however_long_it_takes() {
        let start = Instant::now();
        let narrow = Some(BUFFER * 4 / 10);
        let mut settling = acknowledged_at(start, narrow);
        assert_eq!(settling.acknowledged(100, narrow, start + TIME * 1_000), 0);
        assert_eq!(settling.acknowledged(100, Some(0), start + TIME * 1_000), 0);
        assert_eq!(
            settling.acknowledged(100, Some(BUFFER), start + TIME * 1_000),
            1
        );
    }

    #[test]
    fn in_between_it_takes_several_times_as_long() {
        let start = Instant::now();
        let between = Some(BUFFER * 7 / 10);
        let mut settling = acknowledged_at(start, between);
        assert_eq!(settling.acknowledged(100, between, start + TIME * 4), 0);
        assert_eq!(settling.acknowledged(100, between, start + TIME * 5), 1);
    }

    #[test]
    fn later_bytes_that_were_acknowledged_count_like_the_window() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, Some(0));
        settling.wrote(100 + u64::from(BUFFER));
        let all = 100 + u64::from(BUFFER);
        // A buffer full of what was written later: the first write must have been read, the second need not.
        assert_eq!(settling.acknowledged(all, Some(0), start + WHEN_READ), 1);
        assert_eq!(settling.acknowledged(all, Some(0), start + TIME * 1_000), 0);
    }

    #[test]
    fn where_the_window_is_not_known_time_decides() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, None);
        assert_eq!(settling.acknowledged(100, None, start + TIME / 2), 0);
        assert_eq!(settling.acknowledged(100, None, start + TIME), 1);
    }

    #[test]
    fn a_write_that_is_acknowledged_in_part_is_not_confirmed() {
        let now = Instant::now();
        let mut settling = Settling::new(TIME);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(99, Some(BUFFER), now), 0);
        assert_eq!(settling.acknowledged(99, Some(BUFFER), now + TIME * 100), 0);
        assert!(!settling.all_acknowledged());
        assert_eq!(settling.earliest(), None);
    }
}
