//! `inputs`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::decode::{Field, Mapping};
use super::super::model::{Endpoints, Input, RequestLimit};
use super::super::vendor;
use super::queue::Claims;
use super::{address, credentials, services};

pub(super) fn read(field: &Field<'_>) -> Option<Vec<Input>> {
    let map = field.mapping()?;
    let mut claims = Claims::default();
    let inputs: Vec<Input> = map
        .children()
        .filter_map(|child| input(&child, &mut claims))
        .collect();
    if inputs.is_empty() && !field.context.has_errors() {
        return field.fail_whole(
            "nothing to collect: there is no enabled input with an enabled service",
            "config/collector.example.yaml has every key",
        );
    }
    Some(inputs)
}

/// `None` also where it is disabled.
fn input(field: &Field<'_>, claims: &mut Claims) -> Option<Input> {
    let mut map = field.mapping()?;
    if !map.read_or("enabled", true, Field::boolean) {
        return None;
    }
    let id = map.require(
        "id",
        "give any text that tells this input from others in the log",
        Field::text,
    );
    let environment = map.read("environment", Field::text);
    let environment_in_event = map.read_or("environment_in_event", false, Field::boolean);
    let request_limits = request_limits(&mut map);
    let endpoints = endpoints(&mut map);
    let credentials = credentials::read(map.section("credentials"));
    let account = credentials.as_ref().map(credentials::account);
    let services = map.require(
        "services",
        "name what is collected, such as `audit-events-all`",
        |field| services::read(field, &endpoints, account.as_deref(), claims),
    );
    map.accept(vendor::INPUT);
    map.finish();
    let services = services?;
    if services.is_empty() {
        field.warn("none of its services is enabled", "");
        return None;
    }
    Some(Input {
        name: field.name().to_owned(),
        id: id?,
        environment,
        environment_in_event,
        request_limits,
        endpoints,
        credentials: credentials?,
        services,
    })
}

fn request_limits(map: &mut Mapping<'_>) -> Vec<RequestLimit> {
    let per_second = map
        .read("requests_per_second", requests)
        .map(|requests| RequestLimit {
            period: Duration::from_secs(1),
            requests,
        });
    let others = map.read_or("requests_limits", Vec::new(), |field| {
        field.list(request_limit)
    });
    per_second.into_iter().chain(others).collect()
}

fn request_limit(field: &Field<'_>) -> Option<RequestLimit> {
    let periods = [("1s", 1), ("1m", 60), ("1h", 3_600), ("1d", 86_400)];
    let mut map = field.mapping()?;
    let period = map.require("period", "one of: 1s, 1m, 1h, 1d", |field| {
        field.choice(&periods)
    });
    let requests = map.require(
        "number_of_requests",
        "the most calls in the period",
        requests,
    );
    map.finish();
    Some(RequestLimit {
        period: Duration::from_secs(period?),
        requests: requests?,
    })
}

fn requests(field: &Field<'_>) -> Option<NonZeroU32> {
    field.integer(NonZeroU32::MIN..=NonZeroU32::MAX)
}

/// One URL for all of AWS, and others for single services of it.
fn endpoints(map: &mut Mapping<'_>) -> Endpoints {
    let all = map.read("endpoint_url", endpoint_url);
    let mut single = map.section("endpoint_urls");
    let mut of = |service| single.read(service, endpoint_url).or_else(|| all.clone());
    let endpoints = Endpoints {
        sqs: of("sqs"),
        s3: of("s3"),
        sts: of("sts"),
    };
    single.finish();
    endpoints
}

pub(super) fn endpoint_url(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.contains('@') {
        // Whatever stands before it may be a password, so it is not quoted.
        return field.fail(
            "a URL here has no user and no password",
            "write scheme, host and port only; credentials have a section of their own",
        );
    }
    match address::is_base_url(&text) {
        true => Some(text),
        false => field.fail(
            format!("{} is not a base URL", field.quoted()),
            "write scheme, host and port only: `http://127.0.0.1:4566`",
        ),
    }
}
