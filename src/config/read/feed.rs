//! The keys of all services that a queue or a bucket feeds: [`queue_fed`] where the messages are the events, [`object_fed`]
//! where they name objects.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::decode::{Field, Mapping};
use super::super::model::{Feed, ObjectFed, ObjectQueue, QueueFed};
use super::listing;
use super::queue::{self, Place};

/// The keys, besides those that name a queue, that only a queue has.
const QUEUE_KEYS: [&str; 2] = ["visibility_timeout", "max_receive_count"];

const DEDUP: Duration = Duration::from_secs(86_400);

/// SQS keeps a message for 14 days at most, so nothing can come again later; no listing looks back further.
const MAX_DEDUP: Duration = Duration::from_secs(14 * 86_400);

/// SQS's limit on a message's visibility timeout.
const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3_600);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The keys of a service whose events are the messages of the queue that `queue_key` names.
pub(super) fn queue_fed(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
    queue_key: &'static str,
) -> Option<QueueFed> {
    let queues = queues(map, place, &[queue_key]);
    let concurrency = concurrency(map);
    let max_event_bytes = max_event_bytes(map);
    let use_region_and_account_id_from_event = use_region_and_account_id_from_event(map);
    let ObjectQueue {
        queues,
        visibility_timeout,
        max_receive_count,
    } = queues?.pop()?;
    Some(QueueFed {
        queues,
        visibility_timeout,
        max_receive_count,
        concurrency,
        use_region_and_account_id_from_event,
        max_event_bytes,
    })
}

/// The keys of a service that reads objects: one [`ObjectFed`] for each of `queue_keys`, which differ in nothing but their
/// queues. In a listing there is no more than one.
pub(super) fn object_fed(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
    queue_keys: &[&'static str],
) -> Option<Vec<ObjectFed>> {
    let feeds = feeds(map, place, queue_keys);
    let look_back = match feeds.as_deref() {
        Some([Feed::List(listing)]) => listing.look_back,
        _ => Duration::ZERO,
    };
    let concurrency = concurrency(map);
    let dedup_window = dedup_window(map, look_back);
    let max_event_bytes = max_event_bytes(map);
    let s3_file_type_filter = map.read("s3_file_type_filter", Field::regex);
    let objects = feeds?.into_iter().map(|feed| ObjectFed {
        feed,
        concurrency,
        dedup_window,
        max_event_bytes,
        s3_file_type_filter: s3_file_type_filter.clone(),
    });
    Some(objects.collect())
}

/// Whether the tag has the event's account and region instead of the session's.
pub(super) fn use_region_and_account_id_from_event(map: &mut Mapping<'_>) -> bool {
    map.read_or(
        "use_region_and_account_id_from_event",
        false,
        Field::boolean,
    )
}

/// What `mode` says that the objects are named by.
fn feeds(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
    queue_keys: &[&'static str],
) -> Option<Vec<Feed>> {
    #[derive(Clone, Copy)]
    enum Mode {
        Queue,
        List,
    }
    let given = map.get("mode");
    let mode = match &given {
        Some(field) => field.choice(&[("queue", Mode::Queue), ("list", Mode::List)]),
        None => Some(Mode::Queue),
    };
    match (mode, given) {
        (Some(Mode::List), Some(mode)) => {
            let of_queues = queue_keys.iter().chain(&QUEUE_KEYS);
            misplaced(map, of_queues, "together with", "remove one of the two");
            if queue_keys.len() > 1 {
                mode.fail::<()>(
                    "one bucket is listed as files of one type, but `types` has more",
                    "keep one of the types here, and list for the other in an input of its own",
                );
            }
            Some(vec![Feed::List(listing::read(map, &mode, place.regions)?)])
        }
        (Some(_), _) => {
            let help = "write `mode: list`, or remove this key";
            misplaced(map, &listing::KEYS, "without", help);
            let queues = queues(map, place, queue_keys)?;
            Some(queues.into_iter().map(Feed::Queue).collect())
        }
        (None, _) => {
            // Which of the other keys are right depends on it.
            let others = queue_keys.iter().chain(&QUEUE_KEYS).chain(&listing::KEYS);
            for key in others.chain(&["start_time"]) {
                map.get(key);
            }
            None
        }
    }
}

/// Refuses keys that have a meaning in the other mode only.
fn misplaced<'k>(
    map: &mut Mapping<'_>,
    keys: impl IntoIterator<Item = &'k &'static str>,
    relation: &str,
    help: &str,
) {
    for key in keys {
        if let Some(field) = map.get(key) {
            field.fail_whole::<()>(format!("`{key}` {relation} `mode: list`"), help);
        }
    }
}

/// The queues, and how their messages are received.
fn queues(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
    queue_keys: &[&'static str],
) -> Option<Vec<ObjectQueue>> {
    let named: Vec<_> = queue_keys
        .iter()
        .map(|key| {
            map.require(key, "give its queue's name, URL or ARN", |field| {
                queue::read(field, place)
            })
        })
        .collect();
    let visibility_timeout = map.read("visibility_timeout", |field| {
        field.duration(Duration::ZERO..=MAX_VISIBILITY)
    });
    let max_receive_count = map
        .read("max_receive_count", |field| {
            field.integer(NonZeroU32::MIN..=NonZeroU32::MAX)
        })
        .or(NonZeroU32::new(5))?;
    map.read("start_time", start_time);
    let of = |queues: Option<_>| {
        Some(ObjectQueue {
            queues: queues?,
            visibility_timeout,
            max_receive_count,
        })
    };
    named.into_iter().map(of).collect()
}

/// Without effect, but checked all the same: a wrong one is a mistake wherever it stands.
fn start_time(field: &Field<'_>) -> Option<()> {
    field.time()?;
    field.warn(
        "no effect on a service that a queue feeds: whatever the queue names is collected",
        "",
    );
    Some(())
}

fn concurrency(map: &mut Mapping<'_>) -> usize {
    map.read_or("concurrency", 4, |field| field.integer(1..=256))
}

fn max_event_bytes(map: &mut Mapping<'_>) -> u64 {
    map.read_or("max_event_bytes", MIB, |field| field.size(KIB..=256 * MIB))
}

/// What a listing looks at again must still be remembered, or it would be sent again.
fn dedup_window(map: &mut Mapping<'_>, look_back: Duration) -> Duration {
    map.read_or("dedup_window", DEDUP.max(look_back), |field| {
        let window = field.duration(Duration::ZERO..=MAX_DEDUP)?;
        match window < look_back {
            true => field.fail(
                format!(
                    "{} is shorter than `look_back`: what is listed again would be sent again",
                    field.quoted()
                ),
                "remember for as long as `look_back`, or remove this key",
            ),
            false => Some(window),
        }
    })
}
