//! A certificate authority of one test, with a certificate for the receiver and one for its client.
//!
//! Made by the openssl program, so that what our TLS code accepts is not judged by certificates of our own making.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Without a `[distinguished_name]` openssl refuses its configuration, even when the subject is given.
const OPENSSL_CONFIG: &str = "\
[req]
distinguished_name = distinguished_name
[distinguished_name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
";

/// A private key and its certificate, both PEM files.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: PathBuf,
    /// Its key, PKCS #8.
    pub(crate) key: PathBuf,
}

/// What both ends of a mutual TLS connection need. Names of the server: `localhost` and `127.0.0.1`.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    /// The authority that signed both; the only one either end trusts.
    pub(crate) authority: Identity,
    /// The receiver's.
    pub(crate) server: Identity,
    /// The sender's.
    pub(crate) client: Identity,
}

impl Certificates {
    /// Makes an authority and both identities in `folder`, valid for two days.
    pub(crate) async fn generate(folder: &Path) -> Self {
        let config = folder.join("openssl.cnf");
        std::fs::write(&config, OPENSSL_CONFIG).expect("the configuration of openssl");
        let authority = issue(folder, &config, "authority", None).await;
        let server = issue(folder, &config, "server", Some(&authority)).await;
        let client = issue(folder, &config, "client", Some(&authority)).await;
        Self {
            authority,
            server,
            client,
        }
    }
}

/// Makes the identity `name` with the extensions of the configuration's section of that name, signed by `issuer` or itself.
async fn issue(folder: &Path, config: &Path, name: &str, issuer: Option<&Identity>) -> Identity {
    let identity = Identity {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    let mut openssl = Command::new("openssl");
    openssl
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args(["-extensions", name, "-subj"])
        .arg(format!("/CN=cloudweir test {name}"))
        .arg("-config")
        .arg(config)
        .arg("-keyout")
        .arg(&identity.key)
        .arg("-out")
        .arg(&identity.certificate);
    if let Some(issuer) = issuer {
        openssl
            .arg("-CA")
            .arg(&issuer.certificate)
            .arg("-CAkey")
            .arg(&issuer.key);
    }
    let made = openssl
        .output()
        .await
        .expect("openssl is missing: run `.ci/install test`");
    assert!(
        made.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    identity
}
