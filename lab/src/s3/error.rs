//! The errors of S3, with code and status as in "Error responses" of the S3 API reference.

use thiserror::Error;

/// An S3 error, worded as the service words it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum S3Error {
    /// No bucket of that name.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// No object of that key.
    #[error("The specified key does not exist.")]
    NoSuchKey,
    /// The bucket still holds objects.
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    /// A name that no bucket can have.
    #[error("The specified bucket is not valid.")]
    InvalidBucketName,
    /// The range starts behind the end of the object.
    #[error("The requested range is not satisfiable")]
    InvalidRange,
    /// `If-Match` names another object.
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed,
    /// A parameter that S3 does not accept.
    #[error("{0}")]
    InvalidArgument(String),
    /// The body is not the XML that the operation expects.
    #[error(
        "The XML you provided was not well-formed or did not validate against our published schema"
    )]
    MalformedXml,
    /// The body ended early, or its chunks are not well-formed.
    #[error(
        "You did not provide the number of bytes specified by the Content-Length HTTP header: {0}"
    )]
    IncompleteBody(String),
    /// `Content-MD5` is not that of the body.
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadDigest,
    /// An operation that the lab does not have.
    #[error(
        "A header or operation you provided implies functionality that is not implemented: {0}"
    )]
    NotImplemented(String),
}

impl S3Error {
    /// Code and HTTP status.
    pub(crate) fn code(&self) -> (&'static str, u16) {
        match self {
            Self::NoSuchBucket => ("NoSuchBucket", 404),
            Self::NoSuchKey => ("NoSuchKey", 404),
            Self::BucketNotEmpty => ("BucketNotEmpty", 409),
            Self::InvalidBucketName => ("InvalidBucketName", 400),
            Self::InvalidRange => ("InvalidRange", 416),
            Self::PreconditionFailed => ("PreconditionFailed", 412),
            Self::InvalidArgument(_) => ("InvalidArgument", 400),
            Self::MalformedXml => ("MalformedXML", 400),
            Self::IncompleteBody(_) => ("IncompleteBody", 400),
            Self::BadDigest => ("BadDigest", 400),
            Self::NotImplemented(_) => ("NotImplemented", 501),
        }
    }
}
