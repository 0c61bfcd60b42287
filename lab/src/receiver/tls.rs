//! The receiver's TLS configuration, and what it tells of a client.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use super::options::{ClientAuth, ReceiverError, TlsOptions, TlsVersion};

/// Builds the acceptor, on the ring provider.
pub(super) fn acceptor(options: &TlsOptions) -> Result<TlsAcceptor, ReceiverError> {
    let unusable = |error: &dyn std::fmt::Display| ReceiverError::Tls(error.to_string());
    let certificates = certificates(&options.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&options.key).map_err(|error| unusable(&error))?;
    let versions: Vec<&'static SupportedProtocolVersion> = options
        .versions
        .iter()
        .map(|version| match version {
            TlsVersion::Tls12 => &TLS12,
            TlsVersion::Tls13 => &TLS13,
        })
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&versions)
        .map_err(|error| unusable(&error))?;
    let builder = match options.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional | ClientAuth::Required => {
            builder.with_client_cert_verifier(verifier(options)?)
        }
    };
    let config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| unusable(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn verifier(options: &TlsOptions) -> Result<Arc<dyn ClientCertVerifier>, ReceiverError> {
    let unusable = |error: &dyn std::fmt::Display| ReceiverError::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    for root in certificates(&options.client_ca)? {
        roots.add(root).map_err(|error| unusable(&error))?;
    }
    let provider = Arc::new(ring::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if options.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| unusable(&error))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ReceiverError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| ReceiverError::Tls(error.to_string()))
}

/// Version and client common name of an established connection.
pub(super) fn peer(connection: &ServerConnection) -> (Option<TlsVersion>, Option<String>) {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => Some(TlsVersion::Tls12),
        Some(rustls::ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => None,
    };
    let certificate = connection
        .peer_certificates()
        .and_then(|certificates| certificates.first());
    (version, certificate.and_then(|der| common_name(der)))
}

/// The common name in the subject of a certificate.
fn common_name(certificate: &[u8]) -> Option<String> {
    /// The object identifier 2.5.4.3 (X.520 commonName) in DER.
    const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
    /// The optional version of a TBSCertificate: `[0] EXPLICIT` (RFC 5280, section 4.1).
    const VERSION: u8 = 0xa0;

    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, signature, issuer, validity.
    for _ in 0..4 {
        fields = element(fields)?.2;
    }
    let (_, subject, _) = element(fields)?;
    let at = memchr::memmem::find(subject, COMMON_NAME)?;
    let (_, name, _) = element(&subject[at + COMMON_NAME.len()..])?;
    String::from_utf8(name.to_vec()).ok()
}

/// Splits a DER element into its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |length, digit| {
            length.checked_mul(256)?.checked_add(usize::from(*digit))
        })?;
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::certs::Authority;

    #[test]
    fn the_common_name_is_the_subjects_not_the_issuers() {
        let authority = Authority::new("issuer").expect("a CA");
        let client = authority.client("collector").expect("a certificate");
        let der = certificates(client.certificate.as_bytes()).expect("PEM");
        assert_eq!(common_name(&der[0]), Some("collector".into()));
    }

    proptest! {
        #[test]
        fn no_input_panics(der in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = common_name(&der);
        }
    }
}
