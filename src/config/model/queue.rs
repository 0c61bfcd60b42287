//! How a configuration names a queue.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How a queue is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum QueueRef {
    /// By its name, in the session's own account.
    Name(String),
    /// By its URL, used as it is.
    Url(String),
    /// By its ARN, possibly of another account.
    Arn {
        /// The queue's region.
        region: String,
        /// Twelve digits.
        account: String,
        /// The queue's name.
        name: String,
    },
}

/// Why a text names no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueueRefError {
    /// It is no name of a queue.
    #[error("a queue's name has at most 80 letters, digits, `-` and `_`, and may end in `.fifo`")]
    Name,
    /// It is no URL of a queue.
    #[error(
        "a queue's URL is `https://sqs.<region>.amazonaws.com/<account>/<name>`, or an emulator's with the same path"
    )]
    Url,
    /// It is no ARN of a queue.
    #[error("a queue's ARN is `arn:aws:sqs:<region>:<account>:<name>`")]
    Arn,
}

impl QueueRef {
    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Arn { name, .. } => name,
            Self::Url(url) => url.rsplit('/').next().unwrap_or(url),
        }
    }

    /// The region that it says by itself: an ARN's, or that of AWS's own URLs.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region_and_account().map(|(region, _)| region)
    }

    /// Like [`Self::region`], with the account that the queue belongs to.
    #[must_use]
    pub fn region_and_account(&self) -> Option<(&str, &str)> {
        match self {
            Self::Name(_) => None,
            Self::Url(url) => {
                let (_, rest) = url.split_once("://sqs.")?;
                let (region, rest) = rest.split_once('.')?;
                let (host, path) = rest.split_once('/')?;
                let (account, _) = path.split_once('/')?;
                host.starts_with("amazonaws.com")
                    .then_some((region, account))
            }
            Self::Arn {
                region, account, ..
            } => Some((region, account)),
        }
    }
}

impl fmt::Display for QueueRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for QueueRef {
    type Err = QueueRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("arn:") {
            return arn(text).ok_or(QueueRefError::Arn);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let segments: Vec<&str> = rest.split('/').collect();
            let whole = ["http", "https"].contains(&scheme)
                && segments.len() >= 3
                && segments.iter().all(|segment| !segment.is_empty())
                && segments.last().is_some_and(|name| is_queue_name(name));
            return match whole {
                true => Ok(Self::Url(text.to_owned())),
                false => Err(QueueRefError::Url),
            };
        }
        match is_queue_name(text) {
            true => Ok(Self::Name(text.to_owned())),
            false => Err(QueueRefError::Name),
        }
    }
}

fn arn(text: &str) -> Option<QueueRef> {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", _partition, "sqs", region, account, name] = parts.as_slice() else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (is_account && !region.is_empty() && is_queue_name(name)).then(|| QueueRef::Arn {
        region: (*region).to_owned(),
        account: (*account).to_owned(),
        name: (*name).to_owned(),
    })
}

/// SQS's rule, from its `CreateQueue`.
fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 80 && !stem.is_empty() && stem.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn queue(text: &str) -> Result<QueueRef, QueueRefError> {
        text.parse()
    }

    #[test]
    fn a_queue_is_named_by_name_url_or_arn() {
        assert_eq!(queue("trail.fifo"), Ok(QueueRef::Name("trail.fifo".into())));
        let url = queue("https://sqs.us-east-2.amazonaws.com/123456789012/trail").unwrap();
        assert_eq!((url.name(), url.region()), ("trail", Some("us-east-2")));
        assert_eq!(
            url.region_and_account(),
            Some(("us-east-2", "123456789012"))
        );
        let local = queue("http://127.0.0.1:4566/123456789012/trail").unwrap();
        assert_eq!((local.name(), local.region()), ("trail", None));
        let arn = queue("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:trail").unwrap();
        assert_eq!(arn.name(), "trail");
        assert_eq!(
            arn.region_and_account(),
            Some(("us-gov-west-1", "123456789012"))
        );
    }

    #[test]
    fn what_names_no_queue_says_what_would() {
        assert_eq!(queue("my queue"), Err(QueueRefError::Name));
        assert_eq!(queue(".fifo"), Err(QueueRefError::Name));
        assert_eq!(queue(&"q".repeat(81)), Err(QueueRefError::Name));
        assert_eq!(queue("ftp://h/1/q"), Err(QueueRefError::Url));
        assert_eq!(
            queue("https://sqs.us-east-2.amazonaws.com/"),
            Err(QueueRefError::Url)
        );
        assert_eq!(
            queue("arn:aws:sns:us-east-2:123456789012:t"),
            Err(QueueRefError::Arn)
        );
        assert_eq!(queue("arn:aws:sqs:us-east-2:12:t"), Err(QueueRefError::Arn));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_has_a_valid_name(text in "(arn:aws:sqs:|https?://)?[a-z0-9:/.-]{0,40}") {
            if let Ok(queue) = queue(&text) {
                prop_assert!(is_queue_name(queue.name()));
                let _ = queue.region();
            }
        }
    }
}
