//! What an event is on its way out: its type, tag, time, pulling id and the line it travels in.
//!
//! Pure functions over bytes: nothing here knows of AWS clients, queues or outputs, and nothing allocates per event
//! once a table of tags is warm. Finding events inside objects is `source::object`'s part; sending lines is `sink`'s.

pub mod event_type;
pub mod line;
pub mod pulling_id;
pub mod tag;
pub mod text;
pub mod timestamp;

pub use event_type::EventType;
pub use line::{Framing, LineFramer};
pub use pulling_id::PullingId;
pub use tag::{Tag, TagCache, TagFields, TagSuffix, TagTemplate};
pub use timestamp::EventTime;
