//! Tests of the receiver against plain tokio sockets and rustls clients.

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::certs::{Authority, Identity};

async fn plain(record: Record) -> Receiver {
    let options = ReceiverOptions {
        record,
        ..ReceiverOptions::default()
    };
    Receiver::start(options).await.expect("a receiver")
}

async fn connect(receiver: &Receiver) -> TcpStream {
    TcpStream::connect(receiver.address())
        .await
        .expect("a connection")
}

struct Material {
    authority: Authority,
    server: Identity,
}

impl Material {
    fn new() -> Self {
        let authority = Authority::new("CA").expect("a CA");
        let server = authority.server(&["localhost"]).expect("a certificate");
        Self { authority, server }
    }

    async fn receiver(&self, client_auth: ClientAuth) -> Receiver {
        let tls = TlsOptions {
            certificate: self.server.certificate.clone().into_bytes(),
            key: self.server.key.clone().into_bytes(),
            client_ca: self.authority.certificate().as_bytes().to_vec(),
            client_auth,
            versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
        };
        let options = ReceiverOptions {
            tls: Some(tls),
            ..ReceiverOptions::default()
        };
        Receiver::start(options).await.expect("a receiver")
    }

    async fn connect(
        &self,
        receiver: &Receiver,
        client: Option<&Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.certificate().as_bytes());
        roots.add(root.expect("PEM")).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let chain = CertificateDer::pem_slice_iter(client.certificate.as_bytes())
                    .collect::<Result<_, _>>()
                    .expect("PEM");
                let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("a key")
            }
        };
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config))
            .connect(name, connect(receiver).await)
            .await
    }
}

#[tokio::test]
async fn lines_are_cut_at_line_feeds_wherever_the_writes_end() {
    let receiver = plain(Record::Lines).await;
    let mut stream = connect(&receiver).await;
    for piece in ["on", "e\ntwo\n\nth", "ree\nrest"] {
        stream.write_all(piece.as_bytes()).await.expect("a write");
    }
    stream.shutdown().await.expect("a half close");
    // The receiver closes only after it has read everything.
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .await
        .expect("an orderly end");
    receiver
        .until(|receiver| receiver.connections()[0].end == End::Closed)
        .await;
    assert_eq!(receiver.lines(), ["one", "two", "", "three"]);
    let connection = &receiver.connections()[0];
    assert_eq!((connection.lines, connection.partial), (4, 4));
}

#[tokio::test]
async fn connections_are_told_apart() {
    let receiver = plain(Record::Lines).await;
    let mut first = connect(&receiver).await;
    first.write_all(b"a\n").await.expect("a write");
    receiver.await_lines(1).await;
    let mut second = connect(&receiver).await;
    second.write_all(b"b\n").await.expect("a write");
    receiver.await_lines(2).await;
    assert_eq!(receiver.lines_of(0), ["a"]);
    assert_eq!(receiver.lines_of(1), ["b"]);
}

#[tokio::test]
async fn a_digest_stands_for_the_lines() {
    let receiver = plain(Record::Digest).await;
    let mut stream = connect(&receiver).await;
    stream.write_all(b"b\na\n").await.expect("a write");
    receiver.await_lines(2).await;
    assert_eq!(receiver.totals(), LineDigest::from_iter(["a", "b"]));
    assert!(receiver.lines().is_empty());
}

#[tokio::test]
async fn lines_are_appended_to_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("lines");
    std::fs::write(&path, "before\n").expect("a file");
    let receiver = plain(Record::Append(path.clone())).await;
    let mut stream = connect(&receiver).await;
    stream.write_all(b"a\nb").await.expect("a write");
    receiver.await_lines(1).await;
    assert_eq!(std::fs::read(&path).expect("the file"), b"before\na\n");
}

#[tokio::test]
async fn a_stalled_receiver_reads_nothing_until_it_resumes() {
    let receiver = plain(Record::Lines).await;
    receiver.stall();
    let mut stream = connect(&receiver).await;
    stream.write_all(b"a\n").await.expect("a write");
    let arrived = tokio::time::timeout(Duration::from_millis(100), receiver.await_lines(1));
    assert!(arrived.await.is_err());
    receiver.resume();
    receiver.await_lines(1).await;
}

#[tokio::test]
async fn half_read_stops_after_its_bytes() {
    let receiver = plain(Record::Lines).await;
    receiver.half_read(5);
    let mut stream = connect(&receiver).await;
    stream.write_all(b"abc\ndef\n").await.expect("a write");
    receiver
        .until(|receiver| receiver.connections().iter().any(|one| one.bytes == 5))
        .await;
    assert_eq!(receiver.lines(), ["abc"]);
    receiver.resume();
    receiver.await_lines(2).await;
}

#[tokio::test]
async fn reset_all_is_a_reset_to_the_peer() {
    let receiver = plain(Record::Lines).await;
    let mut stream = connect(&receiver).await;
    stream.write_all(b"a\n").await.expect("a write");
    receiver.await_lines(1).await;
    receiver.reset_all();
    let error = stream.read(&mut [0; 1]).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    receiver
        .until(|receiver| receiver.connections()[0].end == End::Reset)
        .await;
    // New connections are welcome.
    let mut again = connect(&receiver).await;
    again.write_all(b"b\n").await.expect("a write");
    receiver.await_lines(2).await;
}

#[tokio::test]
async fn a_dead_receiver_refuses_and_comes_back_on_its_port() {
    let receiver = plain(Record::Lines).await;
    receiver.stall();
    let mut stream = connect(&receiver).await;
    stream.write_all(b"unread\n").await.expect("a write");
    receiver
        .until(|receiver| !receiver.connections().is_empty())
        .await;
    receiver.die().await;
    // Unread bytes make the kernel answer with a reset.
    let error = stream.read(&mut [0; 1]).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(receiver.connections()[0].end, End::Killed);
    let refused = TcpStream::connect(receiver.address()).await;
    assert_eq!(
        refused.expect_err("a refusal").kind(),
        io::ErrorKind::ConnectionRefused
    );
    receiver.restart().await.expect("the port is free");
    let mut again = connect(&receiver).await;
    again.write_all(b"a\n").await.expect("a write");
    receiver.await_lines(1).await;
}

#[tokio::test]
async fn refusing_leaves_open_connections_alone() {
    let receiver = plain(Record::Lines).await;
    let mut stream = connect(&receiver).await;
    receiver
        .until(|receiver| !receiver.connections().is_empty())
        .await;
    receiver.refuse().await;
    assert!(TcpStream::connect(receiver.address()).await.is_err());
    stream.write_all(b"a\n").await.expect("a write");
    receiver.await_lines(1).await;
}

#[tokio::test]
async fn mutual_tls_tells_version_and_client() {
    let material = Material::new();
    let receiver = material.receiver(ClientAuth::Required).await;
    let client = material.authority.client("collector").expect("a client");
    for (number, version) in [&TLS12, &TLS13].into_iter().enumerate() {
        let mut stream = material
            .connect(&receiver, Some(&client), version)
            .await
            .expect("a handshake");
        stream.write_all(b"a\n").await.expect("a write");
        stream.shutdown().await.expect("a close_notify");
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .await
            .expect("a close_notify");
        receiver
            .until(|receiver| receiver.connections()[number].end == End::Closed)
            .await;
    }
    let versions: Vec<_> = receiver.connections().iter().map(|one| one.tls).collect();
    assert_eq!(versions, [Some(TlsVersion::Tls12), Some(TlsVersion::Tls13)]);
    assert_eq!(
        receiver.connections()[0].client.as_deref(),
        Some("collector")
    );
    assert_eq!(receiver.lines(), ["a", "a"]);
}

#[tokio::test]
async fn an_end_without_close_notify_is_told() {
    let material = Material::new();
    let receiver = material.receiver(ClientAuth::None).await;
    let mut stream = material
        .connect(&receiver, None, &TLS13)
        .await
        .expect("a handshake");
    stream.write_all(b"a\n").await.expect("a write");
    receiver.await_lines(1).await;
    stream.get_mut().0.shutdown().await.expect("a bare FIN");
    receiver
        .until(|receiver| receiver.connections()[0].end == End::Truncated)
        .await;
}

#[tokio::test]
async fn clients_are_refused_as_the_options_say() {
    let material = Material::new();
    let stranger = Authority::new("other").expect("a CA");
    let stranger = stranger.client("stranger").expect("a client");
    let expired = material.authority.expired_client("late").expect("a client");
    for (client_auth, client, welcome) in [
        (ClientAuth::Required, None, false),
        (ClientAuth::Required, Some(&stranger), false),
        (ClientAuth::Required, Some(&expired), false),
        (ClientAuth::Optional, None, true),
        (ClientAuth::Optional, Some(&stranger), false),
        (ClientAuth::None, Some(&stranger), true),
    ] {
        let receiver = material.receiver(client_auth).await;
        // TLS 1.2 tells a client within the handshake.
        let handshake = material.connect(&receiver, client, &TLS12).await;
        assert_eq!(handshake.is_ok(), welcome, "{client_auth:?} {client:?}");
        if !welcome {
            receiver
                .until(|receiver| matches!(receiver.connections()[0].end, End::Failed(_)))
                .await;
        }
    }
}

#[tokio::test]
async fn unusable_material_is_an_error() {
    let options = ReceiverOptions {
        tls: Some(TlsOptions {
            certificate: b"nonsense".to_vec(),
            key: Vec::new(),
            client_ca: Vec::new(),
            client_auth: ClientAuth::None,
            versions: vec![TlsVersion::Tls13],
        }),
        ..ReceiverOptions::default()
    };
    let error = Receiver::start(options).await.expect_err("no receiver");
    assert!(matches!(error, ReceiverError::Tls(_)));
}
