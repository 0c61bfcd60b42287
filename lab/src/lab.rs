//! The emulator as a whole: started with options, stopped by dropping it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use thiserror::Error;

use crate::{
    calls::CallLog,
    clock::Clock,
    credentials::{Caller, Keyring},
    fault::Faults,
    http::{self, Server, Services},
    options::{LabOptions, Site},
    s3::S3,
    sqs::Sqs,
    sts::Sts,
};

/// The lab could not listen.
#[derive(Debug, Error)]
#[error("cannot listen on {address}")]
pub struct StartError {
    /// The address it was to listen on.
    pub address: SocketAddr,
    #[source]
    source: io::Error,
}

/// A running emulator of SQS, S3 and STS behind one endpoint.
///
/// ```
/// # tokio_test(async {
/// use cloudweir_lab::{Lab, LabOptions};
///
/// let lab = Lab::start(LabOptions::default()).await?;
/// lab.sqs().create_queue("trail", [])?;
/// lab.s3().create_bucket("logs")?;
/// lab.s3().notify("logs", "trail")?;
/// lab.s3().put("logs", "AWSLogs/a.json.gz", "…")?;
/// // The test event, and the notification of the object.
/// let stats = lab.sqs().until("trail", |queue| queue.visible == 2).await?;
/// assert_eq!(stats.sent, 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # });
/// # fn tokio_test<E: std::fmt::Debug>(test: impl Future<Output = Result<(), E>>) {
/// #     tokio::runtime::Runtime::new().unwrap().block_on(test).unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Lab {
    services: Arc<Services>,
    endpoint: String,
    address: SocketAddr,
    _server: Server,
}

impl Lab {
    /// Starts the emulator on the present tokio runtime.
    ///
    /// # Errors
    /// The address is not free.
    pub async fn start(options: LabOptions) -> Result<Self, StartError> {
        let (listener, address) =
            http::bind(options.listen)
                .await
                .map_err(|source| StartError {
                    address: options.listen,
                    source,
                })?;
        let endpoint = format!("http://{}", reachable(address));
        let clock = Clock::start();
        let anyone = match options.identity {
            Some((arn, user_id)) => Caller { arn, user_id },
            None => Caller {
                arn: format!("arn:aws:iam::{}:user/lab", options.account),
                user_id: "AIDACLOUDWEIRLAB00000".to_owned(),
            },
        };
        let site = Arc::new(Site {
            endpoint: endpoint.clone(),
            account: options.account,
            region: options.region,
        });
        let keyring = Keyring::new(options.access_keys, anyone);
        let sqs = Sqs::new(Arc::clone(&site), clock);
        let s3 = S3::new(Arc::clone(&site), clock, sqs.clone());
        let sts = Sts::new(site, clock, keyring.clone(), options.roles);
        let services = Arc::new(Services {
            clock,
            keyring,
            sqs,
            s3,
            sts,
            faults: Faults::default(),
            calls: CallLog::default(),
        });
        Ok(Self {
            endpoint,
            address,
            _server: Server::start(listener, Arc::clone(&services)),
            services,
        })
    }

    /// The endpoint URL of all services.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The queues.
    pub fn sqs(&self) -> &Sqs {
        &self.services.sqs
    }

    /// The buckets.
    pub fn s3(&self) -> &S3 {
        &self.services.s3
    }

    /// The token service.
    pub fn sts(&self) -> &Sts {
        &self.services.sts
    }

    /// The injected faults.
    pub fn faults(&self) -> &Faults {
        &self.services.faults
    }

    /// What the clients called.
    pub fn calls(&self) -> &CallLog {
        &self.services.calls
    }
}

/// A wildcard address is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
