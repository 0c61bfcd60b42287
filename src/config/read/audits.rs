//! `audit-events-all`: CloudTrail, by its files in S3.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::decode::{Field, Mapping};
use super::super::model::{AuditsS3, QueueRef, ServiceKind};
use super::super::vendor;
use super::services::Claims;

/// The service's key.
pub(super) const NAME: &str = "audit-events-all";

const HOUR: Duration = Duration::from_secs(3_600);

/// SQS's limit on a message's visibility timeout.
const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3_600);

/// SQS keeps a message for 14 days at most, so nothing can come again later.
const MAX_DEDUP: Duration = Duration::from_secs(14 * 86_400);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

pub(super) fn read(
    map: &mut Mapping<'_>,
    regions: &[String],
    account: Option<&str>,
    claims: &mut Claims,
) -> Option<ServiceKind> {
    let types = map.require("types", "write `types: [audits_s3]`", types);
    let queue = queue(map, types.is_some());
    if let Some((field, queue)) = &queue {
        check_queue(field, queue, regions, account, claims);
    }
    let visibility_timeout = map.read("visibility_timeout", |field| {
        field.duration(Duration::ZERO..=MAX_VISIBILITY)
    });
    let max_receive_count = map.read("max_receive_count", |field| {
        field.integer(NonZeroU32::MIN..=NonZeroU32::MAX)
    });
    let concurrency = map.read_or("concurrency", 4, |field| field.integer(1..=256));
    let dedup_window = map.read_or("dedup_window", 24 * HOUR, |field| {
        field.duration(Duration::ZERO..=MAX_DEDUP)
    });
    let max_event_bytes = map.read_or("max_event_bytes", MIB, |field| field.size(KIB..=256 * MIB));
    let drop_event_names = map.read_or("drop_event_names", Vec::new(), |field| {
        field.list(Field::text)
    });
    let s3_file_type_filter = map.read("s3_file_type_filter", Field::regex);
    let use_region_and_account_id_from_event = map.read_or(
        "use_region_and_account_id_from_event",
        false,
        Field::boolean,
    );
    map.read("mode", |field| field.choice(&[("queue", ())]));
    map.accept(vendor::AUDITS_S3);
    types?;
    Some(ServiceKind::AuditsS3(AuditsS3 {
        queue: queue?.1,
        visibility_timeout,
        max_receive_count: max_receive_count.or(NonZeroU32::new(5))?,
        concurrency,
        dedup_window,
        max_event_bytes,
        drop_event_names,
        s3_file_type_filter,
        use_region_and_account_id_from_event,
    }))
}

fn types(field: &Field<'_>) -> Option<()> {
    let types = field.list(|item| item.choice(&[("audits_s3", ())]))?;
    match types.is_empty() {
        true => field.fail("no types", "write `[audits_s3]`"),
        false => Some(()),
    }
}

/// The queue, which only `audits_s3` must have.
fn queue<'a>(map: &mut Mapping<'a>, required: bool) -> Option<(Field<'a>, QueueRef)> {
    const KEY: &str = "audit_sqs_queue_name";
    let read = |field: &Field<'a>| match field.text()?.parse::<QueueRef>() {
        Ok(queue) => Some((field.clone(), queue)),
        Err(expected) => field.fail(
            format!("{} names no queue", field.quoted()),
            expected.to_string(),
        ),
    };
    match required {
        true => map.require(KEY, "`audits_s3` needs its queue's name, URL or ARN", read),
        false => map.read(KEY, read),
    }
}

/// Checks the queue against the regions, and against those of other services.
fn check_queue(
    field: &Field<'_>,
    queue: &QueueRef,
    regions: &[String],
    account: Option<&str>,
    claims: &mut Claims,
) {
    let by_name = matches!(queue, QueueRef::Name(_));
    if !by_name && regions.len() > 1 {
        field.fail::<()>(
            "a URL or an ARN is a queue of one region, but `regions` has more",
            "give the queue's name, if each region has a queue of that name",
        );
    }
    if let (Some(region), [only]) = (queue.region(), regions)
        && region != only
    {
        field.fail::<()>(
            format!("this queue is in {region}, but `regions` has {only}"),
            "let `regions` have the queue's region",
        );
    }
    for region in regions {
        claims.claim(field, queue, region, account.unwrap_or_default());
    }
}
