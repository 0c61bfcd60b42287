//! `globals`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::decode::{Field, Mapping};
use super::super::model::{Backoff, Globals, Persistence, Supervision};
use super::super::vendor;

const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(86_400);

/// The wait before anything is tried again, unless the file says otherwise.
pub(super) const BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(200),
    max: Duration::from_secs(30),
};

/// Defaults of the network outputs that stand in `globals`.
#[derive(Clone, Copy)]
pub(super) struct SenderDefaults {
    pub(super) concurrent_connections: usize,
    pub(super) stats_period: Duration,
}

pub(super) fn read(mut map: Mapping<'_>) -> (Option<Globals>, SenderDefaults) {
    let id = map.read_or("id", "cloudweir".into(), Field::text);
    let name = map.read_or("name", "cloudweir".into(), Field::text);
    let debug = map.read_or("debug", false, Field::boolean);
    let persistence = persistence(map.section("persistence"));
    let max_in_flight_bytes = map.read_or(
        "max_in_flight_bytes|queue_max_size_in_mb",
        64 * MIB,
        max_in_flight_bytes,
    );
    let shutdown_timeout = map.read_or("shutdown_timeout", Duration::from_secs(30), |field| {
        field.duration(Duration::from_secs(1)..=DAY)
    });
    let supervision = supervision(map.section("supervision"));
    map.section("admin").finish();
    let sender = SenderDefaults {
        concurrent_connections: map.read_or(
            "sender_concurrent_connections",
            2,
            concurrent_connections,
        ),
        stats_period: map.read_or(
            "sender_stats_period_in_sec",
            Duration::from_secs(60),
            stats_period,
        ),
    };
    map.accept(vendor::GLOBALS);
    map.finish();
    let globals = persistence.map(|persistence| Globals {
        id,
        name,
        debug,
        persistence,
        max_in_flight_bytes,
        shutdown_timeout,
        supervision,
        sender_stats_period: sender.stats_period,
    });
    (globals, sender)
}

/// An output's connections: more than 64 of one sender help no receiver.
pub(super) fn concurrent_connections(field: &Field<'_>) -> Option<usize> {
    field.integer(1..=64)
}

pub(super) fn stats_period(field: &Field<'_>) -> Option<Duration> {
    field.seconds(Duration::from_secs(1)..=DAY)
}

fn max_in_flight_bytes(field: &Field<'_>) -> Option<u64> {
    match field.name() {
        "queue_max_size_in_mb" => field
            .integer(1..=1024 * 1024)
            .map(|mebibytes: u64| mebibytes * MIB),
        _ => field.size(MIB..=1024 * 1024 * MIB),
    }
}

fn persistence(mut map: Mapping<'_>) -> Option<Persistence> {
    #[derive(Clone, Copy)]
    enum Kind {
        Sled,
        Memory,
        Redis,
    }
    let kinds = [
        ("sled", Kind::Sled),
        ("filesystem", Kind::Sled),
        ("memory", Kind::Memory),
        ("redis", Kind::Redis),
    ];
    let given = map.get("type");
    let kind = match &given {
        Some(field) => field.choice(&kinds)?,
        None => Kind::Sled,
    };
    if let (Kind::Redis, Some(field)) = (kind, &given) {
        return field.fail(
            "checkpoints are not kept in Redis: what a restart resumes from must be on disk before a message is deleted",
            "write `sled`, on a volume that outlives the container",
        );
    }
    let mut config = map.section("config");
    let directory = config
        .read("directory_name", Field::file_path)
        .unwrap_or_else(|| config.field().context.base_dir.join("state"));
    config.finish();
    map.finish();
    match kind {
        Kind::Memory => {
            if let Some(field) = given {
                field.warn(
                    "nothing survives: a restart reads everything again",
                    "write `sled`",
                );
            }
            Some(Persistence::Memory)
        }
        Kind::Sled | Kind::Redis => Some(Persistence::Sled { directory }),
    }
}

fn supervision(mut map: Mapping<'_>) -> Supervision {
    let max_restarts = map.read_or("max_restarts", 10, |field| field.integer(0..=1_000_000));
    let window = map.read_or("window", Duration::from_secs(60), |field| {
        field.duration(Duration::from_secs(1)..=DAY)
    });
    let mut section = map.section("backoff");
    let backoff = backoff(&mut section, ["initial", "max"], Field::duration);
    section.finish();
    map.finish();
    Supervision {
        max_restarts,
        window,
        backoff,
    }
}

type ReadDuration<'a> = fn(&Field<'a>, RangeInclusive<Duration>) -> Option<Duration>;

/// The two ends of a backoff, under the keys that `map` has for them.
pub(super) fn backoff<'a>(
    map: &mut Mapping<'a>,
    [initial_key, max_key]: [&'static str; 2],
    read: ReadDuration<'a>,
) -> Backoff {
    let range = Duration::from_millis(1)..=Duration::from_secs(3600);
    let initial = map.read(initial_key, |field| read(field, range.clone()));
    let max_field = map.get(max_key);
    let max = max_field.as_ref().and_then(|field| read(field, range));
    let backoff = Backoff {
        // A maximum alone may lie below the default start.
        initial: initial.unwrap_or_else(|| BACKOFF.initial.min(max.unwrap_or(BACKOFF.initial))),
        max: max.unwrap_or_else(|| BACKOFF.max.max(initial.unwrap_or(BACKOFF.max))),
    };
    if let Some(field) = max_field.filter(|_| backoff.max < backoff.initial) {
        field.fail::<()>(
            format!("`{max_key}` is less than `{initial_key}`"),
            "the wait grows from the one to the other",
        );
    }
    backoff
}
