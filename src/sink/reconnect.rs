//! How long a sender waits between attempts: exponential, capped, with full jitter, for ever.

use std::time::Duration;

/// The waiting times of one sender.
#[derive(Clone, Debug)]
pub struct Reconnect {
    initial: Duration,
    max: Duration,
    failures: u32,
}

impl Reconnect {
    /// Waits of up to `initial` after the first failure, twice as long after each further one, at most `max`.
    #[must_use]
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max,
            failures: 0,
        }
    }

    /// The wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(fastrand::f64())
    }

    /// The output works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn ceiling(&self) -> Duration {
        self.initial
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_anew_after_a_success() {
        let mut reconnect = Reconnect::new(Duration::from_millis(200), Duration::from_secs(30));
        let ceilings: Vec<Duration> = (0..100)
            .map(|_| {
                let ceiling = reconnect.ceiling();
                assert!(reconnect.next_delay() <= ceiling);
                ceiling
            })
            .collect();
        assert_eq!(ceilings[1], Duration::from_millis(400));
        assert_eq!(ceilings[99], Duration::from_secs(30));
        reconnect.reset();
        assert_eq!(reconnect.ceiling(), Duration::from_millis(200));
    }
}
