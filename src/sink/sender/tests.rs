//! The sender's loop against a receiver in memory, with time that only moves when everybody waits.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::ConfirmWritten;
use super::*;
use crate::delivery::{BatchBuilder, Budget, Lane as UnitLane, OutputId, Settlement, Unit};

/// A receiver in memory: what it got on each connection, and what it is told to do.
#[derive(Default)]
struct Receiver {
    connections: Mutex<Vec<Vec<Vec<u8>>>>,
    behaviour: Mutex<Behaviour>,
    changed: Notify,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Behaviour {
    /// Takes and confirms.
    #[default]
    Takes,
    /// Takes, and confirms nothing.
    Silent,
    /// Takes nothing: a write never ends.
    Stalls,
    /// Cannot be reached.
    Away,
}

impl Receiver {
    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
        self.changed.notify_waiters();
    }

    fn got(&self) -> Vec<Vec<String>> {
        let connections = self.connections.lock().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        connections
            .iter()
            .map(|connection| connection.iter().map(text).collect())
            .collect()
    }
}

struct Memory {
    receiver: Arc<Receiver>,
    /// Breaks the present connection.
    broken: Arc<Notify>,
}

impl Sink for Memory {
    fn sender_kind(&self) -> &'static str {
        "MemorySender"
    }

    fn describe(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }

    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>> {
        async {
            if *self.receiver.behaviour.lock().unwrap() == Behaviour::Away {
                return Err(SinkError::Other("away".to_owned()));
            }
            self.receiver.connections.lock().unwrap().push(Vec::new());
            let broken = Arc::clone(&self.broken);
            Ok(Opened {
                writer: Box::new(MemoryWriter(Arc::clone(&self.receiver))),
                confirmer: Box::new(MemoryConfirmer {
                    receiver: Arc::clone(&self.receiver),
                    written: ConfirmWritten::default(),
                }),
                ended: async move {
                    broken.notified().await;
                    "broken".to_owned()
                }
                .boxed(),
                stale_after: Some(Duration::from_secs(25)),
            })
        }
        .boxed()
    }
}

struct MemoryWriter(Arc<Receiver>);

impl super::super::Writer for MemoryWriter {
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        async {
            if *self.0.behaviour.lock().unwrap() == Behaviour::Stalls {
                std::future::pending::<()>().await;
            }
            let mut connections = self.0.connections.lock().unwrap();
            connections.last_mut().unwrap().push(batch.bytes().to_vec());
            Ok(())
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>> {
        async { Ok(()) }.boxed()
    }
}

struct MemoryConfirmer {
    receiver: Arc<Receiver>,
    written: ConfirmWritten,
}

impl Confirmer for MemoryConfirmer {
    fn wrote(&mut self) {
        self.written.wrote();
    }

    fn confirmed(&mut self, now: Instant) -> Result<usize, SinkError> {
        match *self.receiver.behaviour.lock().unwrap() {
            Behaviour::Takes => self.written.confirmed(now),
            _ => Ok(0),
        }
    }

    fn ask_again(&self, now: Instant) -> Option<Instant> {
        let pending = self.written.ask_again(now);
        pending.map(|at| at + Duration::from_millis(10))
    }

    fn progress(&self) -> u64 {
        self.written.progress()
    }
}

/// A sender at work, and all that is around it.
struct Work {
    receiver: Arc<Receiver>,
    broken: Arc<Notify>,
    queue: async_channel::Sender<Delivery>,
    deliveries: async_channel::Receiver<Delivery>,
    accepting: watch::Sender<bool>,
    lane: Arc<Lane>,
    budget: Budget,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Work {
    fn begin() -> Self {
        let (queue, deliveries) = async_channel::bounded(16);
        let mut work = Self {
            receiver: Arc::default(),
            broken: Arc::default(),
            queue,
            deliveries,
            accepting: watch::Sender::new(true),
            lane: Arc::default(),
            budget: Budget::new(1 << 20),
            shutdown: CancellationToken::new(),
            running: tokio::spawn(async {}),
        };
        work.start();
        work
    }

    fn start(&mut self) {
        let sink: Arc<dyn Sink> = Arc::new(Memory {
            receiver: Arc::clone(&self.receiver),
            broken: Arc::clone(&self.broken),
        });
        let sender = Sender {
            origin: "test".into(),
            sink,
            queue: self.deliveries.clone(),
            lane: Arc::clone(&self.lane),
            accepting: self.accepting.subscribe(),
            reconnect: Reconnect::new(Duration::from_millis(10), Duration::from_secs(1)),
            stall_limit: Duration::from_secs(60),
        };
        self.running = tokio::spawn(sender.run(self.shutdown.clone()));
    }

    /// Sends one batch of one line; its settlement tells what became of it.
    async fn send(&self, line: &str) -> Settlement {
        let output = OutputId::from_index(0).unwrap();
        let (unit, settlement) = Unit::open([(output, 0)]);
        let mut builder = BatchBuilder::start(&self.budget, 0).await;
        builder.push(|bytes| {
            bytes.extend_from_slice(line.as_bytes());
            0..line.len()
        });
        let batch = Arc::new(builder.finish());
        for receipt in unit.issue(&(0..1)) {
            let batch = Arc::clone(&batch);
            self.queue.send(Delivery { batch, receipt }).await.unwrap();
        }
        unit.seal(1);
        settlement
    }
}

fn delivered(settlement: &Settlement) -> Option<bool> {
    let outcome = settlement.settled().now_or_never()?;
    Some(outcome.lanes.iter().all(|lane: &UnitLane| lane.complete))
}

/// Lets everything that can happen within `time` happen.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn what_is_taken_and_confirmed_is_delivered() {
    let work = Work::begin();
    let settlement = work.send("one").await;
    pass(MOMENT).await;
    assert_eq!(delivered(&settlement), Some(true));
    assert_eq!(work.receiver.got(), [["one"]]);
    assert_eq!(work.budget.in_use_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_unconfirmed_when_the_connection_breaks_is_sent_again_in_order() {
    let work = Work::begin();
    work.receiver.behave(Behaviour::Silent);
    let first = work.send("one").await;
    let second = work.send("two").await;
    pass(MOMENT).await;
    work.broken.notify_one();
    pass(MOMENT).await;
    work.receiver.behave(Behaviour::Takes);
    pass(MOMENT).await;
    assert_eq!(delivered(&first), Some(true));
    assert_eq!(delivered(&second), Some(true));
    assert_eq!(work.receiver.got(), [["one", "two"], ["one", "two"]]);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_dies_leaves_its_window_to_the_next() {
    let mut work = Work::begin();
    work.receiver.behave(Behaviour::Silent);
    let settlement = work.send("one").await;
    pass(MOMENT).await;
    work.running.abort();
    work.receiver.behave(Behaviour::Takes);
    work.start();
    pass(MOMENT).await;
    assert_eq!(delivered(&settlement), Some(true));
    assert_eq!(work.receiver.got(), [["one"], ["one"]]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_idle_too_long_is_not_written_any_more() {
    let work = Work::begin();
    let _first = work.send("one").await;
    pass(Duration::from_secs(24)).await;
    let _second = work.send("two").await;
    pass(Duration::from_secs(26)).await;
    let third = work.send("three").await;
    pass(MOMENT).await;
    assert_eq!(delivered(&third), Some(true));
    assert_eq!(work.receiver.got(), [vec!["one", "two"], vec!["three"]]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_the_peer_ends_is_opened_again_only_when_needed() {
    let work = Work::begin();
    pass(MOMENT).await;
    work.broken.notify_one();
    pass(Duration::from_secs(120)).await;
    assert_eq!(work.receiver.got().len(), 1);
    let settlement = work.send("one").await;
    pass(MOMENT).await;
    assert_eq!(delivered(&settlement), Some(true));
    assert_eq!(work.receiver.got().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_end_trips_the_watchdog() {
    let work = Work::begin();
    work.receiver.behave(Behaviour::Stalls);
    let settlement = work.send("one").await;
    pass(Duration::from_secs(59)).await;
    assert_eq!(work.receiver.got().len(), 1);
    work.receiver.behave(Behaviour::Takes);
    pass(Duration::from_secs(3)).await;
    assert_eq!(delivered(&settlement), Some(true));
    assert_eq!(work.receiver.got(), [vec![], vec!["one"]]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_confirms_nothing_trips_the_watchdog() {
    let work = Work::begin();
    work.receiver.behave(Behaviour::Silent);
    let settlement = work.send("one").await;
    pass(Duration::from_secs(62)).await;
    assert_eq!(work.receiver.got().len(), 2);
    assert_eq!(delivered(&settlement), None);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_is_tried_for_ever() {
    let work = Work::begin();
    work.broken.notify_one();
    work.receiver.behave(Behaviour::Away);
    let settlement = work.send("one").await;
    pass(Duration::from_secs(3600)).await;
    assert_eq!(delivered(&settlement), None);
    work.receiver.behave(Behaviour::Takes);
    pass(Duration::from_secs(2)).await;
    assert_eq!(delivered(&settlement), Some(true));
}

#[tokio::test(start_paused = true)]
async fn while_the_output_sheds_everything_is_refused_and_afterwards_taken_again() {
    let work = Work::begin();
    work.receiver.behave(Behaviour::Stalls);
    let written = work.send("one").await;
    let queued = work.send("two").await;
    pass(MOMENT).await;
    work.accepting.send_replace(false);
    pass(MOMENT).await;
    assert_eq!(delivered(&written), Some(false));
    assert_eq!(delivered(&queued), Some(false));
    assert_eq!(work.budget.in_use_bytes(), 0);

    work.receiver.behave(Behaviour::Takes);
    work.accepting.send_replace(true);
    let settlement = work.send("three").await;
    pass(MOMENT).await;
    assert_eq!(delivered(&settlement), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_honoured_in_the_middle_of_a_write() {
    let work = Work::begin();
    work.receiver.behave(Behaviour::Stalls);
    let _settlement = work.send("one").await;
    pass(MOMENT).await;
    work.shutdown.cancel();
    work.running.await.unwrap();
}
