//! What outputs over the network have in common: address, transport, certificates, delivery.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::super::Platform;
use super::super::decode::{Field, Mapping};
use super::super::model::{Confirm, DeliveryRule, Receiver, TlsIdentity, Transport};
use super::super::vendor;
use super::address::{self, Address};
use super::globals::{self, SenderDefaults};

const HOUR: Duration = Duration::from_secs(3600);

/// What differs from one type of output to another.
pub(super) struct Profile {
    pub(super) default_port: Option<u16>,
    /// Devo asks for our certificate, always; other receivers need not.
    pub(super) devo: bool,
}

pub(super) fn receiver(
    map: &mut Mapping<'_>,
    profile: &Profile,
    sender: SenderDefaults,
) -> Option<Receiver> {
    let address = map.require(
        "address|url",
        "give the receiver's host name, such as `collector-eu.devo.io`",
        read_address,
    );
    let port = port(map, address.as_ref(), profile);
    let transport = transport(map, address.as_ref(), profile);
    let concurrent_connections = map.read_or(
        "concurrent_connections",
        sender.concurrent_connections,
        globals::concurrent_connections,
    );
    let delivery = delivery(map.section("delivery"));
    let stats_period = map.read_or(
        "period_sender_stats_in_seconds",
        sender.stats_period,
        globals::stats_period,
    );
    let backoff = globals::backoff(
        map,
        [
            "connecting_initial_wait_in_seconds",
            "connecting_max_wait_in_seconds",
        ],
        Field::seconds,
    );
    map.accept(vendor::NETWORK);
    Some(Receiver {
        host: address?.host,
        port: port?,
        transport: transport?,
        concurrent_connections,
        delivery: delivery?,
        stats_period,
        backoff,
    })
}

fn read_address(field: &Field<'_>) -> Option<Address> {
    let address = address::parse(&field.text()?);
    address.or_else(|| {
        field.fail(
            format!("{} is not a receiver's address", field.quoted()),
            "write a host name or an IP address, perhaps with a port: `collector-eu.devo.io:443`",
        )
    })
}

fn port(map: &mut Mapping<'_>, address: Option<&Address>, profile: &Profile) -> Option<u16> {
    let in_address = address.and_then(|address| address.port);
    let Some(field) = map.get("port") else {
        return match in_address.or(profile.default_port) {
            Some(port) => Some(port),
            // Without a usable address, the port may stand in what is wrong there.
            None if address.is_none() => None,
            None => map
                .field()
                .fail_whole("missing `port`", "give the receiver's port"),
        };
    };
    let port = field.integer(1..=u16::MAX)?;
    match in_address {
        Some(other) if other != port => field.fail(
            format!("the address already has the port {other}"),
            "keep one of the two",
        ),
        _ => Some(port),
    }
}

fn transport(
    map: &mut Mapping<'_>,
    address: Option<&Address>,
    profile: &Profile,
) -> Option<Transport> {
    let scheme = address.and_then(|address| address.tls);
    let given = map.get("type");
    let tls = match &given {
        Some(field) => field.choice(&[("SSL", true), ("TLS", true), ("TCP", false)]),
        None => Some(scheme.unwrap_or(profile.devo)),
    };
    let material = ["chain|chain_loc", "cert|cert_loc", "key|key_loc"].map(|key| map.get(key));
    let mut section = map.section("tls");
    let verify = section.get("verify_hostname");
    section.finish();
    if let (Some(field), Some(scheme), Some(tls)) = (&given, scheme, tls)
        && scheme != tls
    {
        return field.fail(
            "the scheme of the address says otherwise",
            "keep one of the two",
        );
    }
    if tls? {
        let verify_hostname = match &verify {
            Some(field) => verify_hostname(field)?,
            None => true,
        };
        return tls_transport(map.field(), material, verify_hostname, profile);
    }
    for field in material.iter().chain([&verify]).flatten() {
        let name = field.name();
        match &given {
            Some(_) => field.warn(format!("`{name}` has no effect with `type: TCP`"), ""),
            // Plain text where someone meant to have TLS would be worse than an error.
            None => field.fail_whole::<()>(
                format!("`{name}` is given, but this output is plain TCP by default"),
                "add `type: SSL`, or remove it",
            )?,
        }
    }
    Some(Transport::Tcp)
}

fn verify_hostname(field: &Field<'_>) -> Option<bool> {
    let verify = field.boolean()?;
    if !verify {
        field.warn(
            "any receiver with a certificate of this chain is trusted, whatever its name",
            "remove it once the receiver has a certificate for its name",
        );
    }
    Some(verify)
}

fn tls_transport(
    output: &Field<'_>,
    [chain, cert, key]: [Option<Field<'_>>; 3],
    verify_hostname: bool,
    profile: &Profile,
) -> Option<Transport> {
    let needs = |name: &str, given: bool| -> Option<()> {
        if profile.devo && !given {
            return output.fail_whole(
                format!("missing `{name}`"),
                "Devo asks for chain, cert and key: Administration → Credentials → X.509 certificates",
            );
        }
        Some(())
    };
    let complete = [
        needs("chain", chain.is_some()),
        needs("cert", cert.is_some()),
        needs("key", key.is_some()),
    ];
    if !profile.devo {
        match (&cert, &key) {
            (Some(alone), None) => {
                return alone.fail_whole("`cert` without `key`", "give both, or neither");
            }
            (None, Some(alone)) => {
                return alone.fail_whole("`key` without `cert`", "give both, or neither");
            }
            _ => {}
        }
    }
    let chain = optional(chain.as_ref(), |field| {
        certificates(field).map(|(path, _)| path)
    });
    let cert = optional(cert.as_ref(), certificates);
    let pair = optional(key.as_ref(), |field| {
        private_key(field).map(|key| (field.clone(), key))
    });
    let (chain, cert, pair) = (chain?, cert?, pair?);
    complete.into_iter().collect::<Option<Vec<()>>>()?;
    let identity = match (cert, pair) {
        (Some((cert, certificates)), Some((field, (key, private)))) => {
            belongs_to(&field, certificates, &private)?;
            Some(TlsIdentity { cert, key })
        }
        _ => None,
    };
    Some(Transport::Tls {
        chain,
        identity,
        verify_hostname,
    })
}

/// What `read` makes of a field that need not be there; `None` if it cannot make anything of one that is.
fn optional<'f, 'a, T>(
    field: Option<&'f Field<'a>>,
    read: impl FnOnce(&'f Field<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match field {
        Some(field) => read(field).map(Some),
        None => Some(None),
    }
}

fn certificates(field: &Field<'_>) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
    let path = pem_file(field)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if !certificates.is_empty() => Some((path, certificates)),
        _ => field.fail(
            format!("{} holds no certificate", field.quoted()),
            "give a PEM file, with `-----BEGIN CERTIFICATE-----` in it",
        ),
    }
}

fn private_key(field: &Field<'_>) -> Option<(PathBuf, PrivateKeyDer<'static>)> {
    let path = pem_file(field)?;
    match PrivateKeyDer::from_pem_file(&path) {
        Ok(key) => Some((path, key)),
        Err(_) => field.fail(
            format!("{} holds no private key", field.quoted()),
            "give a PEM file without a passphrase, with `-----BEGIN PRIVATE KEY-----` or the like in it",
        ),
    }
}

/// Whether the key is the certificate's.
fn belongs_to(
    key: &Field<'_>,
    certificates: Vec<CertificateDer<'static>>,
    private: &PrivateKeyDer<'static>,
) -> Option<()> {
    let Ok(signing) = ring::sign::any_supported_type(private) else {
        return key.fail(
            format!(
                "{} is a key of a kind that TLS here cannot use",
                key.quoted()
            ),
            "use RSA, ECDSA (P-256, P-384) or Ed25519",
        );
    };
    match CertifiedKey::new(certificates, signing).keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => key.fail(
            "the key is not the certificate's",
            "give the `cert` and the `key` that were made together",
        ),
        // Other certificates than those that can be compared are for the handshake to judge.
        Ok(()) | Err(_) => Some(()),
    }
}

/// A certificate or key: a relative path is looked up in `certs/` beside the configuration, then beside it.
fn pem_file(field: &Field<'_>) -> Option<PathBuf> {
    let base = field.context.base_dir;
    let text = field.text()?;
    let in_certs = base.join("certs").join(&text);
    let path = match in_certs.exists() {
        true => in_certs,
        false => base.join(&text),
    };
    let readable = File::open(&path).and_then(|file| file.metadata());
    let problem = match readable {
        Ok(metadata) if metadata.is_file() => return Some(path),
        Ok(_) => "not a file".to_owned(),
        Err(error) => error.to_string(),
    };
    field.fail(
        format!("cannot read {}: {problem}", field.quoted()),
        "give a PEM file; a relative path is looked up in `certs` beside this file, then beside it",
    )
}

fn delivery(mut map: Mapping<'_>) -> Option<DeliveryRule> {
    let given = map.get("confirm");
    let confirm = match &given {
        Some(field) => field.choice(&[("write", Confirm::Write), ("tcp", Confirm::Tcp)]),
        None => Some(Confirm::Tcp),
    };
    let settle = map.read_or("settle", Duration::from_secs(2), |field| {
        field.duration(Duration::ZERO..=HOUR)
    });
    let stall_timeout = map.read_or("stall_timeout", Duration::from_secs(60), |field| {
        field.duration(Duration::from_secs(1)..=HOUR)
    });
    let section = map.field().clone();
    map.finish();
    if confirm == Some(Confirm::Tcp) && section.context.platform != Platform::Linux {
        return given.as_ref().unwrap_or(&section).fail_whole(
            "`confirm: tcp` needs Linux: other systems do not tell what the peer has acknowledged",
            "write `delivery: {confirm: write}`, and know that what is in a socket's buffer can be lost",
        );
    }
    Some(DeliveryRule {
        confirm: confirm?,
        settle,
        stall_timeout,
    })
}
