//! Objects in S3: fetching them, decompressing and cutting them into events on the fly, and the ledger of what was delivered.
//!
//! What an object's events are is its [`Format`]'s matter, one for each service. How one hears of objects is in
//! [`sqs`](super::sqs).

pub mod compression;
pub mod lines;
pub mod members;
pub mod parquet;
pub mod records;

mod claims;
mod delivery;
mod fetch;
mod format;
mod handler;
mod ledger;
mod listing;
mod parser;

pub use delivery::{ObjectSettings, Selection};
pub use fetch::Fetcher;
pub use format::{Body, Extracted, Extractor, Format};
pub use handler::ObjectHandler;
pub use ledger::{Ledger, Standing};
pub use listing::{ListingSettings, ListingSource};
pub use parser::{Job, ParserSettings, ReadError, Reading, parse_jobs};
