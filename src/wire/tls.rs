//! TLS for the client's side: the trust anchors, our own certificate, and the refusal to leave either out by accident.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use thiserror::Error;

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM file cannot be read, or holds nothing of what is wanted.
    #[error("{what} {path}: {problem}; give a readable PEM file", path = path.display())]
    Pem {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificates do not serve.
    #[error(
        "the certificates of this output do not serve: {0}; check that cert and key belong together"
    )]
    Unusable(#[from] rustls::Error),
    /// No certificate of the chain can be trusted.
    #[error("the chain cannot be used for verification: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// Our own certificate and its key, for mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, followed by its intermediates, in PEM.
    pub cert: PathBuf,
    /// The private key in PEM (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// What one output's TLS rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificates that sign the receiver's, in PEM; the system's trust store where it is `None`.
    pub chain: Option<PathBuf>,
    /// Our own certificate, where the receiver asks for one.
    pub identity: Option<ClientIdentity>,
    /// Whether the receiver's certificate must be for the name that we connect to.
    pub verify_hostname: bool,
}

/// Reads the PEM files and builds the client's configuration: TLS 1.2 and 1.3, the *ring* provider, no global state.
///
/// # Errors
/// A file that cannot be read, or certificates that do not serve.
pub fn client_config(settings: &TlsSettings) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(settings.chain.as_deref())?);
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
    let verifier: Arc<dyn ServerCertVerifier> = if settings.verify_hostname {
        verifier
    } else {
        Arc::new(AnyName { verifier })
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &settings.identity {
        Some(identity) => {
            let chain = certificates("client certificate", &identity.cert)?;
            let key = PrivateKeyDer::from_pem_file(&identity.key)
                .map_err(|error| pem("client key", &identity.key, &error))?;
            config.with_client_auth_cert(chain, key)?
        }
        None => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn roots(chain: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match chain {
        Some(path) => {
            for certificate in certificates("chain", path)? {
                roots
                    .add(certificate)
                    .map_err(|error| pem("chain", path, &error))?;
            }
        }
        None => {
            // Single entries of a system's store are often unusable; what counts is that some are left.
            let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| pem(what, path, &error))?;
    if certificates.is_empty() {
        return Err(pem(what, path, &"no certificate in it"));
    }
    Ok(certificates)
}

fn pem(what: &'static str, path: &Path, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem {
        what,
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

/// Verifies everything but the name: the operator's deliberate `verify_hostname: false`.
#[derive(Debug)]
struct AnyName {
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is the last thing that is checked, so all else holds when it is what fails.
        match self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
