//! Receivers that die, stall, reset or are not who they should be.

use cloudweir_lab::{ClientAuth, ReceiverOptions, TlsOptions, TlsVersion, certs};

use super::stage::{Setting, Stage, within};

/// Interrupts the receiver in its own way at several moments, and demands that everything arrives.
async fn interrupted(interrupt: impl AsyncFn(&Stage)) {
    let mut stage = Stage::set(Setting {
        // Every line that is read before a break stays on record, so nothing but losses shows.
        delivery: "{ confirm: tcp, settle: 1s, stall_timeout: 2s }".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(30_000, 300, 21);
    let collector = stage.collector().await;
    for lines in [2_000, 9_000, 20_000] {
        within(
            stage
                .receiver
                .until(|receiver| receiver.totals().lines >= lines),
        )
        .await;
        interrupt(&stage).await;
    }
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(comparison.is_complete(), "{comparison:?}");
    assert_eq!(collector.in_flight_bytes(), 0);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_lose_nothing() {
    interrupted(async |stage: &Stage| stage.receiver.reset_all()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_dies_with_unread_bytes_and_comes_back_loses_nothing() {
    interrupted(async |stage: &Stage| {
        stage.receiver.stall();
        stage.receiver.die().await;
        stage.receiver.resume();
        stage.receiver.restart().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_stopped_long_before_it_died_loses_nothing() {
    let mut stage = Stage::set(Setting {
        delivery: "{ confirm: tcp, settle: 500ms }".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(30_000, 300, 22);
    let collector = stage.collector().await;
    for lines in [2_000, 12_000] {
        within(
            stage
                .receiver
                .until(|receiver| receiver.totals().lines >= lines),
        )
        .await;
        stage.receiver.stall();
        // Its kernel goes on acknowledging until its buffer is full. That it then stands for many times as long as an
        // acknowledged batch is kept must confirm nothing: what is tested is that mere time does not.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        stage.receiver.die().await;
        stage.receiver.resume();
        stage.receiver.restart().await.unwrap();
    }
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(comparison.is_complete(), "{comparison:?}");
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_reads_half_and_stalls_is_given_up_and_nothing_is_lost() {
    interrupted(async |stage: &Stage| {
        let before = stage.receiver.connections().len();
        stage.receiver.half_read(10_000);
        // The watchdog opens another connection.
        within(
            stage
                .receiver
                .until(|receiver| receiver.connections().len() > before),
        )
        .await;
        stage.receiver.resume();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_at_the_start_is_awaited() {
    let mut stage = Stage::usual().await;
    stage.receiver.die().await;
    stage.put_generated(500, 50, 1);
    let program = stage.program();
    program.logged("cannot connect to localhost").await;
    stage.receiver.restart().await.unwrap();
    stage.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_is_enough() {
    let certificates = tempfile::tempdir().unwrap();
    certs::write_set(certificates.path()).unwrap();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let mut tls = TlsOptions::from_dir(certificates.path()).unwrap();
        tls.versions = vec![version];
        tls.client_auth = ClientAuth::None;
        let mut stage = Stage::set(with_receiver(tls)).await;
        // The stage's own client files belong to another authority; the chain must be this one.
        let chain = certificates.path().join("chain.crt");
        std::fs::copy(chain, stage.dir.path().join("certs/chain.crt")).unwrap();
        stage.put_generated(100, 10, 1);
        let collector = stage.collector().await;
        stage.assert_exact().await;
        assert_eq!(stage.receiver.connections()[0].tls, Some(version));
        assert!(collector.stop().await.is_clean());
    }
}

fn with_receiver(tls: TlsOptions) -> Setting {
    Setting {
        receiver: ReceiverOptions {
            tls: Some(tls),
            ..ReceiverOptions::default()
        },
        ..Setting::default()
    }
}

/// A receiver with this server certificate gets nothing; the log says why, and what to check.
async fn refused(name: &str, says: &str) {
    let stage = Stage::usual().await;
    let directory = stage.dir.path().join("certs");
    let mut tls = TlsOptions::from_dir(&directory).unwrap();
    tls.certificate = std::fs::read(directory.join(format!("{name}.crt"))).unwrap();
    tls.key = std::fs::read(directory.join(format!("{name}.key"))).unwrap();
    let mut impostor = Stage::set(with_receiver(tls)).await;
    for file in ["chain.crt", "client.crt", "client.key"] {
        std::fs::copy(
            directory.join(file),
            impostor.dir.path().join("certs").join(file),
        )
        .unwrap();
    }
    impostor.put_generated(10, 10, 1);
    let program = impostor.program();
    program.logged("TLS with localhost").await;
    let log = program.log();
    assert!(log.contains(says), "{log}");
    assert_eq!(impostor.receiver.totals().lines, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused() {
    refused("server-expired", "expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused() {
    refused("server-wrong-name", "not valid for name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_is_refused() {
    refused("server-other-ca", "invalid peer certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_hostname_false_allows_another_name_only_and_says_so() {
    let mut stage = Stage::set(Setting {
        delivery: "{ confirm: write }\n      tls: { verify_hostname: false }".to_owned(),
        ..Setting::default()
    })
    .await;
    let directory = stage.dir.path().join("certs");
    for extension in ["crt", "key"] {
        let from = directory.join(format!("server-wrong-name.{extension}"));
        std::fs::copy(from, directory.join(format!("server.{extension}"))).unwrap();
    }
    let tls = TlsOptions::from_dir(&directory).unwrap();
    let listen = stage.receiver.address();
    stage.receiver.die().await;
    stage.receiver = cloudweir_lab::Receiver::start(ReceiverOptions {
        listen,
        tls: Some(tls),
        ..ReceiverOptions::default()
    })
    .await
    .unwrap();
    stage.put_generated(10, 10, 1);
    let program = stage.program();
    stage.assert_exact().await;
    assert!(program.log().contains("verify_hostname"));
}
