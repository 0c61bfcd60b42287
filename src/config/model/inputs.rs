//! The `inputs` section, but for its services.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;

use super::Service;

/// One AWS account.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name in the file.
    pub name: String,
    /// `id`: for the log.
    pub id: String,
    /// `environment`: the last component of the tags, if set.
    pub environment: Option<String>,
    /// `environment_in_event`: whether events also carry it as `@devo_environment`; `false` by default.
    pub environment_in_event: bool,
    /// `requests_per_second` and `requests_limits`: all hold at once; none by default.
    pub request_limits: Vec<RequestLimit>,
    /// `endpoint_url`, `endpoint_urls`: where AWS is, for an emulator or VPC endpoints; AWS's own by default.
    pub endpoints: Endpoints,
    /// `credentials`: the default chain if there are none.
    pub credentials: Credentials,
    /// The enabled ones, in the file's order, at least one.
    pub services: Vec<Service>,
}

/// The most calls of one AWS API in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimit {
    /// One second, minute, hour or day.
    pub period: Duration,
    /// The most calls in it.
    pub requests: NonZeroU32,
}

/// Base URLs in place of AWS's own, by AWS service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Of SQS.
    pub sqs: Option<String>,
    /// Of S3.
    pub s3: Option<String>,
    /// Of STS.
    pub sts: Option<String>,
}

/// How AWS is to know us.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Keys of a user, or temporary ones with their token.
    Static {
        /// `access_key`.
        access_key: SecretString,
        /// `access_secret`.
        access_secret: SecretString,
        /// `session_token`, of temporary keys.
        session_token: Option<SecretString>,
    },
    /// `profile`: one of AWS's shared configuration files.
    Profile(String),
    /// The AWS SDK's default chain: environment, shared files, web identity, ECS, EKS, IMDS.
    DefaultChain,
}
