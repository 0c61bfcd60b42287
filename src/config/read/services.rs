//! `inputs.<name>.services`: which service it is, what all services have in common, and no queue twice.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::super::availability::services_to_come;
use super::super::decode::{Field, Mapping};
use super::super::model::{Endpoints, QueueRef, Service};
use super::super::nearest::did_you_mean;
use super::super::region::{is_region, nearest_region};
use super::audits;
use super::inputs::endpoint_url;

const DAY: Duration = Duration::from_secs(86_400);

/// The longest tag that Devo takes, in characters.
const MAX_TAG: usize = 1_024;

/// The queues that services read so far.
#[derive(Default)]
pub(super) struct Claims(Vec<(String, String)>);

impl Claims {
    /// Two readers of one queue would each see half of it, and remember half of what was delivered.
    pub(super) fn claim(&mut self, field: &Field<'_>, queue: &QueueRef, region: &str, of: &str) {
        let identity = match queue {
            QueueRef::Name(name) => format!("{region} {name} {of}"),
            QueueRef::Url(url) => url.clone(),
            QueueRef::Arn { account, name, .. } => format!("{region} {name} of {account}"),
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

/// The enabled ones.
pub(super) fn read(
    field: &Field<'_>,
    endpoints: &Endpoints,
    account: Option<&str>,
    claims: &mut Claims,
) -> Option<Vec<Service>> {
    let map = field.mapping()?;
    Some(
        map.children()
            .filter_map(|child| service(&child, endpoints, account, claims))
            .collect(),
    )
}

fn service(
    field: &Field<'_>,
    endpoints: &Endpoints,
    account: Option<&str>,
    claims: &mut Claims,
) -> Option<Service> {
    let mut map = field.mapping()?;
    if !map.read_or("enabled", true, Field::boolean) {
        return None;
    }
    let read_kind = match field.name() {
        audits::NAME => audits::read,
        _ => return refuse(&mut map),
    };
    let regions = map.require("regions", "name them, such as `[us-east-2]`", regions);
    let request_period = map.read_or(
        "request_period_in_seconds",
        Duration::from_secs(60),
        |field| field.seconds(Duration::from_secs(1)..=DAY),
    );
    let tag = map.read("tag", tag);
    let auto_event_type = map.read_or("auto_event_type", false, Field::boolean);
    map.read("start_time", start_time);
    let endpoints = match map.read("endpoint_url", endpoint_url) {
        Some(url) => Endpoints {
            sqs: Some(url.clone()),
            s3: Some(url),
            sts: endpoints.sts.clone(),
        },
        None => endpoints.clone(),
    };
    let kind = read_kind(
        &mut map,
        regions.as_deref().unwrap_or_default(),
        account,
        claims,
    );
    map.finish();
    Some(Service {
        name: field.name().to_owned(),
        regions: regions?,
        request_period,
        tag,
        auto_event_type,
        endpoints,
        kind: kind?,
    })
}

/// Checked all the same, so that a file with a wrong one does not break when the services come that use it.
fn start_time(field: &Field<'_>) -> Option<Timestamp> {
    let time = field.time()?;
    field.warn(
        "no effect on a service that a queue feeds: whatever the queue names is collected",
        "",
    );
    Some(time)
}

fn regions(field: &Field<'_>) -> Option<Vec<String>> {
    let regions = field.list(|item| {
        let region = item.text()?;
        match is_region(&region) {
            true => Some(region),
            false => item.fail(
                format!("{} is not an AWS region", item.quoted()),
                match nearest_region(&region) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write its code, such as `us-east-2`".into(),
                },
            ),
        }
    })?;
    let mut seen = HashSet::new();
    match regions.iter().find(|region| !seen.insert(region.as_str())) {
        _ if regions.is_empty() => field.fail("no regions", "name at least one"),
        Some(twice) => field.fail(
            format!("`{twice}` stands here twice"),
            "keep one of the two",
        ),
        None => Some(regions),
    }
}

/// A table: components with `.` between them, perhaps with the event's type in it.
fn tag(field: &Field<'_>) -> Option<String> {
    let tag = field.text()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let whole = tag.len() <= MAX_TAG
        && tag
            .split('.')
            .map(|component| component.replace("{event_type}", "x"))
            .all(|component| !component.is_empty() && component.bytes().all(allowed));
    match whole {
        true => Some(tag),
        false => field.fail(
            format!("{} is not a tag", field.quoted()),
            "write components of letters, digits, `_` and `-` with dots between them, perhaps `{event_type}`: `my.app.{event_type}`",
        ),
    }
}

/// A service that is not available yet, or that nobody knows.
fn refuse(map: &mut Mapping<'_>) -> Option<Service> {
    let field = map.field().clone();
    if field.refuse_not_yet(None) {
        return None;
    }
    let to_come = map.read("types", |types| {
        types.list(|item| Some(item.refuse_not_yet(Some(&item.text()?))))
    });
    if to_come.is_some_and(|to_come| to_come.contains(&true)) {
        return None;
    }
    let name = field.name();
    let known = services_to_come().chain([audits::NAME]);
    field.fail_whole(
        format!("unknown service `{name}`"),
        did_you_mean(name, known, || {
            "one with a name of your own reads log groups, and has `types: [logs]`".into()
        }),
    )
}
