//! The puller: setup → pre-pull → pull → wait, for any source, with the log lines that an operator looks for.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Cycle, Identity, Source};
use crate::event::PullingId;
use crate::session::Session;

/// The wait after a failed setup or pull: doubled each time from the first to the last value.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What one puller needs besides its source.
#[derive(Clone, Debug)]
pub struct PullerSettings {
    /// Whose puller it is.
    pub identity: Identity,
    /// The session it works with; `None` for a source that has no need of AWS.
    pub session: Option<Session>,
    /// The time from the start of one pull to the start of the next.
    pub period: Duration,
    /// The input's environment, where events are to carry it.
    pub environment_in_event: Option<String>,
    /// This puller's own: cancelled when the collector, or only this puller, begins to stop; nothing new is taken in then.
    pub intake: CancellationToken,
    /// How long what is in flight may take to be delivered once the intake is closed.
    pub drain: Duration,
}

/// Runs `source` until `shutdown`.
///
/// What AWS or the network do wrong is logged and tried again for ever: only a fault of our own (a panic) ends a puller, and
/// then its supervisor starts it again.
pub async fn run(
    mut source: Box<dyn Source>,
    settings: PullerSettings,
    shutdown: CancellationToken,
) {
    let intake = settings.intake.clone();
    let set_up = tokio::select! {
        () = intake.cancelled() => false,
        () = shutdown.cancelled() => false,
        () = set_up(source.as_mut(), &settings) => true,
    };
    if set_up {
        let mut open = None;
        tokio::select! {
            biased;
            () = pull(source.as_mut(), &settings, &mut open) => {}
            // With the intake open this is a restart, after a failure elsewhere: what is in flight is given up, and read again,
            // rather than waited for while what it waits for may be what failed.
            () = shutdown.cancelled(), if !intake.is_cancelled() => {
                intake.cancel();
                return;
            }
        }
        source.drain(Instant::now() + settings.drain).await;
        if let Some(open) = open {
            open.close(source.as_mut(), &settings.identity.origin());
        }
    }
    // The supervisor asks the children to stop one after another; to end before that would look like a failure.
    shutdown.cancelled().await;
}

async fn set_up(source: &mut dyn Source, settings: &PullerSettings) {
    let identity = &settings.identity;
    let origin = identity.setup_origin();
    if let Some(session) = &settings.session {
        let established = session.established().await;
        match established.expires.and_then(seconds_left) {
            None => {
                info!(origin = %origin, "Session cannot expire. Using user/profile authentication.");
            }
            Some(seconds) => {
                info!(origin = %origin, "Session expires in {seconds} seconds. It is renewed ahead of that.");
            }
        }
        info!(origin = %origin, "Creating user session");
        info!(origin = %origin, "New AWS session started.");
    }
    let mut wait = FIRST_WAIT;
    while let Err(error) = source.setup().await {
        warn!(
            origin = %origin,
            "Setup for module <{}> failed: {error}; next attempt in {} seconds",
            identity.module,
            wait.as_secs_f64(),
        );
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    info!(origin = %origin, "Setup for module <{}> has been successfully executed", identity.module);
}

fn seconds_left(expires: SystemTime) -> Option<u64> {
    let left = expires.duration_since(SystemTime::now()).ok()?;
    Some(left.as_secs())
}

/// A cycle under way.
struct Open {
    pulling_id: PullingId,
    started: Instant,
}

impl Open {
    /// Says what the cycle did; returns how long it took.
    fn close(self, source: &mut dyn Source, origin: &str) -> Duration {
        let elapsed = self.started.elapsed();
        let counts = source.take_counts();
        info!(origin, "{}", source.received(&counts));
        info!(
            origin,
            "{}",
            counts.statistics(self.pulling_id.as_str(), elapsed)
        );
        elapsed
    }
}

/// Pulls until the intake closes; leaves the last cycle in `open`, since the drain still adds to it.
async fn pull(source: &mut dyn Source, settings: &PullerSettings, open: &mut Option<Open>) {
    let origin: &str = &settings.identity.origin();
    let period = settings.period;
    info!(
        origin,
        "Starting data collection every {} seconds",
        period.as_secs()
    );
    let mut wait_after_error = FIRST_WAIT;
    while !settings.intake.is_cancelled() {
        let cycle = begin(source, settings, origin, open);
        let result = source.pull(&cycle, &settings.intake).await;
        if settings.intake.is_cancelled() {
            return;
        }
        let Some(closed) = open.take() else { return };
        let elapsed = closed.close(source, origin);
        let wait = match result {
            Ok(()) => {
                wait_after_error = FIRST_WAIT;
                say_completed(origin, elapsed, period)
            }
            Err(error) => {
                wait_after_error = (wait_after_error * 2).min(LONGEST_WAIT);
                let seconds = wait_after_error.as_secs_f64();
                warn!(
                    origin,
                    "Pull failed: {error}; next attempt in {seconds} seconds"
                );
                wait_after_error
            }
        };
        tokio::select! {
            () = settings.intake.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn begin(
    source: &dyn Source,
    settings: &PullerSettings,
    origin: &str,
    open: &mut Option<Open>,
) -> Cycle {
    let started = Instant::now();
    let mut pulling_id = PullingId::now();
    if let Some(environment) = &settings.environment_in_event {
        pulling_id = pulling_id.with_environment(environment);
    }
    info!(
        origin,
        "Starting a new pulling from {} at \"{}\"",
        source.subject(),
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00"),
    );
    *open = Some(Open {
        pulling_id: pulling_id.clone(),
        started,
    });
    Cycle {
        pulling_id,
        until: started + settings.period,
    }
}

/// Says how long the pull took; returns how long to wait before the next.
fn say_completed(origin: &str, elapsed: Duration, period: Duration) -> Duration {
    let seconds = elapsed.as_secs_f64();
    // A queue is read for the whole period by design, which is no reason to speak of a pull that took too long.
    if elapsed > period + Duration::from_secs(1) {
        info!(
            origin,
            "Elapsed time: {seconds:.3} seconds. Last retrieval took too much time, no wait will be applied in this loop"
        );
        return Duration::ZERO;
    }
    let wait = period.saturating_sub(elapsed);
    info!(
        origin,
        "Data collection completed. Elapsed time: {seconds:.3} seconds. Waiting for {:.3} second(s) until the next one",
        wait.as_secs_f64(),
    );
    wait
}
