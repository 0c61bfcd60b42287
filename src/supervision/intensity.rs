//! How many restarts a supervisor may make before it gives up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// OTP's restart intensity: at most `max_restarts` within any `window`, over all children of one supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    max_restarts: u32,
    window: Duration,
}

/// An [`Intensity`] that could never be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "restart intensity: `window` must be above zero, or no number of restarts would ever count"
)]
pub struct IntensityError;

/// The reason of an escalation: one restart more than the [`Intensity`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {max_restarts} restarts allowed in {window:?} are spent")]
pub struct IntensitySpent {
    max_restarts: u32,
    window: Duration,
}

impl Intensity {
    /// At most `max_restarts` within any `window`; zero restarts means that the first failure escalates.
    ///
    /// # Errors
    /// If `window` is zero.
    pub fn new(max_restarts: u32, window: Duration) -> Result<Self, IntensityError> {
        if window.is_zero() {
            return Err(IntensityError);
        }
        Ok(Self {
            max_restarts,
            window,
        })
    }

    /// The time over which restarts are counted, and for which a child must run to be taken for healthy.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }
}

impl Default for Intensity {
    /// 10 restarts in 60 s, the configuration's default.
    fn default() -> Self {
        Self {
            max_restarts: 10,
            window: Duration::from_secs(60),
        }
    }
}

/// The restarts of the last window, at most `max_restarts` of them.
#[derive(Debug)]
pub(super) struct RestartLog {
    intensity: Intensity,
    recent: VecDeque<Instant>,
}

impl RestartLog {
    pub(super) fn new(intensity: Intensity) -> Self {
        Self {
            intensity,
            recent: VecDeque::new(),
        }
    }

    /// Counts a restart, unless the window already holds as many as are allowed.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), IntensitySpent> {
        let Intensity {
            max_restarts,
            window,
        } = self.intensity;
        while let Some(oldest) = self.recent.front()
            && now.saturating_duration_since(*oldest) >= window
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= max_restarts as usize {
            return Err(IntensitySpent {
                max_restarts,
                window,
            });
        }
        self.recent.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let mut log = RestartLog::new(Intensity::new(2, 10 * SECOND).unwrap());
        assert!(log.admit(start).is_ok());
        assert!(log.admit(start + 6 * SECOND).is_ok());
        assert!(log.admit(start + 9 * SECOND).is_err());
        assert!(log.admit(start + 10 * SECOND).is_ok());
        assert!(log.admit(start + 15 * SECOND).is_err());
    }

    #[test]
    fn zero_restarts_admit_none() {
        let mut log = RestartLog::new(Intensity::new(0, SECOND).unwrap());
        assert!(log.admit(Instant::now()).is_err());
    }

    #[test]
    fn a_zero_window_is_refused() {
        assert_eq!(Intensity::new(1, Duration::ZERO), Err(IntensityError));
    }

    proptest! {
        #[test]
        fn no_window_holds_more_restarts_than_allowed(
            max_restarts in 0_u32..5,
            window_ms in 1_u64..1000,
            gaps_ms in prop::collection::vec(0_u64..500, 0..60),
        ) {
            let window = Duration::from_millis(window_ms);
            let mut log = RestartLog::new(Intensity::new(max_restarts, window).unwrap());
            let mut now = Instant::now();
            let mut admitted: Vec<Instant> = Vec::new();
            for gap_ms in gaps_ms {
                now += Duration::from_millis(gap_ms);
                let in_window = admitted.iter().filter(|then| now - **then < window).count();
                let allowed = log.admit(now).is_ok();
                prop_assert_eq!(allowed, in_window < max_restarts as usize);
                if allowed {
                    admitted.push(now);
                }
            }
        }
    }
}
