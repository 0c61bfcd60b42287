//! Tests of the queue's state machine, on an explicit clock.

use super::*;
use crate::sqs::attributes::MAX_VISIBILITY;

const SECOND: Duration = Duration::from_secs(1);

fn queue(fifo: bool, now: Instant) -> Queue {
    let mut attributes = Attributes::default();
    attributes.fifo = fifo;
    attributes.visibility = 30 * SECOND;
    Queue::new(1, "arn:aws:sqs:eu-west-1:1:q".into(), attributes, now)
}

fn send(queue: &mut Queue, body: &str, now: Instant) {
    queue
        .send(Outgoing::body(body), now)
        .expect("an accepted message");
}

fn send_to_group(queue: &mut Queue, group: &str, body: &str, now: Instant) {
    let outgoing = Outgoing {
        group: Some(group.into()),
        deduplication_id: Some(body.into()),
        ..Outgoing::body(body)
    };
    queue.send(outgoing, now).expect("an accepted message");
}

/// Bodies and handles of what a receive returns.
fn receive(queue: &mut Queue, now: Instant) -> Vec<(String, String)> {
    let (received, dead) = queue
        .receive(10, 30 * SECOND, u32::MAX, now)
        .expect("a receive");
    assert!(dead.is_empty());
    received
        .into_iter()
        .map(|received| (received.message.outgoing.body, received.receipt_handle))
        .collect()
}

fn bodies(received: &[(String, String)]) -> Vec<&str> {
    received.iter().map(|(body, _)| body.as_str()).collect()
}

#[test]
fn a_message_is_hidden_for_its_timeout_and_then_returns() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    send(&mut queue, "a", now);
    assert_eq!(receive(&mut queue, now).len(), 1);
    assert_eq!(receive(&mut queue, now + 29 * SECOND).len(), 0);
    assert_eq!(queue.stats(now + 29 * SECOND).in_flight, 1);
    assert_eq!(receive(&mut queue, now + 30 * SECOND).len(), 1);
    assert_eq!(queue.stats(now + 30 * SECOND).max_receive_count, 2);
}

#[test]
fn a_superseded_handle_deletes_nothing_and_succeeds() {
    let now = Instant::now();
    let later = now + 31 * SECOND;
    let mut queue = queue(false, now);
    send(&mut queue, "a", now);
    let first = receive(&mut queue, now).remove(0).1;
    let second = receive(&mut queue, later).remove(0).1;
    assert_eq!(queue.delete(&first, later), Ok(()));
    assert_eq!(queue.stats(later).in_flight, 1);
    assert_eq!(queue.stats(later).superseded_deletes, 1);
    assert_eq!(queue.delete(&second, later), Ok(()));
    assert!(queue.stats(later).is_drained());
    assert_eq!(queue.delete(&second, later), Ok(()), "a repeat succeeds");
    assert_eq!(queue.stats(later).deleted, 1);
}

#[test]
fn an_expired_handle_still_deletes_from_a_standard_queue_only() {
    let now = Instant::now();
    let later = now + 31 * SECOND;
    let mut standard = queue(false, now);
    send(&mut standard, "a", now);
    let handle = receive(&mut standard, now).remove(0).1;
    assert_eq!(standard.delete(&handle, later), Ok(()));
    assert!(standard.stats(later).is_drained());

    let mut fifo = queue(true, now);
    send_to_group(&mut fifo, "g", "a", now);
    let handle = receive(&mut fifo, now).remove(0).1;
    assert!(matches!(
        fifo.delete(&handle, later),
        Err(SqsError::InvalidParameterValue { .. })
    ));
    assert_eq!(fifo.stats(later).visible, 1);
}

#[test]
fn visibility_can_be_extended_ended_and_is_capped_at_twelve_hours() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    send(&mut queue, "a", now);
    let handle = receive(&mut queue, now).remove(0).1;
    let at_20 = now + 20 * SECOND;
    queue
        .change_visibility(&handle, 60 * SECOND, at_20)
        .expect("an extension");
    assert_eq!(queue.stats(now + 79 * SECOND).in_flight, 1);
    assert!(matches!(
        queue.change_visibility(&handle, MAX_VISIBILITY, at_20),
        Err(SqsError::InvalidParameterValue { .. })
    ));
    queue
        .change_visibility(&handle, Duration::ZERO, at_20)
        .expect("an end");
    assert_eq!(queue.stats(at_20).visible, 1);
    assert_eq!(
        queue.change_visibility(&handle, SECOND, at_20),
        Err(SqsError::MessageNotInflight)
    );
    assert_eq!(queue.delete(&handle, at_20), Ok(()));
    assert!(matches!(
        queue.change_visibility(&handle, SECOND, at_20),
        Err(SqsError::InvalidParameterValue { .. })
    ));
}

#[test]
fn messages_received_too_often_leave_with_their_count() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    send(&mut queue, "a", now);
    for round in 0..2 {
        let (received, dead) = queue
            .receive(10, SECOND, 2, now + round * SECOND)
            .expect("a receive");
        assert_eq!((received.len(), dead.len()), (1, 0));
    }
    let (received, dead) = queue
        .receive(10, SECOND, 2, now + 2 * SECOND)
        .expect("a receive");
    assert!(received.is_empty());
    assert_eq!(dead[0].receive_count, 2);
    assert!(queue.stats(now + 2 * SECOND).is_drained());
}

#[test]
fn a_fifo_group_is_locked_while_one_of_its_messages_is_in_flight() {
    let now = Instant::now();
    let mut queue = queue(true, now);
    for body in ["a1", "a2", "a3"] {
        send_to_group(&mut queue, "a", body, now);
    }
    send_to_group(&mut queue, "b", "b1", now);
    let (first, _) = queue
        .receive(1, 30 * SECOND, u32::MAX, now)
        .expect("a receive");
    assert_eq!(first[0].message.outgoing.body, "a1");
    assert_eq!(bodies(&receive(&mut queue, now)), ["b1"]);
    assert!(receive(&mut queue, now).is_empty());
    queue
        .delete(&first[0].receipt_handle, now)
        .expect("a delete");
    assert_eq!(bodies(&receive(&mut queue, now)), ["a2", "a3"]);
    let later = now + 30 * SECOND;
    assert_eq!(bodies(&receive(&mut queue, later)), ["a2", "a3", "b1"]);
}

#[test]
fn fifo_repeats_within_five_minutes_are_one_message() {
    let now = Instant::now();
    let mut queue = queue(true, now);
    send_to_group(&mut queue, "g", "a", now);
    send_to_group(&mut queue, "g", "a", now + 299 * SECOND);
    assert_eq!(queue.stats(now).visible, 1);
    send_to_group(&mut queue, "g", "a", now + 300 * SECOND);
    assert_eq!(queue.stats(now).visible, 2);
}

#[test]
fn a_delayed_message_is_neither_visible_nor_in_flight() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    let outgoing = Outgoing {
        delay_seconds: Some(5),
        ..Outgoing::body("a")
    };
    queue.send(outgoing, now).expect("an accepted message");
    let stats = queue.stats(now);
    assert_eq!((stats.visible, stats.in_flight, stats.delayed), (0, 0, 1));
    assert_eq!(queue.next_change(), Some(now + 5 * SECOND));
    assert_eq!(receive(&mut queue, now + 5 * SECOND).len(), 1);
}

#[test]
fn messages_end_with_their_retention() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    send(&mut queue, "a", now);
    let end = now + queue.attributes.retention;
    assert_eq!(queue.stats(end - SECOND).visible, 1);
    assert!(queue.stats(end).is_drained());
}

#[test]
fn handles_of_another_queue_and_of_no_queue_are_refused() {
    let now = Instant::now();
    let mut queue = queue(false, now);
    let other = Receipt {
        queue: 2,
        message: 1,
        receive: 1,
    };
    for handle in [other.handle(), "nonsense".to_owned()] {
        assert_eq!(
            queue.delete(&handle, now),
            Err(SqsError::ReceiptHandleIsInvalid)
        );
    }
}
