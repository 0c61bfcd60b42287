//! Several outputs: each gets everything, and none holds the others up.

use cloudweir_lab::{End, Receiver, ReceiverOptions};

use super::stage::{QUEUE, Setting, Stage, within};

async fn plain_receiver() -> Receiver {
    Receiver::start(ReceiverOptions::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_output_gets_every_event() {
    let relay = plain_receiver().await;
    let mut stage = Stage::set(Setting {
        outputs: format!(
            "  relay: {{ type: syslog, config: {{ address: 127.0.0.1, port: {}, delivery: {{ settle: 100ms }} }} }}
  archive: {{ type: file, config: {{ path: out.log }} }}
  messages: {{ type: file, config: {{ path: messages.log, format: message }} }}",
            relay.address().port()
        ),
        ..Setting::default()
    })
    .await;
    stage.put_generated(3_000, 100, 1);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(stage.truth.compare(relay.lines()).is_exact());
    let archive = std::fs::read(stage.dir.path().join("out.log")).unwrap();
    assert!(stage.truth.compare(lines(&archive)).is_exact());
    let messages = std::fs::read_to_string(stage.dir.path().join("messages.log")).unwrap();
    assert_eq!(messages.lines().count(), 3_000);
    assert!(
        messages
            .lines()
            .all(|line| line.starts_with("{\"@devo_pulling_id\":"))
    );
    assert!(collector.stop().await.is_clean());
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_away_does_not_stop_another_and_gets_everything_when_it_returns() {
    let relay = plain_receiver().await;
    relay.die().await;
    let mut stage = Stage::set(Setting {
        globals: "max_in_flight_bytes: 2MiB".to_owned(),
        outputs: format!(
            "  relay: {{ type: syslog, config: {{ address: 127.0.0.1, port: {}, delivery: {{ settle: 100ms }}, connecting_max_wait_in_seconds: 1 }} }}",
            relay.address().port()
        ),
        ..Setting::default()
    })
    .await;
    // Ten times what the budget holds.
    stage.put_generated(15_000, 250, 1);
    let collector = stage.collector().await;
    stage.all_lines().await;
    assert!(stage.comparison().is_exact());
    assert_eq!(
        stage.lab.sqs().stats(QUEUE).unwrap().deleted,
        1,
        "only the test event"
    );

    relay.restart().await.unwrap();
    stage.drained().await;
    let comparison = stage.truth.compare(relay.lines());
    assert!(comparison.is_complete(), "{comparison:?}");
    assert!(
        stage.comparison().is_exact(),
        "the other gets nothing twice"
    );
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn octet_counting_is_understood_by_its_lengths() {
    let relay = plain_receiver().await;
    let mut stage = Stage::set(Setting {
        outputs: format!(
            "  relay: {{ type: syslog, config: {{ address: 127.0.0.1, port: {}, multiline: true, concurrent_connections: 1, delivery: {{ settle: 100ms }} }} }}",
            relay.address().port()
        ),
        ..Setting::default()
    })
    .await;
    stage.put("one", &[r#"{"eventID":"a"}"#, r#"{"eventID":"b"}"#]);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
    // No line feed ends a record, so all of it is one unfinished line to this receiver.
    within(relay.until(|relay| relay.connections()[0].end != End::Open)).await;
    let received = relay.connections();
    let framed: u64 = stage
        .lines()
        .iter()
        .map(|line| (line.len() + line.len().to_string().len() + 1) as u64)
        .sum();
    assert_eq!(received[0].bytes, framed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_a_full_disk_is_tried_again_until_there_is_room() {
    let mut stage = Stage::set(Setting {
        outputs: "  archive: { type: file, config: { path: out.log } }".to_owned(),
        ..Setting::default()
    })
    .await;
    let path = stage.dir.path().join("out.log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    stage.put_generated(100, 10, 1);
    let program = stage.program();
    program.logged("No space left on device").await;
    std::fs::remove_file(&path).unwrap();
    stage.assert_exact().await;
    let archive = std::fs::read(&path).unwrap();
    assert!(stage.truth.compare(lines(&archive)).is_exact());
}
