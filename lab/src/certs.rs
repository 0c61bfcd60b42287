//! Certificates for tests: an authority, what it issues, and the variants that a verifier must refuse.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use thiserror::Error;

/// The names under which the servers of tests are reached.
pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Certificates could not be made or written.
#[derive(Debug, Error)]
pub enum CertsError {
    /// A name or key is not usable in a certificate.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS #8.
    pub key: String,
}

/// A certificate authority of its own.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes an authority with this common name.
    ///
    /// # Errors
    /// [`CertsError::Issue`].
    pub fn new(common_name: &str) -> Result<Self, CertsError> {
        let mut params = parameters(common_name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// Its own certificate, PEM: what the other side trusts.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A server certificate for these DNS names and addresses.
    ///
    /// # Errors
    /// [`CertsError::Issue`].
    pub fn server(&self, names: &[&str]) -> Result<Identity, CertsError> {
        self.issue(&server_parameters(names)?)
    }

    /// A server certificate that expired in 2021.
    ///
    /// # Errors
    /// [`CertsError::Issue`].
    pub fn expired_server(&self, names: &[&str]) -> Result<Identity, CertsError> {
        self.issue(&expired(server_parameters(names)?))
    }

    /// A client certificate.
    ///
    /// # Errors
    /// [`CertsError::Issue`].
    pub fn client(&self, common_name: &str) -> Result<Identity, CertsError> {
        self.issue(&client_parameters(common_name)?)
    }

    /// A client certificate that expired in 2021.
    ///
    /// # Errors
    /// [`CertsError::Issue`].
    pub fn expired_client(&self, common_name: &str) -> Result<Identity, CertsError> {
        self.issue(&expired(client_parameters(common_name)?))
    }

    fn issue(&self, params: &CertificateParams) -> Result<Identity, CertsError> {
        let key = KeyPair::generate()?;
        Ok(Identity {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn parameters(common_name: &str, names: &[&str]) -> Result<CertificateParams, CertsError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    Ok(params)
}

fn server_parameters(names: &[&str]) -> Result<CertificateParams, CertsError> {
    let mut params = parameters(names.first().unwrap_or(&"server"), names)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn client_parameters(common_name: &str) -> Result<CertificateParams, CertsError> {
    let mut params = parameters(common_name, &[])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

/// Writes a whole set into a directory, which is created: `chain.crt` (the authority), `server` and `client` as `.crt` and `.key`,
/// and what must be refused: `server-expired`, `server-wrong-name`, `server-other-ca`, `client-expired`, `client-other-ca`.
///
/// # Errors
/// [`CertsError::Issue`], [`CertsError::Write`].
pub fn write_set(dir: &Path) -> Result<(), CertsError> {
    let authority = Authority::new("cloudweir lab CA")?;
    let other = Authority::new("another CA")?;
    let client = "cloudweir-client";
    let identities = [
        ("server", authority.server(&LOCAL_NAMES)?),
        ("server-expired", authority.expired_server(&LOCAL_NAMES)?),
        ("server-wrong-name", authority.server(&["wrong.example"])?),
        ("server-other-ca", other.server(&LOCAL_NAMES)?),
        ("client", authority.client(client)?),
        ("client-expired", authority.expired_client(client)?),
        ("client-other-ca", other.client(client)?),
    ];
    let write = |path: PathBuf, text: &str| {
        fs::write(&path, text).map_err(|source| CertsError::Write { path, source })
    };
    fs::create_dir_all(dir).map_err(|source| CertsError::Write {
        path: dir.to_owned(),
        source,
    })?;
    write(dir.join("chain.crt"), authority.certificate())?;
    for (name, identity) in identities {
        write(dir.join(format!("{name}.crt")), &identity.certificate)?;
        write(dir.join(format!("{name}.key")), &identity.key)?;
    }
    Ok(())
}
