//! Sessions: an AWS account's credentials in one region, refreshed ahead of their expiry and shared by all pullers that use them.

mod call;
mod clients;
mod credentials;
mod keeper;
mod limiter;

use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;
use thiserror::Error;
use tokio::sync::{Notify, watch};

pub use call::{CallError, Caller, Failure};
pub use clients::{s3_client, sqs_client};
pub use credentials::Credentials;
pub use keeper::{SessionSettings, http_client, keep};
pub use limiter::{CallLimit, Limiter};

/// Why a session is not there yet. The keeper tries again for ever; this is what it logs.
#[derive(Debug, Error)]
pub enum SessionError {
    /// No credentials, or none that can be read.
    #[error(
        "no credentials for input {input}: {problem}; check the input's credentials, or the environment, profile or role they come from"
    )]
    Credentials {
        /// The input's name.
        input: String,
        /// What the provider said.
        problem: String,
    },
    /// The credentials are refused, or STS cannot be reached.
    #[error(
        "GetCallerIdentity for input {input} in {region} failed: {problem}; check the credentials and the way to STS"
    )]
    Identity {
        /// The input's name.
        input: String,
        /// The region.
        region: String,
        /// What STS, or the way to it, said.
        problem: String,
    },
}

/// A session that stands.
#[derive(Debug)]
pub struct Established {
    /// What clients are made from. Its credentials are always the newest ones.
    pub sdk: SdkConfig,
    /// The account, from GetCallerIdentity.
    pub account: String,
    /// When the present credentials expire; `None` for a user's or profile's keys, which do not.
    pub expires: Option<SystemTime>,
}

/// A session as its users see it. Cheap to clone, and valid through every restart of its keeper.
#[derive(Clone, Debug)]
pub struct Session {
    established: watch::Sender<Option<Arc<Established>>>,
    renewal: Arc<Notify>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            established: watch::Sender::new(None),
            renewal: Arc::default(),
        }
    }
}

impl Session {
    /// Waits until the session stands.
    pub async fn established(&self) -> Arc<Established> {
        let mut watch = self.established.subscribe();
        loop {
            if let Some(established) = watch.borrow_and_update().clone() {
                return established;
            }
            // `self` holds the sender, so the watch cannot close.
            let _ = watch.changed().await;
        }
    }

    /// Says that AWS has refused the present credentials: they are read anew.
    pub fn renew(&self) {
        self.renewal.notify_one();
    }

    fn publish(&self, established: Established) {
        self.established.send_replace(Some(Arc::new(established)));
    }
}
