//! When a failing output stops holding up the others: a pure decision over time.
//!
//! All outputs share one budget, so what a failing one does not confirm would, in the end, stop everything. After a while
//! without any confirmation, a short one if the budget is nearly used up, it therefore *sheds*: what waits for it is refused,
//! the sources keep the units, and read them again for this output alone once it accepts again. That is when, after a pause, it
//! can be reached; the pauses double, up to a cap.

use std::time::Duration;

use tokio::time::Instant;

/// How long something may wait without a single confirmation. Longer than a reconnect and a slow handshake take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What can be seen of an output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Whether any delivery is unconfirmed.
    pub(super) waiting: bool,
    /// All confirmations so far.
    pub(super) confirmed: u64,
    /// Whether the budget is nearly used up, so that the others are about to be held up.
    pub(super) pressing: bool,
}

/// What to do about an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Accept,
    Shed,
    /// Its pause is over: see whether it can be reached, and say so to [`Availability::probed`].
    Probe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Accepting { waiting_since: Option<Instant> },
    Shedding { until: Instant },
}

/// One output's standing.
#[derive(Debug)]
pub(super) struct Availability {
    state: State,
    /// How long it may hold the others up.
    patience_under_pressure: Duration,
    pause: Duration,
    confirmed: u64,
}

impl Availability {
    /// An output that accepts. `confirmation` is how long a confirmation usually takes.
    pub(super) fn new(confirmation: Duration) -> Self {
        Self {
            state: State::Accepting {
                waiting_since: None,
            },
            patience_under_pressure: confirmation + Duration::from_secs(3),
            pause: FIRST_PAUSE,
            confirmed: 0,
        }
    }

    /// Looks at the output and decides.
    pub(super) fn look(&mut self, now: Instant, sight: Sight) -> Decision {
        let confirms = sight.confirmed > self.confirmed;
        self.confirmed = sight.confirmed;
        if confirms {
            self.pause = FIRST_PAUSE;
        }
        match self.state {
            State::Shedding { until } if now < until => Decision::Shed,
            State::Shedding { .. } => Decision::Probe,
            State::Accepting { waiting_since } => {
                let since = sight
                    .waiting
                    .then(|| waiting_since.filter(|_| !confirms).unwrap_or(now));
                let patience = if sight.pressing {
                    self.patience_under_pressure.min(PATIENCE)
                } else {
                    PATIENCE
                };
                if since.is_some_and(|since| now.duration_since(since) >= patience) {
                    self.shed(now);
                    return Decision::Shed;
                }
                self.state = State::Accepting {
                    waiting_since: since,
                };
                Decision::Accept
            }
        }
    }

    /// What the probe that was asked for has shown.
    pub(super) fn probed(&mut self, now: Instant, reachable: bool) {
        if reachable {
            self.state = State::Accepting {
                waiting_since: None,
            };
        } else {
            self.shed(now);
        }
    }

    fn shed(&mut self, now: Instant) {
        let until = now + self.pause;
        self.state = State::Shedding { until };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIRMATION: Duration = Duration::from_secs(2);

    fn waiting(confirmed: u64) -> Sight {
        Sight {
            waiting: true,
            confirmed,
            pressing: false,
        }
    }

    #[test]
    fn an_output_without_confirmations_sheds_and_is_probed_after_a_pause() {
        let start = Instant::now();
        let mut output = Availability::new(CONFIRMATION);
        assert_eq!(output.look(start, waiting(0)), Decision::Accept);
        assert_eq!(
            output.look(start + PATIENCE / 2, waiting(0)),
            Decision::Accept
        );
        let shed_at = start + PATIENCE;
        assert_eq!(output.look(shed_at, waiting(0)), Decision::Shed);
        assert_eq!(
            output.look(shed_at + FIRST_PAUSE / 2, waiting(0)),
            Decision::Shed
        );
        assert_eq!(
            output.look(shed_at + FIRST_PAUSE, waiting(0)),
            Decision::Probe
        );
        output.probed(shed_at + FIRST_PAUSE, true);
        assert_eq!(
            output.look(shed_at + FIRST_PAUSE, waiting(0)),
            Decision::Accept
        );
    }

    #[test]
    fn under_pressure_the_patience_is_short() {
        let start = Instant::now();
        let mut output = Availability::new(CONFIRMATION);
        let pressing = Sight {
            pressing: true,
            ..waiting(0)
        };
        assert_eq!(output.look(start, pressing), Decision::Accept);
        assert_eq!(
            output.look(start + CONFIRMATION, pressing),
            Decision::Accept
        );
        let later = start + CONFIRMATION + Duration::from_secs(3);
        assert_eq!(output.look(later, pressing), Decision::Shed);
    }

    #[test]
    fn pauses_double_until_something_is_confirmed() {
        let mut now = Instant::now();
        let mut output = Availability::new(CONFIRMATION);
        let mut pauses = Vec::new();
        output.look(now, waiting(0));
        now += PATIENCE;
        assert_eq!(output.look(now, waiting(0)), Decision::Shed);
        for _ in 0..8 {
            let shed_at = now;
            while output.look(now, waiting(0)) != Decision::Probe {
                now += Duration::from_secs(1);
            }
            output.probed(now, false);
            pauses.push(now - shed_at);
        }
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert_eq!(pauses[1], FIRST_PAUSE * 2);
        assert_eq!(pauses[7], LONGEST_PAUSE);
        output.probed(now, true);
        assert_eq!(output.look(now, waiting(1)), Decision::Accept);
        now += PATIENCE;
        assert_eq!(output.look(now, waiting(1)), Decision::Shed);
        assert_eq!(output.look(now + FIRST_PAUSE, waiting(1)), Decision::Probe);
    }

    #[test]
    fn an_output_that_is_slow_but_confirms_is_left_alone() {
        let start = Instant::now();
        let mut output = Availability::new(CONFIRMATION);
        for second in 0..200 {
            let now = start + Duration::from_secs(second);
            assert_eq!(output.look(now, waiting(second / 15)), Decision::Accept);
        }
    }
}
