//! Keys of the vendor's collectors that have no effect here: a file that has them loads, with one warning for each that says why.

/// A key, or a family of keys that begin alike where it ends in `*`, and why it has no effect.
pub(super) type NoEffect = (&'static str, &'static str);

const BYTES: &str = "memory is bounded in bytes, by `max_in_flight_bytes`";

/// Of `globals`.
pub(super) const GLOBALS: &[NoEffect] = &[
    ("queue_max_size_in_messages", BYTES),
    ("queue_wrap_max_size_in_messages", BYTES),
    (
        "queue_max_elapsed_time_in_sec",
        "a batch never waits for the queue's time to pass",
    ),
    (
        "queue_generate_metrics",
        "the log always has the statistics",
    ),
    (
        "generate_collector_details",
        "the log always has the collector's details",
    ),
    ("multiprocessing", "one process uses all cores"),
    (
        "balanced_output",
        "the connections of an output share its events by themselves",
    ),
];

/// Of a network output's `config`.
pub(super) const NETWORK: &[NoEffect] = &[
    ("connecting_retries", "an output connects again for ever"),
    (
        "sending_*",
        "what is not confirmed is sent again on a new connection, for ever, at the pace of the `connecting_*` keys",
    ),
    ("compression_level", UNCOMPRESSED),
    ("compression_buffer_in_bytes", UNCOMPRESSED),
];

/// Why a vendor's key for compression has no effect.
pub(super) const UNCOMPRESSED: &str = "events are sent uncompressed until compression is available";

/// Of an input.
pub(super) const INPUT: &[NoEffect] = &[
    ("autoconfig", "the services are those of the file"),
    (
        "use_time_slots_for_retrievals",
        "each service slots its time as it needs",
    ),
    (
        "retries",
        "a failed pull is tried again for ever, with backoff",
    ),
];

/// Of `audit-events-all`, when it reads objects.
pub(super) const AUDITS_S3: &[NoEffect] = &[
    (
        "gap_until_now_in_minutes",
        "it concerns `audits_api`; `audits_s3` reads what the queue names",
    ),
    (
        "time_slot_in_hours",
        "it concerns `audits_api`; `audits_s3` reads what the queue names",
    ),
];

/// Of `cisco-umbrella`.
pub(super) const UMBRELLA: &[NoEffect] = &[(
    "use_region_and_account_id_from_event",
    "the tags of Umbrella have neither",
)];
