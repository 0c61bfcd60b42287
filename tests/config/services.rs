//! What each service may say, and what it is then made of.

use std::time::Duration;

use cloudweir::config::Loaded;
use cloudweir::config::model::{
    Feed, Listing, LogFiles, ObjectFed, ObjectQueue, QueueFed, QueueRef, RecordFormat, ServiceKind,
};

use super::{accepted, read, warnings, with_services};

/// Each service with nothing but what it must have.
const SHORTEST: [&str; 6] = [
    "service-events-all: {regions: [us-east-2], cloudwatch_sqs_queue_name: events.fifo}",
    "sqs-cloudwatch-consumer: {regions: [us-east-2], cloudwatch_sqs_queue_name: securityhub}",
    "audit-events-all: {types: [audits_s3], regions: [us-east-2], audit_sqs_queue_name: trail}",
    "non-cloudwatch-logs: {types: [flowlogs], regions: [us-east-2], vpcflowlogs_sqs_queue_name: flow}",
    "non-cloudwatch-logs: {types: [cloudfrontlogs], regions: [us-east-2], cloudfrontlogs_sqs_queue_name: cf}",
    "cisco-umbrella: {regions: [us-east-2], cisco_umbrella_sqs_queue_name: umbrella}",
];

/// Each service of objects, listing a bucket; `{keys}` stands for more.
const LISTING: [&str; 4] = [
    "audit-events-all: {types: [audits_s3], regions: [us-east-2], mode: list, bucket: logs, {keys}}",
    "non-cloudwatch-logs: {types: [flowlogs], regions: [us-east-2], mode: list, bucket: logs, {keys}}",
    "non-cloudwatch-logs: {types: [cloudfrontlogs], regions: [us-east-2], mode: list, bucket: logs, {keys}}",
    "cisco-umbrella: {regions: [us-east-2], mode: list, bucket: logs, {keys}}",
];

const DAY: Duration = Duration::from_secs(86_400);

fn modules(loaded: &Loaded) -> Vec<ServiceKind> {
    let services = &loaded.config.inputs[0].services;
    services
        .iter()
        .flat_map(|service| service.modules.clone())
        .collect()
}

/// The only module of a file with this one service.
fn module(service: &str) -> ServiceKind {
    let mut modules = modules(&accepted(&with_services(&[service])));
    assert_eq!(modules.len(), 1, "{service}");
    modules.remove(0)
}

fn objects(module: ServiceKind) -> ObjectFed {
    match module {
        ServiceKind::AuditsS3(audits) => audits.objects,
        ServiceKind::FlowLogs(LogFiles { objects, .. })
        | ServiceKind::CloudFrontLogs(LogFiles { objects, .. })
        | ServiceKind::Umbrella(objects) => objects,
        other => panic!("{other:?}"),
    }
}

fn listing(service: &str) -> (Listing, Duration) {
    let objects = objects(module(service));
    match objects.feed {
        Feed::List(listing) => (listing, objects.dedup_window),
        other @ Feed::Queue(_) => panic!("{other:?}"),
    }
}

/// `service` with `keys` as its last.
fn and(service: &str, keys: &str) -> String {
    let open = service.strip_suffix('}').unwrap();
    format!("{open}, {keys}}}")
}

#[test]
fn a_service_of_events_has_the_documented_defaults() {
    let expected = [
        ("events.fifo", "ServiceEvents"),
        ("securityhub", "SecurityHub"),
    ];
    for (service, (name, kind)) in SHORTEST.iter().zip(expected) {
        let module = module(service);
        assert!(format!("{module:?}").starts_with(kind), "{module:?}");
        let (ServiceKind::ServiceEvents(fed) | ServiceKind::SecurityHub(fed)) = module else {
            panic!("{module:?}");
        };
        let QueueFed {
            queues,
            visibility_timeout,
            max_receive_count,
            concurrency,
            use_region_and_account_id_from_event,
            max_event_bytes,
        } = fed;
        assert_eq!(queues, [QueueRef::Name(name.into())]);
        assert_eq!((visibility_timeout, max_receive_count.get()), (None, 5));
        assert_eq!((concurrency, max_event_bytes), (4, 1 << 20));
        assert!(!use_region_and_account_id_from_event);
    }
}

#[test]
fn a_service_of_objects_has_the_documented_defaults() {
    for (service, name) in SHORTEST[2..]
        .iter()
        .zip(["trail", "flow", "cf", "umbrella"])
    {
        let objects = objects(module(service));
        assert_eq!(
            objects.feed,
            Feed::Queue(ObjectQueue {
                queues: vec![QueueRef::Name(name.into())],
                visibility_timeout: None,
                max_receive_count: 5.try_into().unwrap(),
            })
        );
        assert_eq!((objects.concurrency, objects.max_event_bytes), (4, 1 << 20));
        assert_eq!(objects.dedup_window, DAY);
        assert!(objects.s3_file_type_filter.is_none());
    }
}

#[test]
fn records_become_objects_unless_lines_are_asked_for() {
    for (service, flow) in [(SHORTEST[3], true), (SHORTEST[4], false)] {
        for (keys, format, from_event) in [
            ("format: json", RecordFormat::Json, false),
            (
                "format: line, use_region_and_account_id_from_event: true",
                RecordFormat::Line,
                true,
            ),
        ] {
            let files = match module(&and(service, keys)) {
                ServiceKind::FlowLogs(files) if flow => files,
                ServiceKind::CloudFrontLogs(files) if !flow => files,
                other => panic!("{other:?}"),
            };
            assert_eq!(files.format, format);
            assert_eq!(files.use_region_and_account_id_from_event, from_event);
        }
    }
    let ServiceKind::FlowLogs(files) = module(SHORTEST[3]) else {
        panic!("no flow logs");
    };
    assert_eq!(files.format, RecordFormat::Json);
}

#[test]
fn two_types_are_two_modules_that_differ_in_their_queues_only() {
    let loaded = accepted(&with_services(&[
        "non-cloudwatch-logs: {types: [cloudfrontlogs, flowlogs], regions: [us-east-2], vpcflowlogs_sqs_queue_name: flow, \
         cloudfrontlogs_sqs_queue_name: cf, concurrency: 9, visibility_timeout: 5m, s3_file_type_filter: gz$, format: line}",
    ]));
    assert_eq!(warnings(&loaded), [""; 0]);
    let modules = modules(&loaded);
    let [
        ServiceKind::CloudFrontLogs(cloud_front),
        ServiceKind::FlowLogs(flow),
    ] = modules.as_slice()
    else {
        panic!("{modules:?}");
    };
    for (files, name) in [(cloud_front, "cf"), (flow, "flow")] {
        let Feed::Queue(queue) = &files.objects.feed else {
            panic!("{files:?}");
        };
        assert_eq!(queue.queues[0].name(), name);
        assert_eq!(queue.visibility_timeout, Some(Duration::from_secs(300)));
        assert_eq!(files.objects.concurrency, 9);
        assert!(files.objects.s3_file_type_filter.is_some());
        assert_eq!(files.format, RecordFormat::Line);
    }
}

#[test]
fn every_service_of_objects_can_list_a_bucket() {
    for service in LISTING {
        let (shortest, dedup_window) = listing(&service.replace(", {keys}", ""));
        assert_eq!(
            shortest,
            Listing {
                bucket: "logs".into(),
                prefix: String::new(),
                start: None,
                look_back: DAY,
            }
        );
        assert_eq!(dedup_window, DAY);

        let keys = "prefix: a/b, start_time: 2025-10-01T00:00:00Z, look_back: 1h";
        let text = service.replace("{keys}", keys);
        assert_eq!(
            listing(&text).0,
            Listing {
                bucket: "logs".into(),
                prefix: "a/b".into(),
                start: Some("2025-10-01T00:00:00Z".parse().unwrap()),
                look_back: Duration::from_secs(3_600),
            }
        );
        // Here, `start_time` has an effect.
        let loaded = accepted(&with_services(&[&text]));
        assert_eq!(warnings(&loaded), [""; 0]);
    }
}

#[test]
fn a_listing_remembers_at_least_what_it_looks_at_again() {
    let window = |keys| listing(&LISTING[0].replace("{keys}", keys)).1;
    assert_eq!(window("look_back: 1h"), DAY);
    assert_eq!(window("look_back: 7d"), 7 * DAY);
    assert_eq!(window("look_back: 7d, dedup_window: 8d"), 8 * DAY);
    assert_eq!(window("look_back: 1h, dedup_window: 1h"), DAY / 24);
}

#[test]
fn a_prefix_is_no_longer_than_a_key() {
    let with = |length| LISTING[0].replace("{keys}", &format!("prefix: {}", "a".repeat(length)));
    assert_eq!(listing(&with(1_024)).0.prefix.len(), 1_024);
    let report = read(&with_services(&[&with(1_025)])).unwrap_err();
    assert!(report.to_string().contains("1024 bytes"), "{report}");
}

#[test]
fn the_start_of_what_a_queue_feeds_warns() {
    for service in SHORTEST {
        let text = and(service, "start_time: 2026-10-01T00:00:00Z");
        let warnings = warnings(&accepted(&with_services(&[&text])));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("start_time: no effect"),
            "{warnings:?}"
        );
    }
}

#[test]
fn the_event_type_of_a_table_without_one_warns() {
    for service in SHORTEST {
        let untyped = service.starts_with("sqs-") || service.starts_with("cisco-");
        for (value, expected) in [("true", usize::from(untyped)), ("false", 0)] {
            let text = and(service, &format!("auto_event_type: {value}"));
            let loaded = accepted(&with_services(&[&text]));
            let warnings = warnings(&loaded);
            assert_eq!(warnings.len(), expected, "{warnings:?}");
            assert!(
                warnings
                    .iter()
                    .all(|warning| warning.contains("has no event type"))
            );
        }
    }
}

#[test]
fn the_queue_of_a_type_that_is_not_asked_for_warns_and_is_free_for_others() {
    let loaded = accepted(&with_services(&[
        &and(SHORTEST[3], "cloudfrontlogs_sqs_queue_name: umbrella"),
        SHORTEST[5],
    ]));
    let warnings = warnings(&loaded);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("`types` does not have `cloudfrontlogs`"),
        "{warnings:?}"
    );
    assert_eq!(modules(&loaded).len(), 2);
}

#[test]
fn umbrella_sends_lines_under_tags_without_an_account() {
    let keys = "format: line, use_region_and_account_id_from_event: true";
    let loaded = accepted(&with_services(&[&and(SHORTEST[5], keys)]));
    let warnings = warnings(&loaded);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("has no effect here"), "{warnings:?}");
}

#[test]
fn one_queue_name_in_two_regions_is_two_queues() {
    let loaded = accepted(&with_services(&[
        "service-events-all: {regions: [us-east-2], cloudwatch_sqs_queue_name: events}",
        "sqs-cloudwatch-consumer: {regions: [us-east-1], cloudwatch_sqs_queue_name: events}",
    ]));
    assert_eq!(modules(&loaded).len(), 2);
}
