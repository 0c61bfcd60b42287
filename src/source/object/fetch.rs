//! Reading an object from S3 as it comes; a body that breaks off is taken up again where it broke.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use thiserror::Error;
use tokio::time::timeout;
use tracing::debug;

use crate::session::{CallError, Caller, Failure};

/// How long a body may give nothing while we wait for it. S3 answers within a second; half a minute is a dead connection.
const SILENCE: Duration = Duration::from_secs(30);

/// How often in a row a body is taken up again without a single byte of progress.
const RESUMPTIONS: u32 = 4;

/// The first wait before a body is taken up again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Why an object could not be read to its end.
#[derive(Debug, Error)]
pub enum FetchError {
    /// S3 refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The body broke off again and again.
    #[error("s3://{bucket}/{key} broke off at byte {at} {RESUMPTIONS} times in a row: {problem}")]
    Body {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Where.
        at: u64,
        /// What the connection said.
        problem: String,
    },
}

impl FetchError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => !matches!(error.failure, Failure::NotFound | Failure::Denied),
            Self::Body { .. } => true,
        }
    }
}

/// Fetches objects with one session's clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    caller: Caller,
}

impl Fetcher {
    /// A fetcher that calls S3 through `client`.
    #[must_use]
    pub fn new(client: Client, caller: Caller) -> Self {
        Self { client, caller }
    }

    /// Opens the object as it is now.
    ///
    /// # Errors
    /// S3 refused, or could not be reached.
    pub async fn open(&self, bucket: &str, key: &str) -> Result<ObjectBody, FetchError> {
        let mut body = ObjectBody {
            fetcher: self.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            etag: None,
            length: None,
            read: 0,
            stream: ByteStream::default(),
            ahead: None,
        };
        body.request().await?;
        Ok(body)
    }
}

/// An object being read.
#[derive(Debug)]
pub struct ObjectBody {
    fetcher: Fetcher,
    bucket: String,
    key: String,
    etag: Option<String>,
    length: Option<u64>,
    read: u64,
    stream: ByteStream,
    /// What has come already and not been read.
    ahead: Option<Bytes>,
}

impl ObjectBody {
    /// The object's entity tag without its quotes; empty if S3 gave none.
    #[must_use]
    pub fn etag(&self) -> &str {
        self.etag.as_deref().unwrap_or_default().trim_matches('"')
    }

    /// The next bytes of the object; `None` at its end.
    ///
    /// # Errors
    /// The body broke off and could not be taken up again, or the object has changed meanwhile.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let mut failures = 0;
        loop {
            let next = async {
                match self.ahead.take() {
                    Some(bytes) => Ok(Some(bytes)),
                    None => self.stream.try_next().await,
                }
            };
            let problem = match timeout(SILENCE, next).await {
                Ok(Ok(Some(bytes))) => {
                    self.read += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(Ok(None)) if self.length.is_none_or(|length| self.read >= length) => {
                    return Ok(None);
                }
                Ok(Ok(None)) => "the body ended early".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing came for {} s", SILENCE.as_secs()),
            };
            self.take_up(&mut failures, problem).await?;
        }
    }

    /// Requests the rest, after a wait that grows with `failures`.
    async fn take_up(&mut self, failures: &mut u32, mut problem: String) -> Result<(), FetchError> {
        loop {
            if *failures >= RESUMPTIONS {
                return Err(FetchError::Body {
                    bucket: self.bucket.clone(),
                    key: self.key.clone(),
                    at: self.read,
                    problem,
                });
            }
            debug!(
                "s3://{}/{} broke off at byte {}: {problem}",
                self.bucket, self.key, self.read
            );
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(*failures)).await;
            *failures += 1;
            match self.request().await {
                Ok(()) => return Ok(()),
                Err(error) if matches!(error.failure, Failure::Transient | Failure::Throttled) => {
                    problem = error.to_string();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn request(&mut self) -> Result<(), CallError> {
        let resumed = (self.read > 0).then(|| format!("bytes={}-", self.read));
        let request = self
            .fetcher
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_range(resumed.clone())
            .set_if_match(self.etag.clone())
            .send();
        let target = format!("s3://{}/{}", self.bucket, self.key);
        let caller = &self.fetcher.caller;
        let answer = caller.call("s3:GetObject", &target, request).await?;
        let rest = answer
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        self.stream = answer.body;
        self.etag = answer.e_tag.or(self.etag.take());
        if resumed.is_some() && answer.content_range.is_none() {
            // A server that ignores ranges sends all of it again.
            self.length = rest;
            return self.skip_what_was_read(&target).await;
        }
        self.length = rest.map(|rest| self.read + rest);
        Ok(())
    }

    async fn skip_what_was_read(&mut self, target: &str) -> Result<(), CallError> {
        let mut left = self.read;
        while left > 0 {
            match self.stream.try_next().await {
                Ok(Some(bytes)) if (bytes.len() as u64) <= left => left -= bytes.len() as u64,
                Ok(Some(bytes)) => {
                    self.ahead = Some(bytes.slice(usize::try_from(left).unwrap_or(bytes.len())..));
                    return Ok(());
                }
                Ok(None) | Err(_) => {
                    return Err(CallError {
                        api: "s3:GetObject",
                        target: target.to_owned(),
                        failure: Failure::Transient,
                        problem: "the body broke off before the byte reached earlier".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }
}
