//! The files of `config/` load, and no change to one of them makes the loader panic or fail without a reason.

use std::fs;
use std::path::Path;

use cloudweir::config::model::{Confirm, Feed, ObjectFed, OutputKind, ServiceKind, Transport};
use cloudweir::config::{self, Loaded};
use proptest::prelude::*;

use super::{fixtures, project, warnings};

fn shipped(name: &str) -> String {
    fs::read_to_string(project().join("config").join(name)).unwrap()
}

/// A directory with the files that a configuration names.
fn lab() -> tempfile::TempDir {
    let lab = tempfile::tempdir().unwrap();
    for directory in ["certs", "secrets"] {
        fs::create_dir(lab.path().join(directory)).unwrap();
    }
    let certificates = project().join("tests/config/certs");
    for (from, to) in [
        ("chain.crt", "chain.crt"),
        ("mydomain.crt", "client.crt"),
        ("mydomain.key", "client.key"),
        ("mydomain.crt", "mydomain.crt"),
        ("mydomain.key", "mydomain.key"),
    ] {
        fs::copy(certificates.join(from), lab.path().join("certs").join(to)).unwrap();
    }
    fs::write(lab.path().join("secrets/aws"), "secret\n").unwrap();
    lab
}

fn load_demo(name: &str, lab: &Path) -> Loaded {
    let env = |name: &str| match name {
        "LAB_ENDPOINT" => Some("http://127.0.0.1:4566".to_owned()),
        "LAB_RECEIVER_PORT" => Some("6514".to_owned()),
        "LAB_DIR" => Some(lab.display().to_string()),
        _ => None,
    };
    config::load(&project().join("config").join(name), &env)
        .unwrap_or_else(|report| panic!("{report}"))
}

/// What a configuration collects: the service, the module, and the queue or bucket that feeds it.
fn collected(loaded: &Loaded) -> Vec<String> {
    let services = &loaded.config.inputs[0].services;
    let modules = services.iter().flat_map(|service| {
        let name = &service.name;
        service.modules.iter().map(move |module| match module {
            ServiceKind::ServiceEvents(fed) => format!("{name}: events of {}", fed.queues[0]),
            ServiceKind::SecurityHub(fed) => format!("{name}: findings of {}", fed.queues[0]),
            ServiceKind::AuditsS3(audits) => format!("{name}: audits {}", feed(&audits.objects)),
            ServiceKind::FlowLogs(files) => format!("{name}: flow {}", feed(&files.objects)),
            ServiceKind::CloudFrontLogs(files) => format!("{name}: web {}", feed(&files.objects)),
            ServiceKind::Umbrella(objects) => format!("{name}: csv {}", feed(objects)),
        })
    });
    modules.collect()
}

fn feed(objects: &ObjectFed) -> String {
    match &objects.feed {
        Feed::Queue(queue) => format!("by {}", queue.queues[0]),
        Feed::List(listing) => format!("in {}/{}", listing.bucket, listing.prefix),
    }
}

#[test]
fn the_demo_takes_everything_from_the_lab() {
    let lab = lab();
    let loaded = load_demo("demo.yaml", lab.path());
    assert_eq!(warnings(&loaded), [""; 0]);
    let config = &loaded.config;
    let OutputKind::Devo(devo) = &config.outputs[0].kind else {
        panic!("{:?}", config.outputs);
    };
    assert_eq!(
        (devo.host.as_str(), devo.port, devo.concurrent_connections),
        ("localhost", 6514, 2)
    );
    assert_eq!(devo.delivery.confirm, Confirm::Tcp);
    assert!(
        matches!(&devo.transport, Transport::Tls { chain: Some(chain), .. } if chain.starts_with(lab.path()))
    );
    let service = &config.inputs[0].services[0];
    assert_eq!(
        service.endpoints.sqs.as_deref(),
        Some("http://127.0.0.1:4566")
    );
    assert_eq!(
        collected(&loaded),
        [
            "audit-events-all: audits by cloudtrail",
            "service-events-all: events of events",
            "sqs-cloudwatch-consumer: findings of securityhub",
            "non-cloudwatch-logs: flow by flow",
            "non-cloudwatch-logs: web by cf",
            "cisco-umbrella: csv by umbrella",
        ]
    );
}

#[test]
fn each_short_file_loads_and_collects_what_it_is_named_for() {
    let lab = lab();
    let files: [(&str, &[&str]); 7] = [
        (
            "service-events.yaml",
            &["service-events-all: events of events.fifo"],
        ),
        (
            "security-hub.yaml",
            &["sqs-cloudwatch-consumer: findings of securityhub"],
        ),
        (
            "cloudtrail-s3.yaml",
            &["audit-events-all: audits by cloudtrail"],
        ),
        ("flow-logs.yaml", &["non-cloudwatch-logs: flow by flow"]),
        ("cloudfront.yaml", &["non-cloudwatch-logs: web by cf"]),
        ("umbrella.yaml", &["cisco-umbrella: csv by umbrella"]),
        (
            "backfill-list.yaml",
            &[
                "audit-events-all: audits in my-trail/AWSLogs/123456789012/CloudTrail/",
                "cisco-umbrella: csv in cisco-managed-us-west-1/1234567_0a1b2c3d/",
            ],
        ),
    ];
    for (name, expected) in files {
        let loaded = config::parse(name, &shipped(name), lab.path(), &|_| None)
            .unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(warnings(&loaded), [""; 0], "{name}");
        assert_eq!(collected(&loaded), expected, "{name}");
    }
}

#[test]
fn the_example_loads_without_a_warning() {
    let lab = lab();
    let env = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIAIOSFODNN7EXAMPLE".to_owned());
    let text = shipped("collector.example.yaml");
    let loaded = config::parse("collector.example.yaml", &text, lab.path(), &env)
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(warnings(&loaded), [""; 0]);
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics_and_is_refused_with_a_reason(
        at in 0_usize..9_000, length in 0_usize..40, with in "[a-z0-9:\\[\\]{}'\"&*|>$ \n-]{0,6}",
    ) {
        let mut text = shipped("collector.example.yaml");
        let end = text.len();
        let (from, to) = (at.min(end), (at + length).min(end));
        prop_assume!(text.is_char_boundary(from) && text.is_char_boundary(to));
        text.replace_range(from..to, &with);
        if let Err(report) = config::parse("c.yaml", &text, &fixtures(), &|_| None) {
            prop_assert!(!report.errors().is_empty());
            let rendered = format!("{:?}", miette::Report::new(report.annotated()));
            prop_assert!(!rendered.is_empty());
        }
    }
}
