//! One sender: connects, writes what its lane and the queue hold, confirms what has arrived, and begins again for ever.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lane::Lane;
use super::reconnect::Reconnect;
use super::{Confirmer, Opened, Sink, SinkError};
use crate::delivery::{Batch, Delivery};

/// A sender's whole surroundings; all of it outlives the sender.
pub(super) struct Sender {
    /// Who speaks, in the log: `OutputProcess::DevoSender(standard_senders,devo_sender_0)`.
    pub(super) origin: Arc<str>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) queue: async_channel::Receiver<Delivery>,
    pub(super) lane: Arc<Lane>,
    pub(super) accepting: watch::Receiver<bool>,
    pub(super) reconnect: Reconnect,
    /// How long a connection may stand without progress while something waits.
    pub(super) stall_limit: Duration,
}

/// Why a connection is not used any longer.
enum End {
    Shutdown,
    /// The output sheds: everything in the lane is to be refused.
    Shedding,
    /// The other end hung up, or may have, while nothing was under way.
    Idle,
    Broken(String),
}

impl Sender {
    /// Runs until `shutdown`. Never fails by itself: what goes wrong with the output is logged and tried again.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        // The first connection is opened at once, so that a wrong address shows at the start; a later one when it is needed.
        let mut needed = true;
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                next = self.ready(needed) => next,
            };
            match next {
                Ready::Shedding => self.shed(&shutdown).await,
                Ready::Connect => {
                    let confirmed = self.lane.confirmed_batches();
                    let end = match self.open(&shutdown).await {
                        Ok(opened) => Connection::new(&self, opened).serve(&shutdown).await,
                        Err(end) => end,
                    };
                    if self.lane.confirmed_batches() > confirmed {
                        // It worked: what went wrong later is a new failure, not one more of the old.
                        self.reconnect.reset();
                    }
                    needed = false;
                    match end {
                        End::Shutdown => return,
                        End::Shedding | End::Idle => {}
                        End::Broken(reason) => {
                            needed = true;
                            self.wait_after(&reason, &shutdown).await;
                        }
                    }
                }
            }
        }
    }

    /// Waits until there is a reason to connect, or to shed.
    async fn ready(&mut self, needed: bool) -> Ready {
        if !*self.accepting.borrow() {
            return Ready::Shedding;
        }
        if needed || !self.lane.is_empty() {
            return Ready::Connect;
        }
        match self.queue.recv().await {
            Ok(delivery) => self.lane.push(delivery),
            // The queue is closed: nothing will ever come, so only the shutdown is left to wait for.
            Err(_) => std::future::pending().await,
        }
        Ready::Connect
    }

    /// Refuses all that waits for this output until it accepts again.
    async fn shed(&mut self, shutdown: &CancellationToken) {
        self.lane.refuse_all();
        loop {
            tokio::select! {
                // In this order: what comes when the output accepts again is to be taken, not refused.
                biased;
                () = shutdown.cancelled() => return,
                _ = self.accepting.wait_for(|open| *open) => return,
                Ok(delivery) = self.queue.recv() => drop(delivery),
            }
        }
    }

    async fn open(&mut self, shutdown: &CancellationToken) -> Result<Opened, End> {
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Err(End::Shutdown),
            _ = self.accepting.wait_for(|open| !*open) => return Err(End::Shedding),
            opened = self.sink.open() => opened,
        };
        let opened = opened.map_err(|error| End::Broken(error.to_string()))?;
        let connections = self.lane.counts.connections.fetch_add(1, Ordering::Relaxed);
        let waiting = self.lane.len();
        if connections == 0 {
            let sender = serde_json::Value::Object(self.sink.describe());
            info!(origin = %self.origin, "Created a sender: {sender}");
        } else {
            info!(origin = %self.origin, "Connected again, {waiting} unconfirmed batch(es) to be sent again");
        }
        self.lane
            .counts
            .resent_batches
            .fetch_add(waiting as u64, Ordering::Relaxed);
        Ok(opened)
    }

    async fn wait_after(&mut self, reason: &str, shutdown: &CancellationToken) {
        let delay = self.reconnect.next_delay();
        warn!(
            origin = %self.origin,
            "{reason}; {} unconfirmed batch(es) are kept, next attempt in {:.3} seconds",
            self.lane.len(),
            delay.as_secs_f64(),
        );
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            _ = self.accepting.wait_for(|open| !*open) => {}
            () = tokio::time::sleep(delay) => {}
        }
    }
}

enum Ready {
    Connect,
    Shedding,
}

/// One open connection in use.
struct Connection {
    queue: async_channel::Receiver<Delivery>,
    lane: Arc<Lane>,
    accepting: watch::Receiver<bool>,
    stall_limit: Duration,
    opened: Opened,
    /// How many of the lane's oldest deliveries have been written on this connection.
    written: usize,
    last_write: Instant,
    /// The progress seen last, and when it changed.
    progress: (u64, Instant),
}

impl Connection {
    fn new(sender: &Sender, opened: Opened) -> Self {
        let now = Instant::now();
        Self {
            queue: sender.queue.clone(),
            lane: Arc::clone(&sender.lane),
            accepting: sender.accepting.clone(),
            stall_limit: sender.stall_limit,
            opened,
            written: 0,
            last_write: now,
            progress: (0, now),
        }
    }

    async fn serve(mut self, shutdown: &CancellationToken) -> End {
        loop {
            let step = match self.lane.batch(self.written) {
                Some(batch) => self.write(&batch, shutdown).await,
                None => self.wait(shutdown).await,
            };
            match step {
                Ok(()) => {}
                Err(End::Shutdown) => {
                    self.close().await;
                    return End::Shutdown;
                }
                Err(end) => return end,
            }
        }
    }

    /// Writes one batch, confirming earlier ones meanwhile.
    async fn write(&mut self, batch: &Batch, shutdown: &CancellationToken) -> Result<(), End> {
        let Opened {
            writer,
            confirmer,
            ended,
            ..
        } = &mut self.opened;
        let mut writing = writer.write(batch);
        let mut progress = Progress {
            lane: &self.lane,
            written: &mut self.written,
            seen: &mut self.progress,
            limit: self.stall_limit,
        };
        loop {
            let now = Instant::now();
            let pause = progress.next_look(confirmer.as_ref(), now, true);
            tokio::select! {
                biased;
                result = &mut writing => {
                    result.map_err(|error| End::Broken(error.to_string()))?;
                    break;
                }
                () = shutdown.cancelled() => return Err(End::Shutdown),
                _ = self.accepting.wait_for(|open| !*open) => return Err(End::Shedding),
                reason = &mut *ended => return Err(End::Broken(reason)),
                () = sleep_until(pause) => progress.look(confirmer.as_mut(), true)?,
            }
        }
        drop(writing);
        *progress.written += 1;
        confirmer.wrote();
        progress.look(confirmer.as_mut(), false)?;
        self.last_write = Instant::now();
        Ok(())
    }

    /// Waits for something to write, confirming what has been written.
    async fn wait(&mut self, shutdown: &CancellationToken) -> Result<(), End> {
        let Opened {
            confirmer, ended, ..
        } = &mut self.opened;
        let mut progress = Progress {
            lane: &self.lane,
            written: &mut self.written,
            seen: &mut self.progress,
            limit: self.stall_limit,
        };
        let pause = progress.next_look(confirmer.as_ref(), Instant::now(), false);
        tokio::select! {
            () = shutdown.cancelled() => Err(End::Shutdown),
            _ = self.accepting.wait_for(|open| !*open) => Err(End::Shedding),
            reason = ended => Err(if self.lane.is_empty() { End::Idle } else { End::Broken(reason) }),
            Ok(delivery) = self.queue.recv() => {
                self.lane.push(delivery);
                let stale = self.opened.stale_after.is_some_and(|limit| self.last_write.elapsed() >= limit);
                if stale { Err(End::Idle) } else { Ok(()) }
            }
            () = sleep_until(pause), if !self.lane.is_empty() => progress.look(confirmer.as_mut(), false),
        }
    }

    async fn close(self) {
        // What is unconfirmed now stays unconfirmed, and an error at the very end changes nothing.
        let _ = self.opened.writer.close().await;
    }
}

/// The confirming of a connection's writes, and the watchdog over them.
struct Progress<'a> {
    lane: &'a Lane,
    written: &'a mut usize,
    seen: &'a mut (u64, Instant),
    limit: Duration,
}

impl Progress<'_> {
    /// When to look next; at the latest when the watchdog's time is up.
    fn next_look(&mut self, confirmer: &dyn Confirmer, now: Instant, writing: bool) -> Instant {
        if *self.written == 0 && !writing {
            // Nothing is under way: the watchdog's clock starts with the next write.
            self.seen.1 = now;
        }
        let watchdog = self.seen.1 + self.limit;
        confirmer
            .ask_again(now)
            .map_or(watchdog, |at| at.min(watchdog))
    }

    fn look(&mut self, confirmer: &mut dyn Confirmer, writing: bool) -> Result<(), End> {
        let now = Instant::now();
        let confirmed = confirmer
            .confirmed(now)
            .map_err(|error: SinkError| End::Broken(error.to_string()))?;
        self.lane.confirm(confirmed);
        *self.written -= confirmed.min(*self.written);
        let progress = confirmer.progress();
        if progress != self.seen.0 || confirmed > 0 || (*self.written == 0 && !writing) {
            *self.seen = (progress, now);
        } else if now.duration_since(self.seen.1) >= self.limit {
            return Err(End::Broken(format!(
                "the receiver has taken nothing for {} seconds, so the connection is given up",
                self.limit.as_secs()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
