//! What cannot be read: named, counted, left to the queue, and never in the way of the rest; memory stays bounded throughout.

use std::io::{Read, Write};

use bytes::Bytes;
use cloudweir_lab::generate::pack;
use cloudweir_lab::{Fault, FaultKind, Times};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::stage::{BUCKET, DEAD_LETTERS, QUEUE, Setting, Stage, within};

/// The mission's bound on resident memory.
const MEMORY_KIB: u64 = 256 * 1024;

async fn quick_redrive() -> Stage {
    Stage::set(Setting {
        visibility_s: 1,
        redrive_after: Some(2),
        ..Setting::default()
    })
    .await
}

async fn buried(stage: &Stage, count: u64) {
    let dead = stage
        .lab
        .sqs()
        .until(DEAD_LETTERS, |queue| queue.buried == count);
    within(dead).await.unwrap();
}

fn compressed(length: u64, mut content: impl Read) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let copied = std::io::copy(&mut content, &mut encoder).unwrap();
    assert_eq!(copied, length);
    encoder.finish().unwrap()
}

/// Ten gigabytes of zeros in ten megabytes: a hundred members of the same hundred megabytes.
fn zeros() -> Vec<u8> {
    const MEMBER: u64 = 100 << 20;
    let member = compressed(MEMBER, std::io::repeat(0).take(MEMBER));
    member.repeat(100)
}

/// A record that never ends, behind a good one: 300 MB, and as white space between records, 1 GB.
fn endless(prefix: &str, byte: u8, length: u64) -> Vec<u8> {
    let content = prefix.as_bytes().chain(std::io::repeat(byte).take(length));
    compressed(prefix.len() as u64 + length, content)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_object_is_left_for_redrive_and_the_rest_flows() {
    let mut stage = quick_redrive().await;
    let good = Bytes::from_static(br#"{"eventID":"before the fault"}"#);
    let whole = pack([&good, &good]);
    let truncated = whole.slice(..whole.len() - 9);
    let mut corrupt = whole.to_vec();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    let s3 = stage.lab.s3().clone();
    for (key, body) in [
        ("bad/corrupt", Bytes::from(corrupt)),
        ("bad/zeros", zeros().into()),
        ("bad/not-json", Bytes::from_static(b"hello")),
        ("bad/an-array", Bytes::from_static(b"[1]")),
        ("bad/no-records", Bytes::from_static(b"{\"a\":1}")),
        (
            "bad/records-no-array",
            Bytes::from_static(b"{\"Records\":{}}"),
        ),
        (
            "bad/a-record-no-object",
            Bytes::from_static(b"{\"Records\":[1]}"),
        ),
        ("bad/empty", Bytes::new()),
        (
            "bad/long",
            endless("{\"Records\":[{\"a\":\"", b'x', 300 << 20).into(),
        ),
        (
            "bad/spaces",
            endless("{\"Records\":[", b' ', 1 << 30).into(),
        ),
    ] {
        s3.put(BUCKET, key, body).unwrap();
    }
    // The records before a fault are kept, once.
    stage.expect(&[good.clone(), good.clone()]);
    s3.put(BUCKET, "bad/truncated", truncated).unwrap();
    stage.expect(std::slice::from_ref(&good));
    let broken = [b"{\"Records\":[", &good[..], b",{\"a\":}]}"].concat();
    s3.put(BUCKET, "bad/broken-record", broken).unwrap();
    stage.expect(std::slice::from_ref(&good));
    let trailing = [b"{\"Records\":[", &good[..], b"]} x"].concat();
    s3.put(BUCKET, "bad/trailing", trailing).unwrap();
    s3.put(BUCKET, "bad/deleted", "gone").unwrap();
    s3.delete(BUCKET, "bad/deleted").unwrap();
    s3.put(BUCKET, "bad/denied", "secret").unwrap();
    let denied = FaultKind::Error {
        code: "AccessDenied".to_owned(),
        status: 403,
    };
    let denied = Fault::once("s3:GetObject", denied).on("bad/denied");
    stage.lab.faults().add(denied.times(Times::Forever));
    stage.lab.sqs().send(QUEUE, "not json").unwrap();
    stage.lab.sqs().send(QUEUE, "{\"some\":\"thing\"}").unwrap();
    stage.put_generated(2_000, 50, 4);

    let program = stage.program();
    buried(&stage, 17).await;
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(comparison.is_exact(), "{comparison:?}\n{}", program.log());
    assert!(
        program.peak_kib() < MEMORY_KIB,
        "{} KiB",
        program.peak_kib()
    );
    let log = program.log();
    for key in [
        "corrupt",
        "zeros",
        "not-json",
        "an-array",
        "no-records",
        "records-no-array",
        "a-record-no-object",
        "empty",
        "long",
        "spaces",
        "truncated",
        "broken-record",
        "trailing",
        "deleted",
        "denied",
    ] {
        let named = format!("Discarded s3://{BUCKET}/bad/{key}:");
        assert!(log.contains(&named), "{key} is not named in:\n{log}");
    }
    assert!(log.contains("Discarded message:"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_redrive_policy_it_goes_to_quarantine_and_the_message_away() {
    let stage = Stage::set(Setting {
        visibility_s: 1,
        redrive_after: None,
        service: "max_receive_count: 3".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.lab.s3().put(BUCKET, "bad", "hello").unwrap();
    stage.lab.sqs().send(QUEUE, "not json").unwrap();
    let mut program = stage.program();
    stage.drained().await;
    assert_eq!(stage.lab.sqs().stats(QUEUE).unwrap().max_receive_count, 3);
    program.logged("are in quarantine").await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    let export = std::fs::read_to_string(stage.dir.path().join("state/export.jsonl")).unwrap();
    assert_eq!(export.matches("quarantine").count(), 2, "{export}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_as_large_as_allowed_passes_and_a_larger_one_does_not() {
    let mut stage = Stage::set(Setting {
        visibility_s: 1,
        redrive_after: Some(1),
        service: "max_event_bytes: 64KiB".to_owned(),
        ..Setting::default()
    })
    .await;
    let of_size = |size: usize| {
        let filler = size - r#"{"a":""}"#.len();
        format!("{{\"a\":\"{}\"}}", "x".repeat(filler))
    };
    stage.put("largest", &[&of_size(64 * 1024)]);
    let larger = format!("{{\"Records\":[{}]}}", of_size(64 * 1024 + 1));
    let mut larger_gz = GzEncoder::new(Vec::new(), Compression::fast());
    larger_gz.write_all(larger.as_bytes()).unwrap();
    let larger_gz = larger_gz.finish().unwrap();
    stage.lab.s3().put(BUCKET, "larger", larger_gz).unwrap();
    let collector = stage.collector().await;
    buried(&stage, 1).await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}
