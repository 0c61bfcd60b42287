//! The property that everything rests on: whatever the order of confirmations, drops and crashes, no position is ever
//! reported that covers an unconfirmed event, and every byte of the budget comes back.

use std::sync::Arc;

use futures::FutureExt;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The source reads and sends this many events.
    Send(u64),
    /// The output confirms the delivery at this place of its window.
    Confirm { output: usize, place: usize },
    /// The output refuses the delivery at this place of its window.
    Refuse { output: usize, place: usize },
    /// An output dies with all that it holds.
    Crash { output: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            4 => (1u64..6).prop_map(Step::Send),
            6 => (0usize..2, 0usize..8).prop_map(|(output, place)| Step::Confirm { output, place }),
            1 => (0usize..2, 0usize..8).prop_map(|(output, place)| Step::Refuse { output, place }),
            1 => (0usize..2).prop_map(|output| Step::Crash { output }),
        ],
        0..60,
    )
}

async fn batch_of(budget: &Budget, events: u64) -> Batch {
    let mut builder = BatchBuilder::start(budget, 0).await;
    for _ in 0..events {
        builder.push(|bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(b"event\n");
            start..bytes.len() - 1
        });
    }
    builder.finish()
}

proptest! {
    #[test]
    fn no_position_covers_an_unconfirmed_event_and_every_permit_comes_back(
        steps in steps(),
        starts in prop::array::uniform2(0u64..10),
        sealed: bool,
    ) {
        let budget = Budget::new(256 * 1024 * 1024);
        let outputs: Vec<OutputId> = (0..2).filter_map(OutputId::from_index).collect();
        let (unit, settlement) = Unit::open(outputs.iter().copied().zip(starts));
        let mut windows: [Vec<(std::ops::Range<u64>, Delivery)>; 2] = Default::default();
        // The truth: which events each output has.
        let mut has: [Vec<bool>; 2] = starts.map(|start| {
            let mut has = vec![false; 400];
            has.iter_mut().take(start as usize).for_each(|slot| *slot = true);
            has
        });
        let mut read = 0;

        for step in steps {
            match step {
                Step::Send(events) => {
                    let range = read..read + events;
                    read += events;
                    let batch = batch_of(&budget, events).now_or_never();
                    prop_assert!(batch.is_some(), "the budget is larger than all that is sent");
                    let batch = Arc::new(batch.ok_or_else(|| TestCaseError::fail("no batch"))?);
                    for receipt in unit.issue(&range) {
                        let delivery = Delivery { batch: Arc::clone(&batch), receipt };
                        windows[delivery.receipt.output().index()].push((range.clone(), delivery));
                    }
                }
                Step::Confirm { output, place } if place < windows[output].len() => {
                    let (range, delivery) = windows[output].remove(place);
                    for event in range {
                        has[output][event as usize] = true;
                    }
                    delivery.receipt.confirm();
                }
                Step::Refuse { output, place } if place < windows[output].len() => {
                    drop(windows[output].remove(place));
                }
                Step::Crash { output } => windows[output].clear(),
                Step::Confirm { .. } | Step::Refuse { .. } => {}
            }
            for lane in settlement.standing().lanes {
                let covered = &has[lane.output.index()][..lane.position as usize];
                prop_assert!(covered.iter().all(|event| *event), "a position covers an unconfirmed event");
                prop_assert!(!lane.complete, "an open unit is complete");
            }
        }

        if sealed { unit.seal(read) } else { drop(unit) }
        let pending = windows.iter().any(|window| !window.is_empty());
        prop_assert_eq!(settlement.settled().now_or_never().is_none(), pending);
        drop(windows);
        let outcome = settlement.settled().now_or_never();
        prop_assert!(outcome.is_some(), "all receipts are back, so the unit is settled");
        for lane in outcome.into_iter().flat_map(|outcome| outcome.lanes) {
            let all = has[lane.output.index()][..read as usize].iter().all(|event| *event);
            prop_assert_eq!(lane.complete, sealed && all);
        }
        prop_assert_eq!(budget.in_use_bytes(), 0);
    }
}
