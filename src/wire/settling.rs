//! When a write counts as confirmed by TCP: a pure decision over byte counts, the peer's window and time.
//!
//! The peer's kernel acknowledges bytes before the peer's program has read them; if the program dies then, they are lost although
//! they were acknowledged. So an acknowledged write is kept until the connection has stood for a while longer. That while only
//! counts as long as the peer's window is open: a program that has stopped, or cannot keep up, lets unread bytes fill it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The window counts as open from half of the largest one announced on this connection. More cannot be asked for: a peer that has
/// read everything need not announce a window that is less than twice as large as before (Linux does not).
const OPEN_PART: u64 = 2;

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
    /// Since when the window has been open without a break.
    open_since: Option<Instant>,
}

impl Settling {
    /// No writes yet; an acknowledged one is confirmed when the connection has stood for `time` with an open window.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            writes: VecDeque::new(),
            acknowledged: 0,
            largest_window: 0,
            open_since: None,
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
    /// bytes (taken as open where it is not known): how many of the oldest writes are confirmed by that.
    pub fn acknowledged(&mut self, acknowledged: u64, window: Option<u32>, now: Instant) -> usize {
        self.acknowledged = self.acknowledged.max(acknowledged);
        for write in &mut self.writes {
            if write.end > self.acknowledged {
                break;
            }
            write.acknowledged_at.get_or_insert(now);
        }
        if !self.is_open(window) {
            self.open_since = None;
            return 0;
        }
        let open_since = *self.open_since.get_or_insert(now);
        let settled = |write: &&Write| {
            write
                .acknowledged_at
                .is_some_and(|at| now.duration_since(at.max(open_since)) >= self.time)
        };
        let confirmed = self.writes.iter().take_while(settled).count();
        self.writes.drain(..confirmed);
        confirmed
    }

    fn is_open(&mut self, window: Option<u32>) -> bool {
        let Some(window) = window.map(u64::from) else {
            return true;
        };
        self.largest_window = self.largest_window.max(window);
        window * OPEN_PART >= self.largest_window
    }

    /// When the oldest acknowledged write can be confirmed at the earliest; `None` if none is acknowledged.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        let oldest = self.writes.front()?;
        oldest.acknowledged_at.map(|at| at + self.time)
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
    const OPEN: Option<u32> = Some(1_000_000);
    const NARROW: Option<u32> = Some(400_000);

    /// A write of 100 bytes that the peer has just acknowledged, on a connection whose window was open before.
    fn acknowledged_at(now: Instant, window: Option<u32>) -> Settling {
        let mut settling = Settling::new(TIME);
        settling.acknowledged(0, window.and(OPEN), now);
        settling.wrote(100);
        assert_eq!(settling.acknowledged(100, window, now), 0);
        assert!(settling.all_acknowledged());
        settling
    }

    #[test]
    fn an_acknowledged_write_is_confirmed_after_the_time() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, OPEN);
        assert_eq!(settling.earliest(), Some(start + TIME));
        assert_eq!(settling.acknowledged(100, OPEN, start + TIME / 2), 0);
        assert_eq!(settling.acknowledged(100, OPEN, start + TIME), 1);
    }

    #[test]
    fn while_the_window_is_narrow_nothing_is_confirmed_however_long_it_takes() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, NARROW);
        let later = start + TIME * 1_000;
        assert_eq!(settling.acknowledged(100, NARROW, later), 0);
        assert_eq!(settling.acknowledged(100, Some(0), later), 0);
        // The time begins anew when the peer reads again.
        assert_eq!(settling.acknowledged(100, OPEN, later), 0);
        assert_eq!(settling.acknowledged(100, OPEN, later + TIME), 1);
    }

    #[test]
    fn a_window_that_closes_in_between_starts_the_time_anew() {
        let start = Instant::now();
        let mut settling = acknowledged_at(start, OPEN);
        assert_eq!(settling.acknowledged(100, Some(0), start + TIME / 2), 0);
        assert_eq!(settling.acknowledged(100, OPEN, start + TIME), 0);
        assert_eq!(settling.acknowledged(100, OPEN, start + TIME * 2), 1);
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
        assert_eq!(settling.acknowledged(99, OPEN, now), 0);
        assert_eq!(settling.acknowledged(99, OPEN, now + TIME * 100), 0);
        assert!(!settling.all_acknowledged());
        assert_eq!(settling.earliest(), None);
    }
}
