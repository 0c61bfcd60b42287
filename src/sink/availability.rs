//! When a failing output stops holding up the others: a pure decision over time.
//!
//! All outputs share one budget, so what a failing one does not confirm would, in the end, stop everything. After a while
//! without any confirmation it therefore *sheds*: what waits for it is refused, the sources keep the units, and read them again
//! for this output alone once it accepts again. The pauses between its trials double, up to a cap.

use std::time::Duration;

use tokio::time::Instant;

/// How long something may wait without a single confirmation. Longer than a reconnect and a slow handshake take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Accepting { waiting_since: Option<Instant> },
    Shedding { until: Instant },
}

/// One output's standing.
#[derive(Debug)]
pub(super) struct Availability {
    state: State,
    pause: Duration,
    confirmed: u64,
}

impl Availability {
    pub(super) fn new() -> Self {
        Self {
            state: State::Accepting {
                waiting_since: None,
            },
            pause: FIRST_PAUSE,
            confirmed: 0,
        }
    }

    /// Looks at the output: `waiting` says whether any delivery is unconfirmed, `confirmed` counts all confirmations so far.
    /// Returns whether the output accepts deliveries from now on.
    pub(super) fn look(&mut self, now: Instant, waiting: bool, confirmed: u64) -> bool {
        if confirmed > self.confirmed {
            self.confirmed = confirmed;
            self.pause = FIRST_PAUSE;
            self.state = State::Accepting {
                waiting_since: waiting.then_some(now),
            };
            return true;
        }
        match self.state {
            State::Accepting { waiting_since } => {
                let since = waiting.then(|| waiting_since.unwrap_or(now));
                if since.is_some_and(|since| now.duration_since(since) >= PATIENCE) {
                    self.state = State::Shedding {
                        until: now + self.pause,
                    };
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    return false;
                }
                self.state = State::Accepting {
                    waiting_since: since,
                };
                true
            }
            State::Shedding { until } if now < until => false,
            State::Shedding { .. } => {
                self.state = State::Accepting {
                    waiting_since: None,
                };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_without_confirmations_sheds_pauses_and_is_tried_again() {
        let start = Instant::now();
        let mut output = Availability::new();
        assert!(output.look(start, true, 0));
        assert!(output.look(start + PATIENCE / 2, true, 0));
        assert!(!output.look(start + PATIENCE, true, 0));
        assert!(!output.look(start + PATIENCE + FIRST_PAUSE / 2, false, 0));
        assert!(output.look(start + PATIENCE + FIRST_PAUSE, false, 0));
    }

    #[test]
    fn pauses_double_until_something_is_confirmed() {
        let mut now = Instant::now();
        let mut output = Availability::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            output.look(now, true, 0);
            now += PATIENCE;
            assert!(!output.look(now, true, 0));
            let shed_at = now;
            while !output.look(now, false, 0) {
                now += Duration::from_secs(1);
            }
            pauses.push(now - shed_at);
        }
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert_eq!(pauses[1], FIRST_PAUSE * 2);
        assert_eq!(pauses[7], LONGEST_PAUSE);
        assert!(output.look(now, true, 1));
        assert!(!output.look(now + PATIENCE, true, 1));
        assert!(output.look(now + PATIENCE + FIRST_PAUSE, true, 1));
    }

    #[test]
    fn an_output_that_is_slow_but_confirms_is_left_alone() {
        let start = Instant::now();
        let mut output = Availability::new();
        for second in 0..200 {
            let now = start + Duration::from_secs(second);
            assert!(output.look(now, true, second / 15));
        }
    }
}
