//! What the lab tells about a queue, to tests and to `GET /_lab/state`.

use serde::Serialize;

/// Counters of a queue. Unlike in AWS they are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Messages that a receive could return now.
    pub visible: u64,
    /// Messages received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages whose delay has not run out.
    pub delayed: u64,
    /// Messages accepted, without FIFO repeats.
    pub sent: u64,
    /// Deliveries, redeliveries included.
    pub received: u64,
    /// Messages deleted by receipt handle.
    pub deleted: u64,
    /// Deletes that succeeded without effect, because a later receive had superseded their handle.
    pub superseded_deletes: u64,
    /// Messages moved to the dead-letter queue.
    pub moved_to_dead_letter: u64,
    /// Messages that arrived here as a dead-letter queue.
    pub buried: u64,
    /// The highest receive count of any message, deleted ones included.
    pub max_receive_count: u32,
}

impl QueueStats {
    /// Whether nothing is visible, in flight or delayed.
    pub fn is_drained(&self) -> bool {
        self.visible + self.in_flight + self.delayed == 0
    }
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// The message id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// How often it was received.
    pub receive_count: u32,
    /// Whether a receive could return it now, FIFO locks aside.
    pub visible: bool,
}
