//! How long to wait before a restart: exponential, capped, with full jitter.

use std::time::Duration;

/// The delay before a child's n-th restart in a row: a random time between zero and `initial` × 2ⁿ, at most `max`.
///
/// "Full jitter" of <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>: children that failed
/// together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

/// A [`Backoff`] that would wait for nothing, backwards, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackoffError {
    /// No delay at all turns a child that cannot start into a busy loop.
    #[error("backoff: `initial` must be above zero")]
    ZeroInitial,
    /// The cap lies below the first delay.
    #[error("backoff: `max` ({max:?}) must not be below `initial` ({initial:?})")]
    MaxBelowInitial {
        /// The first delay's upper bound, as given.
        initial: Duration,
        /// The cap, as given.
        max: Duration,
    },
    /// The cap is longer than [`Backoff::LONGEST`].
    #[error("backoff: `max` ({0:?}) must not be above {longest:?}", longest = Backoff::LONGEST)]
    MaxTooLong(Duration),
}

impl Backoff {
    /// The longest cap accepted: a child that waits for more than a day is not supervised, it is forgotten.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// A backoff whose first delay is at most `initial` and whose longest is at most `max`.
    ///
    /// # Errors
    /// If `initial` is zero, `max` is below it, or `max` is above [`Backoff::LONGEST`].
    pub fn new(initial: Duration, max: Duration) -> Result<Self, BackoffError> {
        if initial.is_zero() {
            Err(BackoffError::ZeroInitial)
        } else if max < initial {
            Err(BackoffError::MaxBelowInitial { initial, max })
        } else if max > Self::LONGEST {
            Err(BackoffError::MaxTooLong(max))
        } else {
            Ok(Self { initial, max })
        }
    }

    /// The upper bound of the delay after `failures` earlier failures in a row.
    #[must_use]
    pub fn cap(&self, failures: u32) -> Duration {
        let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    /// A delay drawn evenly from zero to [`Backoff::cap`].
    #[must_use]
    pub fn delay(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        let cap_ns = u64::try_from(self.cap(failures).as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.u64(0..=cap_ns))
    }
}

impl Default for Backoff {
    /// 200 ms to 30 s, the configuration's default.
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_cap_doubles_until_the_maximum() {
        let backoff = Backoff::new(SECOND, 5 * SECOND).unwrap();
        let caps: Vec<u64> = (0..5).map(|n| backoff.cap(n).as_secs()).collect();
        assert_eq!(caps, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn impossible_backoffs_are_refused() {
        assert_eq!(
            Backoff::new(Duration::ZERO, SECOND),
            Err(BackoffError::ZeroInitial)
        );
        assert_eq!(
            Backoff::new(2 * SECOND, SECOND),
            Err(BackoffError::MaxBelowInitial {
                initial: 2 * SECOND,
                max: SECOND
            })
        );
        assert_eq!(
            Backoff::new(SECOND, Duration::MAX),
            Err(BackoffError::MaxTooLong(Duration::MAX))
        );
    }

    #[test]
    fn delays_spread_over_the_whole_range() {
        let backoff = Backoff::new(SECOND, SECOND).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let delays: Vec<Duration> = (0..1000).map(|_| backoff.delay(0, &mut random)).collect();
        assert!(delays.iter().any(|delay| *delay < SECOND / 10));
        assert!(delays.iter().any(|delay| *delay > SECOND * 9 / 10));
    }

    proptest! {
        #[test]
        fn a_delay_never_leaves_its_bounds(
            initial_ms in 1_u64..100_000,
            extra_ms in 0_u64..10_000_000,
            failures: u32,
            seed: u64,
        ) {
            let initial = Duration::from_millis(initial_ms);
            let max = initial + Duration::from_millis(extra_ms);
            let backoff = Backoff::new(initial, max).unwrap();
            let delay = backoff.delay(failures, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(delay <= backoff.cap(failures));
            prop_assert!(backoff.cap(failures) <= max);
        }
    }
}
