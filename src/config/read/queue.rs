//! A key that names a queue: whether it fits the service's regions, and whether nobody else reads that queue.

use super::super::decode::Field;
use super::super::model::QueueRef;

/// Where a service reads: in which regions of which account, and which queues are taken there.
pub(super) struct Place<'r> {
    pub(super) regions: &'r [String],
    /// What tells the account from others; never to be shown.
    pub(super) account: &'r str,
    pub(super) claims: &'r mut Claims,
}

/// The queues that services read so far, each with the path of the key that names it.
#[derive(Default)]
pub(super) struct Claims(Vec<(String, String)>);

impl Claims {
    /// Two readers of one queue would each see half of it, and remember half of what was delivered.
    fn claim(&mut self, field: &Field<'_>, queue: &QueueRef, region: &str, account: &str) {
        let identity = match (queue, queue.region_and_account()) {
            (_, Some((region, account))) => format!("{region} {account} {}", queue.name()),
            (QueueRef::Url(url), None) => url.clone(),
            _ => format!("{region} {account} {}", queue.name()),
        };
        match self.0.iter().find(|(other, _)| *other == identity) {
            Some((_, path)) => {
                field.fail::<()>(
                    format!("the queue `{queue}` of {region} is already read by {path}"),
                    "have one service read it",
                );
            }
            None => self.0.push((identity, field.path().to_owned())),
        }
    }
}

/// The queue that `field` names, or the queues that it lists.
pub(super) fn read(field: &Field<'_>, place: &mut Place<'_>) -> Option<Vec<QueueRef>> {
    let queues = if field.is_list() {
        field.set("queues", named)?
    } else {
        vec![named(field)?]
    };
    for queue in &queues {
        check_regions(field, queue, place.regions)?;
        for region in place.regions {
            place.claims.claim(field, queue, region, place.account);
        }
    }
    Some(queues)
}

fn named(field: &Field<'_>) -> Option<QueueRef> {
    match field.text()?.parse::<QueueRef>() {
        Ok(queue) => Some(queue),
        Err(expected) => {
            let message = format!("{} names no queue", field.quoted());
            field.fail(message, expected.to_string())
        }
    }
}

fn check_regions(field: &Field<'_>, queue: &QueueRef, regions: &[String]) -> Option<()> {
    let by_name = matches!(queue, QueueRef::Name(_));
    if !by_name && regions.len() > 1 {
        return field.fail(
            "a URL or an ARN is a queue of one region, but `regions` has more",
            "give the queue's name, if each region has a queue of that name",
        );
    }
    match (queue.region(), regions) {
        (Some(region), [only]) if region != only => field.fail(
            format!("this queue is in {region}, but `regions` has {only}"),
            "let `regions` have the queue's region",
        ),
        _ => Some(()),
    }
}
