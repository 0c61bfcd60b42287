//! An output's pool: its queue, its lanes and its senders, and the watch that accounts for them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Sink;
use super::availability::{Availability, Decision, Sight};
use super::lane::{Counts, Lane};
use super::reconnect::Reconnect;
use super::sender::Sender;
use crate::delivery::{Budget, Delivery, OutputId, OutputPort};
use crate::supervision::{ChildSpec, Intensity, Strategy, SupervisorSpec};

/// How many batches may wait in an output's queue. The byte budget is the real bound; this one keeps a single output from
/// holding thousands of tiny batches.
const QUEUE_BATCHES: usize = 256;

/// How long a sender may take to end its connection in order.
const SENDER_SHUTDOWN: Duration = Duration::from_secs(2);

/// How one output is run.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The output's name in the configuration.
    pub name: Arc<str>,
    /// How many senders, each with a connection of its own.
    pub senders: usize,
    /// The number of this output's first sender: senders are numbered through all outputs.
    pub first_sender: usize,
    /// How long a connection may stand without progress while something waits.
    pub stall_limit: Duration,
    /// How often the log says what was sent.
    pub stats_period: Duration,
    /// The waits between attempts to connect.
    pub reconnect: Reconnect,
    /// Whether this output must let go of what it cannot deliver, since there are others which would be held up.
    pub sheds: bool,
    /// How long a confirmation usually takes.
    pub confirmation: Duration,
    /// The budget that all outputs share.
    pub budget: Budget,
    /// How often its senders may be restarted before the pool as a whole is.
    pub intensity: Intensity,
}

/// One output, ready to be started.
pub struct Pool {
    port: OutputPort,
    spec: SupervisorSpec,
}

impl Pool {
    /// Lays out the pool of the output `id` that writes to `sink`. What it holds outlives the actors that it starts.
    #[must_use]
    pub fn new(id: OutputId, settings: &PoolSettings, sink: &Arc<dyn Sink>) -> Self {
        let (queue, deliveries) = async_channel::bounded(QUEUE_BATCHES);
        let (accepting_tx, accepting) = watch::channel(true);
        let port = OutputPort {
            id,
            name: Arc::clone(&settings.name),
            queue,
            accepting: accepting.clone(),
        };

        let lanes: Arc<[Arc<Lane>]> = (0..settings.senders).map(|_| Arc::default()).collect();
        let mut children: Vec<ChildSpec> = Vec::new();
        for (place, lane) in lanes.iter().enumerate() {
            children.push(sender_spec(
                settings.first_sender + place,
                settings,
                sink,
                lane,
                &deliveries,
                &accepting,
            ));
        }
        let pool_watch = Watch {
            settings: settings.clone(),
            sink: Arc::clone(sink),
            lanes,
            deliveries,
            accepting: Arc::new(accepting_tx),
        };
        children.push(ChildSpec::worker("watch", move |shutdown| {
            pool_watch.clone().run(shutdown)
        }));
        let spec = SupervisorSpec::new(Strategy::OneForOne)
            .intensity(settings.intensity)
            .children(children);
        Self { port, spec }
    }

    /// The way to this output.
    #[must_use]
    pub fn port(&self) -> &OutputPort {
        &self.port
    }

    /// The supervisor of its senders.
    #[must_use]
    pub fn into_child(self) -> ChildSpec {
        // The tree's paths are separated by slashes.
        ChildSpec::supervisor(self.port.name.replace('/', "_"), self.spec)
    }
}

fn sender_name(kind: &str, number: usize) -> String {
    let stem = kind.trim_end_matches("Sender").to_lowercase();
    format!("{stem}_sender_{number}")
}

fn sender_spec(
    number: usize,
    settings: &PoolSettings,
    sink: &Arc<dyn Sink>,
    lane: &Arc<Lane>,
    queue: &async_channel::Receiver<Delivery>,
    accepting: &watch::Receiver<bool>,
) -> ChildSpec {
    let name = sender_name(sink.sender_kind(), number);
    let origin: Arc<str> = format!(
        "OutputProcess::{}(standard_senders,{name})",
        sink.sender_kind()
    )
    .into();
    let (sink, lane) = (Arc::clone(sink), Arc::clone(lane));
    let (queue, accepting) = (queue.clone(), accepting.clone());
    let (reconnect, stall_limit) = (settings.reconnect.clone(), settings.stall_limit);
    ChildSpec::worker(name, move |shutdown| {
        let sender = Sender {
            origin: Arc::clone(&origin),
            sink: Arc::clone(&sink),
            queue: queue.clone(),
            lane: Arc::clone(&lane),
            accepting: accepting.clone(),
            reconnect: reconnect.clone(),
            stall_limit,
        };
        async move {
            sender.run(shutdown).await;
            Ok::<_, Infallible>(())
        }
    })
    .shutdown(SENDER_SHUTDOWN)
}

/// Looks at the pool once a second: says in the log what was sent, and decides whether the output sheds.
#[derive(Clone)]
struct Watch {
    settings: PoolSettings,
    sink: Arc<dyn Sink>,
    lanes: Arc<[Arc<Lane>]>,
    deliveries: async_channel::Receiver<Delivery>,
    accepting: Arc<watch::Sender<bool>>,
}

impl Watch {
    async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut availability = Availability::new(self.settings.confirmation);
        let mut reported: Vec<Seen> = self
            .lanes
            .iter()
            .map(|lane| Seen::of(&lane.counts))
            .collect();
        let mut since = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let ending = tokio::select! {
                () = shutdown.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if ending || since.elapsed() >= self.settings.stats_period {
                self.report(&mut reported, since.elapsed());
                since = Instant::now();
            }
            if ending {
                return Ok(());
            }
            if self.settings.sheds {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => {}
                    () = self.decide(&mut availability) => {}
                }
            }
        }
    }

    fn sight(&self) -> Sight {
        let lanes = self.lanes.iter();
        let budget = &self.settings.budget;
        Sight {
            waiting: !self.deliveries.is_empty() || lanes.clone().any(|lane| !lane.is_empty()),
            confirmed: lanes.map(|lane| lane.confirmed_batches()).sum(),
            // A parser asks for a whole batch at a time, so the last eighth may never be given out.
            pressing: budget.in_use_bytes() >= budget.total_bytes() / 8 * 7,
        }
    }

    async fn decide(&self, availability: &mut Availability) {
        let decision = availability.look(Instant::now(), self.sight());
        if decision == Decision::Probe {
            let reachable = self.sink.open().await.is_ok();
            availability.probed(Instant::now(), reachable);
            if !reachable {
                return;
            }
        }
        let accepts = decision != Decision::Shed;
        let changed = self
            .accepting
            .send_if_modified(|accepting| std::mem::replace(accepting, accepts) != accepts);
        if !changed {
            return;
        }
        let name = &self.settings.name;
        if accepts {
            info!(origin = "OutputProcess", "Output {name} is tried again");
        } else {
            warn!(
                origin = "OutputProcess",
                "Output {name} confirms nothing: what waits for it is kept at its source, so that the other outputs go on; check the output"
            );
        }
    }

    /// The two lines a sender that the operator's runbook has.
    fn report(&self, reported: &mut [Seen], period: Duration) {
        let seconds = period.as_secs_f64();
        let kind = self.sink.sender_kind();
        for (place, (lane, seen)) in self.lanes.iter().zip(reported).enumerate() {
            let now = Seen::of(&lane.counts);
            let number = self.settings.first_sender + place;
            let name = sender_name(kind, number);
            let taken = now.taken_events - seen.taken_events;
            let bytes = now.taken_bytes - seen.taken_bytes;
            let sent = now.confirmed_events - seen.confirmed_events;
            *seen = now;
            info!(
                origin = format_args!(
                    "OutputProcess::OutputStandardConsumer(standard_senders_consumer_{number})"
                ),
                "Consumed messages: {taken}, total_bytes: {bytes} ({seconds:.6} seconds)"
            );
            info!(
                origin = format_args!("OutputProcess::{kind}(standard_senders,{name})"),
                "Consumed messages: {sent} messages ({seconds:.6} seconds) => {:.0} msg/sec",
                sent as f64 / seconds.max(f64::MIN_POSITIVE),
            );
        }
    }
}

struct Seen {
    taken_events: u64,
    taken_bytes: u64,
    confirmed_events: u64,
}

impl Seen {
    fn of(counts: &Counts) -> Self {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Self {
            taken_events: load(&counts.taken_events),
            taken_bytes: load(&counts.taken_bytes),
            confirmed_events: load(&counts.confirmed_events),
        }
    }
}
