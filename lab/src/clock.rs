//! The lab's one clock: `tokio` time for every deadline, so that tests can pause it, and the wall-clock stamps derived from it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::time::Instant;

/// Ties a `tokio` instant to a wall-clock reading, so that stamps move with (paused) tokio time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    wall: Duration,
}

impl Clock {
    /// Starts at the present wall-clock time.
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            wall,
        }
    }

    /// Milliseconds since the Unix epoch at `at`.
    pub(crate) fn epoch_ms(&self, at: Instant) -> i64 {
        let elapsed = at.saturating_duration_since(self.started);
        i64::try_from((self.wall + elapsed).as_millis()).unwrap_or(i64::MAX)
    }

    /// The wall-clock stamp of `at`.
    pub(crate) fn timestamp(&self, at: Instant) -> Timestamp {
        Timestamp::from_millisecond(self.epoch_ms(at)).unwrap_or(Timestamp::MAX)
    }

    /// `2026-01-31T10:00:00.000Z`, the form S3 and STS write.
    pub(crate) fn iso(&self, at: Instant) -> String {
        self.timestamp(at)
            .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
            .to_string()
    }
}

/// An HTTP date (RFC 9110, section 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stamps_follow_paused_time() {
        let clock = Clock::start();
        let before = clock.epoch_ms(Instant::now());
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.epoch_ms(Instant::now()) - before, 90_000);
    }

    #[test]
    fn http_dates_are_rfc_9110() {
        assert_eq!(
            http_date(Timestamp::UNIX_EPOCH),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }
}
