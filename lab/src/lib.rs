//! Development only: an emulator of SQS, S3 and STS with fault injection, a TLS line receiver, test certificates, and a generator
//! of CloudTrail objects. Nothing here is part of the product; nothing here depends on an AWS SDK, so that the two cannot be wrong
//! together.
//!
//! - [`Lab`] speaks the AWS wire protocols on one endpoint; unmodified SDKs work against it.
//! - [`Faults`] makes chosen calls fail in chosen ways.
//! - [`Receiver`] takes lines over TCP or TLS and records them.
//! - [`certs`] and [`generate`] make the material that tests need.

mod calls;
pub mod certs;
mod clock;
mod credentials;
mod digest;
mod fault;
pub mod generate;
mod http;
mod ids;
mod lab;
mod options;
mod receiver;
mod s3;
mod sqs;
mod sts;
mod sync;
mod truth;
mod xml;

pub use calls::{Call, CallLog, OperationCalls};
pub use credentials::AccessKey;
pub use digest::LineDigest;
pub use fault::{Fault, FaultId, FaultKind, FaultReport, Faults, Times};
pub use lab::{Lab, StartError};
pub use options::{LabOptions, Role};
pub use receiver::{
    ClientAuth, CloseStyle, ConnectionReport, End, Receiver, ReceiverError, ReceiverOptions,
    Record, TlsOptions, TlsVersion,
};
pub use s3::{Configuration, QueueConfiguration, S3, S3Error};
pub use sqs::{MessageAttribute, MessageView, Outgoing, QueueStats, Sqs, SqsError};
pub use sts::Sts;
pub use truth::{Comparison, Line, Truth};
