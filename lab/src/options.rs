//! What a lab is started with.

use std::net::{Ipv4Addr, SocketAddr};

use crate::credentials::AccessKey;

/// How to start a [`Lab`](crate::Lab).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account that owns everything, 12 digits.
    pub account: String,
    /// The region of queues and buckets.
    pub region: String,
    /// The identity of callers while no access keys are declared: its ARN and unique id. A user of `account` if none.
    pub identity: Option<(String, String)>,
    /// The only long-term access keys that are accepted; with none, every key is.
    pub access_keys: Vec<AccessKey>,
    /// The only roles that can be assumed; with none, every role can.
    pub roles: Vec<Role>,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            identity: None,
            access_keys: Vec::new(),
            roles: Vec::new(),
        }
    }
}

/// A role that can be assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN, for example `arn:aws:iam::123456789012:role/collector`.
    pub arn: String,
    /// The external id that its trust policy demands.
    pub external_id: Option<String>,
}

/// What all services know of the place they run in.
#[derive(Debug, Default)]
pub(crate) struct Site {
    pub(crate) endpoint: String,
    pub(crate) account: String,
    pub(crate) region: String,
}
