//! Units and receipts: what a source can read again, and the proof that an output has what was read of it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::frontier::Frontier;
use super::output::{OutputId, OutputSet};

/// One output's part in a unit: where it already stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The output.
    pub output: OutputId,
    /// Everything of the unit below this position is confirmed by the output.
    pub position: u64,
    /// Whether the output has the whole unit.
    pub complete: bool,
}

/// How a unit ended, one lane an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Each output's standing.
    pub lanes: Vec<Lane>,
}

impl Outcome {
    /// Whether every output has the whole unit: only then may it be acknowledged to where it came from.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.lanes.iter().all(|lane| lane.complete)
    }

    /// The outputs that do not have the whole unit.
    #[must_use]
    pub fn missing(&self) -> OutputSet {
        self.lanes
            .iter()
            .filter(|lane| !lane.complete)
            .map(|lane| lane.output)
            .collect()
    }
}

/// How far the source has come with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// More receipts may be issued.
    Open,
    /// The source has read all of it: complete at this position.
    Whole(u64),
    /// The source could not read all of it, or is gone.
    Partial,
}

#[derive(Debug)]
struct Ledger {
    lanes: Vec<(OutputId, Frontier)>,
    outstanding: usize,
    reading: Reading,
}

impl Ledger {
    fn is_settled(&self) -> bool {
        self.reading != Reading::Open && self.outstanding == 0
    }

    fn outcome(&self) -> Outcome {
        let lanes = self
            .lanes
            .iter()
            .map(|(output, frontier)| Lane {
                output: *output,
                position: frontier.position(),
                complete: matches!(self.reading, Reading::Whole(end) if frontier.position() >= end),
            })
            .collect();
        Outcome { lanes }
    }
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger>,
    settled: watch::Sender<bool>,
}

impl Shared {
    /// A panic elsewhere cannot leave the ledger half-changed (each change is one call), so poison is no reason to stop.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Ledger)) {
        let settled = {
            let mut ledger = self.ledger();
            change(&mut ledger);
            ledger.is_settled()
        };
        if settled {
            self.settled.send_replace(true);
        }
    }
}

/// The reading side of a unit: issues receipts, and says when there are no more. Dropping it unsealed (a crash of the
/// parser, say) settles the unit as incomplete once the receipts already issued are back.
#[derive(Debug)]
pub struct Unit {
    shared: Arc<Shared>,
}

impl Unit {
    /// Opens a unit for outputs that stand at the given positions (0 for one that has nothing of it yet).
    #[must_use]
    pub fn open(starts: impl IntoIterator<Item = (OutputId, u64)>) -> (Self, Settlement) {
        let lanes = starts
            .into_iter()
            .map(|(output, position)| (output, Frontier::starting_at(position)))
            .collect();
        let shared = Arc::new(Shared {
            ledger: Mutex::new(Ledger {
                lanes,
                outstanding: 0,
                reading: Reading::Open,
            }),
            settled: watch::Sender::new(false),
        });
        let settlement = Settlement {
            shared: Arc::clone(&shared),
        };
        (Self { shared }, settlement)
    }

    /// Issues a receipt for `range` to each output that does not stand past it yet.
    #[must_use = "a receipt that is dropped is a refusal"]
    pub fn issue(&self, range: &Range<u64>) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        self.shared.update(|ledger| {
            for (lane, (output, frontier)) in ledger.lanes.iter().enumerate() {
                if frontier.position() < range.end {
                    receipts.push(Receipt {
                        output: *output,
                        lane,
                        range: range.clone(),
                        unit: Some(Arc::clone(&self.shared)),
                    });
                }
            }
            ledger.outstanding += receipts.len();
        });
        receipts
    }

    /// No more receipts: the unit has been read up to `end`, its end.
    pub fn seal(self, end: u64) {
        self.shared
            .update(|ledger| ledger.reading = Reading::Whole(end));
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.shared.update(|ledger| {
            if ledger.reading == Reading::Open {
                ledger.reading = Reading::Partial;
            }
        });
    }
}

/// The waiting side of a unit.
#[derive(Debug)]
pub struct Settlement {
    shared: Arc<Shared>,
}

impl Settlement {
    /// Resolves when the unit is closed and every receipt is back. Cancel safe.
    pub async fn settled(&self) -> Outcome {
        let mut settled = self.shared.settled.subscribe();
        // The sender lives in `shared`, so waiting cannot fail.
        let _ = settled.wait_for(|settled| *settled).await;
        self.standing()
    }

    /// Where each output stands now.
    #[must_use]
    pub fn standing(&self) -> Outcome {
        self.shared.ledger().outcome()
    }
}

/// The proof to be given for one range of a unit by one output: confirmed once, or refused by being dropped.
#[derive(Debug)]
pub struct Receipt {
    output: OutputId,
    lane: usize,
    range: Range<u64>,
    unit: Option<Arc<Shared>>,
}

impl Receipt {
    /// The output that is to confirm.
    #[must_use]
    pub fn output(&self) -> OutputId {
        self.output
    }

    /// The output has it, at the level of confirmation it is configured for.
    pub fn confirm(mut self) {
        if let Some(unit) = self.unit.take() {
            unit.update(|ledger| {
                ledger.outstanding -= 1;
                if let Some((_, frontier)) = ledger.lanes.get_mut(self.lane) {
                    frontier.confirm(self.range.clone());
                }
            });
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(unit) = self.unit.take() {
            unit.update(|ledger| ledger.outstanding -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn outputs(count: usize) -> Vec<OutputId> {
        (0..count).filter_map(OutputId::from_index).collect()
    }

    #[tokio::test]
    async fn a_unit_is_delivered_when_every_output_confirmed_everything() {
        let ids = outputs(2);
        let (unit, settlement) = Unit::open(ids.iter().map(|id| (*id, 0)));
        let first = unit.issue(&(0..5));
        let second = unit.issue(&(5..9));
        unit.seal(9);
        for receipt in second {
            receipt.confirm();
        }
        assert!(settlement.settled().now_or_never().is_none());
        for receipt in first {
            receipt.confirm();
        }
        assert!(settlement.settled().await.is_delivered());
    }

    #[tokio::test]
    async fn a_dropped_receipt_is_missing_at_its_output_alone() {
        let ids = outputs(2);
        let (unit, settlement) = Unit::open(ids.iter().map(|id| (*id, 0)));
        let mut receipts = unit.issue(&(0..5)).into_iter();
        unit.seal(5);
        if let Some(receipt) = receipts.next() {
            receipt.confirm();
        }
        drop(receipts);
        let outcome = settlement.settled().await;
        let missing: Vec<OutputId> = outcome.missing().iter().collect();
        assert_eq!(missing, [ids[1]]);
    }

    #[tokio::test]
    async fn a_unit_whose_reader_is_gone_is_not_delivered_but_keeps_what_was_confirmed() {
        let ids = outputs(1);
        let (unit, settlement) = Unit::open(ids.iter().map(|id| (*id, 0)));
        for receipt in unit.issue(&(0..5)) {
            receipt.confirm();
        }
        drop(unit);
        let outcome = settlement.settled().await;
        assert!(!outcome.is_delivered());
        assert_eq!(outcome.lanes[0].position, 5);
    }

    #[tokio::test]
    async fn an_output_that_stands_past_a_range_gets_no_receipt_for_it() {
        let ids = outputs(2);
        let (unit, settlement) = Unit::open([(ids[0], 5), (ids[1], 0)]);
        let receipts = unit.issue(&(0..5));
        assert_eq!(receipts.len(), 1);
        assert_eq!(receipts[0].output(), ids[1]);
        drop(receipts);
        unit.seal(5);
        assert!(settlement.settled().await.lanes[0].complete);
    }

    #[tokio::test]
    async fn an_empty_unit_is_delivered_at_once() {
        let (unit, settlement) = Unit::open(outputs(1).into_iter().map(|id| (id, 0)));
        unit.seal(0);
        assert!(settlement.settled().await.is_delivered());
    }
}
