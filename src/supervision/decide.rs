//! The decision core: what a supervisor does about a child's end. Pure, with the time and the randomness handed in; the
//! `supervisor` module carries it out.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::exit::Exit;
use super::intensity::{Intensity, IntensitySpent, RestartLog};

/// Which siblings share the fate of a child that is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// None: for children that do not need each other.
    OneForOne,
    /// All: for children that need each other.
    OneForAll,
    /// Those started after it: for children that need the ones before them.
    RestForOne,
}

/// After which ends a child is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// After any.
    Permanent,
    /// After an [abnormal](Exit::is_abnormal) one, or together with a sibling.
    Transient,
    /// Never, also not when it was stopped for a sibling's sake.
    Temporary,
}

/// What to do about a child's end. Children are named by their place in the start order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Leave it ended; a sibling's restart may start it again.
    Nothing,
    /// Forget the child: it is never started again.
    Remove,
    /// Stop those in `stop`, one after the other, wait for `delay`, then start those in `start`, one after the other.
    Restart {
        /// The siblings to stop, last started first; some may have ended already.
        stop: Vec<usize>,
        /// The child and its siblings to start, in start order.
        start: Vec<usize>,
        /// The backoff.
        delay: Duration,
    },
    /// Stop everything and fail.
    Escalate {
        /// Why no restart is possible.
        reason: IntensitySpent,
    },
}

/// The memory of one supervisor: what its children's restart types are, and how often they were restarted of late.
#[derive(Debug)]
pub struct Decider {
    strategy: Strategy,
    backoff: Backoff,
    /// How long a child must have been up for its earlier failures to be forgotten.
    healthy_after: Duration,
    restarts: RestartLog,
    children: Vec<Child>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Child {
    restart: Restart,
    removed: bool,
    /// Restarts in a row, without a healthy run between them.
    failures: u32,
    up_since: Option<Instant>,
}

impl Decider {
    /// A supervisor whose children, in start order, have the restart types `children`; `random` is for the jitter.
    pub fn new(
        strategy: Strategy,
        intensity: Intensity,
        backoff: Backoff,
        children: impl IntoIterator<Item = Restart>,
        random: fastrand::Rng,
    ) -> Self {
        let children = children.into_iter().map(|restart| Child {
            restart,
            removed: false,
            failures: 0,
            up_since: None,
        });
        Self {
            strategy,
            backoff,
            healthy_after: intensity.window(),
            restarts: RestartLog::new(intensity),
            children: children.collect(),
            random,
        }
    }

    /// Notes that a child has started, and so begins to be healthy.
    pub fn started(&mut self, child: usize, now: Instant) {
        if let Some(child) = self.children.get_mut(child) {
            child.up_since = Some(now);
        }
    }

    /// What to do about `child`'s end, which was `exit`. A failed start is an end as well.
    pub fn decide(&mut self, child: usize, exit: &Exit, now: Instant) -> Plan {
        let Some(ended) = self.children.get_mut(child).filter(|it| !it.removed) else {
            return Plan::Nothing;
        };
        let was_up = ended
            .up_since
            .take()
            .map(|since| now.saturating_duration_since(since));
        if was_up.is_some_and(|time| time >= self.healthy_after) {
            ended.failures = 0;
        }
        match ended.restart {
            Restart::Temporary => {
                ended.removed = true;
                return Plan::Remove;
            }
            Restart::Transient if !exit.is_abnormal() => return Plan::Nothing,
            Restart::Transient | Restart::Permanent => {}
        }
        if let Err(reason) = self.restarts.admit(now) {
            return Plan::Escalate { reason };
        }
        let delay = self.backoff.delay(ended.failures, &mut self.random);
        ended.failures = ended.failures.saturating_add(1);
        self.restart_with_siblings(child, delay)
    }

    fn restart_with_siblings(&mut self, child: usize, delay: Duration) -> Plan {
        let affected = match self.strategy {
            Strategy::OneForOne => child..child + 1,
            Strategy::RestForOne => child..self.children.len(),
            Strategy::OneForAll => 0..self.children.len(),
        };
        let mut stop = Vec::new();
        let mut start = Vec::new();
        for index in affected {
            let sibling = &mut self.children[index];
            if sibling.removed {
                continue;
            }
            if index != child {
                stop.push(index);
                sibling.up_since = None;
            }
            if sibling.restart == Restart::Temporary {
                sibling.removed = true;
            } else {
                start.push(index);
            }
        }
        stop.reverse();
        Plan::Restart { stop, start, delay }
    }
}

#[cfg(test)]
mod tests;
