//! Objects in S3: fetching them, decompressing and cutting them into events on the fly, and the ledger of what was delivered.
//!
//! What an object's events are is its [`Format`]'s matter, one for each service. How one hears of objects is in
//! [`sqs`](super::sqs).

pub mod compression;
pub mod members;
pub mod records;

mod claims;
mod fetch;
mod format;
mod handler;
mod ledger;
mod parser;

pub use fetch::Fetcher;
pub use format::{Body, Extracted, Extractor, Format};
pub use handler::{ObjectHandler, ObjectSettings, Selection};
pub use ledger::{Ledger, Standing};
pub use parser::{Job, ParserSettings, ReadError, Reading, parse_jobs};
