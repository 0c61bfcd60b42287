//! `inputs.<name>.services`: which services there are, and the keys that all of them have in common.

use std::time::Duration;

use super::super::availability::services_to_come;
use super::super::decode::{Field, Mapping};
use super::super::model::{Endpoints, Service, ServiceKind};
use super::super::nearest::did_you_mean;
use super::super::region::{is_region, nearest_region};
use super::inputs::endpoint_url;
use super::queue::{Claims, Place};
use super::{audits, events, logs, umbrella};

const DAY: Duration = Duration::from_secs(86_400);

/// The longest tag that Devo takes, in characters.
const MAX_TAG: usize = 1_024;

type ReadModules = fn(&mut Mapping<'_>, &mut Place<'_>) -> Option<Vec<ServiceKind>>;

/// A service that there is.
struct Known {
    name: &'static str,
    /// Whether its table can have the event's type as the last component.
    typed: bool,
    modules: ReadModules,
}

const KNOWN: [Known; 5] = [
    Known {
        name: "service-events-all",
        typed: true,
        modules: events::service_events,
    },
    Known {
        name: "sqs-cloudwatch-consumer",
        typed: false,
        modules: events::security_hub,
    },
    Known {
        name: "audit-events-all",
        typed: true,
        modules: audits::read,
    },
    Known {
        name: "non-cloudwatch-logs",
        typed: true,
        modules: logs::read,
    },
    Known {
        name: "cisco-umbrella",
        typed: false,
        modules: umbrella::read,
    },
];

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
    let Some(known) = KNOWN.iter().find(|known| known.name == field.name()) else {
        return refuse(&mut map);
    };
    let regions = map.require("regions", "name them, such as `[us-east-2]`", regions);
    let request_period = map.read_or(
        "request_period_in_seconds",
        Duration::from_secs(60),
        |field| field.seconds(Duration::from_secs(1)..=DAY),
    );
    let tag = map.read("tag", tag);
    let auto_event_type = map.read_or("auto_event_type", false, |field| {
        auto_event_type(field, known.typed)
    });
    let endpoints = match map.read("endpoint_url", endpoint_url) {
        Some(url) => Endpoints {
            sqs: Some(url.clone()),
            s3: Some(url),
            sts: endpoints.sts.clone(),
        },
        None => endpoints.clone(),
    };
    let mut place = Place {
        regions: regions.as_deref().unwrap_or_default(),
        account: account.unwrap_or_default(),
        claims,
    };
    let modules = (known.modules)(&mut map, &mut place);
    map.finish();
    Some(Service {
        name: field.name().to_owned(),
        regions: regions?,
        request_period,
        tag,
        auto_event_type,
        endpoints,
        modules: modules?,
    })
}

fn auto_event_type(field: &Field<'_>, typed: bool) -> Option<bool> {
    let wanted = field.boolean()?;
    if wanted && !typed {
        field.warn(
            "`auto_event_type` has no effect here: the table of this service has no event type",
            "",
        );
    }
    Some(wanted)
}

fn regions(field: &Field<'_>) -> Option<Vec<String>> {
    field.set("regions", |item| {
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
    })
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
    let known = services_to_come().chain(KNOWN.iter().map(|known| known.name));
    field.fail_whole(
        format!("unknown service `{name}`"),
        did_you_mean(name, known, || {
            "one with a name of your own reads log groups, and has `types: [logs]`".into()
        }),
    )
}
