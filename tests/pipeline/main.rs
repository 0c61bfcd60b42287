//! The pipeline as a whole, through the public API and through the real program: objects in S3, messages in SQS, lines at a
//! receiver. AWS is the lab unless a test says otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod complaints;
mod crashes;
mod credentials;
mod delivery;
mod events;
mod external_world;
mod listing;
mod log_files;
mod messages;
mod notifications;
mod outputs;
mod receivers;
mod runbook;
mod shutdown;
mod stage;
mod supervision;
mod unreadable;

#[path = "../external/mod.rs"]
mod external;
