//! One call to AWS, the same way for every API: within the input's limit, with its failure told apart by what to do about it.

use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

use super::{Limiter, Session};

/// What a failed call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// AWS wants fewer calls: wait, then try again.
    Throttled,
    /// The credentials are not (or no longer) valid: read them anew, then try again.
    Credentials,
    /// Not permitted; trying again is of no use until somebody changes a policy.
    Denied,
    /// What was asked for does not exist.
    NotFound,
    /// The condition of a conditional read does not hold: the object has changed.
    Changed,
    /// Anything else: a network fault, an AWS fault. Try again.
    Transient,
}

/// A call to AWS that failed.
#[derive(Debug, Error)]
#[error("{api} on {target} failed: {problem}")]
pub struct CallError {
    /// The API, as IAM names it: `sqs:ReceiveMessage`.
    pub api: &'static str,
    /// The queue, bucket or object.
    pub target: String,
    /// What to do about it.
    pub failure: Failure,
    /// What AWS, or the way to it, said.
    pub problem: String,
}

/// Makes calls for one session, within one input's limits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    session: Session,
    limiter: Limiter,
}

impl Caller {
    /// Calls in the name of `session`, limited by `limiter`.
    #[must_use]
    pub fn new(session: Session, limiter: Limiter) -> Self {
        Self { session, limiter }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Waits for the limit, then makes the call.
    ///
    /// # Errors
    /// The call's error, told apart by what to do about it.
    pub async fn call<T, E>(
        &self,
        api: &'static str,
        target: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.limiter.acquire(api).await;
        match request.await {
            Ok(answer) => {
                self.limiter.succeeded(api);
                Ok(answer)
            }
            Err(error) => {
                let failure = classify(error.code(), status(&error));
                match failure {
                    Failure::Throttled => self.limiter.throttled(api),
                    Failure::Credentials => self.session.renew(),
                    _ => {}
                }
                Err(CallError {
                    api,
                    target: target.to_owned(),
                    failure,
                    problem: describe(&error),
                })
            }
        }
    }
}

/// What AWS said, in one line. Never the answer itself: S3 repeats an expired session token in it.
pub(super) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(context) = error else {
        return causes(error);
    };
    let metadata = context.err().meta();
    let code = metadata.code().unwrap_or("an error without a code");
    let status = context.raw().status().as_u16();
    let mut text = format!("{code} (HTTP {status})");
    if let Some(message) = metadata.message() {
        text += &format!(": {message}");
    }
    let headers = context.raw().headers();
    if let Some(id) = headers
        .get("x-amzn-requestid")
        .or_else(|| headers.get("x-amz-request-id"))
    {
        text += &format!(" (request {id})");
    }
    text
}

/// An error with its causes, each said once.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text += &format!(": {words}");
        }
        cause = next.source();
    }
    text
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// By the error codes of AWS's common errors, S3's and SQS's lists; by the HTTP status where there is no code, as in the
/// answers to HEAD and conditional requests.
fn classify(code: Option<&str>, status: Option<u16>) -> Failure {
    match code {
        Some(
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "OverLimit",
        ) => return Failure::Throttled,
        Some(
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "RequestExpired",
        ) => return Failure::Credentials,
        Some(
            "AccessDenied"
            | "AccessDeniedException"
            | "AllAccessDisabled"
            | "InvalidObjectState"
            | "KMS.AccessDeniedException",
        ) => return Failure::Denied,
        Some(
            "NoSuchKey"
            | "NoSuchBucket"
            | "NoSuchVersion"
            | "NotFound"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue"
            | "ResourceNotFoundException",
        ) => return Failure::NotFound,
        Some("PreconditionFailed") => return Failure::Changed,
        _ => {}
    }
    match status {
        Some(429 | 503) => Failure::Throttled,
        Some(403) => Failure::Denied,
        Some(404) => Failure::NotFound,
        Some(412) => Failure::Changed,
        _ => Failure::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_and_the_status_where_there_is_none() {
        let cases = [
            (Some("SlowDown"), Some(503), Failure::Throttled),
            (None, Some(429), Failure::Throttled),
            (Some("ExpiredToken"), Some(400), Failure::Credentials),
            (
                Some("ExpiredTokenException"),
                Some(403),
                Failure::Credentials,
            ),
            (Some("AccessDenied"), Some(403), Failure::Denied),
            (Some("NoSuchKey"), Some(404), Failure::NotFound),
            (Some("InternalError"), Some(500), Failure::Transient),
            (None, Some(412), Failure::Changed),
            (None, None, Failure::Transient),
        ];
        for (code, status, failure) in cases {
            assert_eq!(classify(code, status), failure, "{code:?} {status:?}");
        }
    }
}
