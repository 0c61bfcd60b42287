//! Tests of waking, waiting and redrive, on paused time.

use std::time::Duration;

use super::{receive::ReceiveRequest, *};

fn sqs() -> Sqs {
    Sqs::new(Arc::new(Site::default()), Clock::start())
}

fn request(wait_seconds: u64) -> ReceiveRequest {
    ReceiveRequest {
        max: 10,
        visibility: Some(Duration::from_secs(5)),
        wait: Some(Duration::from_secs(wait_seconds)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_on_arrival_and_on_redelivery() {
    let sqs = sqs();
    sqs.create_queue("q", []).expect("a queue");
    let start = Instant::now();
    let waiting = tokio::spawn({
        let sqs = sqs.clone();
        async move { sqs.receive("q", &request(20)).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    sqs.send("q", "a").expect("a message");
    let received = waiting.await.expect("the task").expect("a receive");
    assert_eq!(received.len(), 1);
    assert_eq!(start.elapsed(), Duration::from_secs(3));

    let again = sqs.receive("q", &request(20)).await.expect("a receive");
    assert_eq!(again[0].message.receive_count, 2);
    assert_eq!(start.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_empty_long_poll_ends_in_time() {
    let sqs = sqs();
    sqs.create_queue("q", []).expect("a queue");
    let start = Instant::now();
    assert!(
        sqs.receive("q", &request(20))
            .await
            .expect("a receive")
            .is_empty()
    );
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn redrive_moves_to_the_dead_letter_queue() {
    let sqs = sqs();
    sqs.create_queue("dead", []).expect("a queue");
    sqs.create_queue("q", [sqs.redrive("dead", 1)])
        .expect("a queue");
    sqs.send("q", "poison").expect("a message");
    assert_eq!(
        sqs.receive("q", &request(0))
            .await
            .expect("a receive")
            .len(),
        1
    );
    assert!(
        sqs.receive("q", &request(10))
            .await
            .expect("a receive")
            .is_empty()
    );
    let dead = sqs.messages("dead").expect("a queue");
    assert_eq!(
        (dead[0].body.as_str(), dead[0].receive_count),
        ("poison", 1)
    );
    assert_eq!(sqs.dead_letter_queues(), ["dead"]);
}

#[tokio::test(start_paused = true)]
async fn until_wakes_when_only_time_changes_the_queue() {
    let sqs = sqs();
    sqs.create_queue("q", []).expect("a queue");
    sqs.send("q", "a").expect("a message");
    sqs.receive("q", &request(0)).await.expect("a receive");
    let stats = sqs.until("q", |stats| stats.visible == 1).await;
    assert_eq!(stats.expect("a queue").received, 1);
}
