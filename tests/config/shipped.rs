//! The files of `config/` load, and no change to one of them makes the loader panic or fail without a reason.

use std::fs;
use std::path::Path;

use cloudweir::config::model::{Confirm, OutputKind, ServiceKind, Transport};
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
    for file in [
        "certs/chain.crt",
        "certs/client.crt",
        "certs/client.key",
        "certs/mydomain.crt",
        "certs/mydomain.key",
    ] {
        fs::write(lab.path().join(file), "a stand-in").unwrap();
    }
    fs::write(lab.path().join("secrets/aws"), "secret\n").unwrap();
    lab
}

fn load_demo(lab: &Path) -> Loaded {
    let env = |name: &str| match name {
        "LAB_ENDPOINT" => Some("http://127.0.0.1:4566".to_owned()),
        "LAB_RECEIVER_PORT" => Some("6514".to_owned()),
        "LAB_DIR" => Some(lab.display().to_string()),
        _ => None,
    };
    config::load(&project().join("config/demo.yaml"), &env)
        .unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_demo_takes_everything_from_the_lab() {
    let lab = lab();
    let Loaded { config, warnings } = load_demo(lab.path());
    assert!(warnings.is_empty(), "{warnings:?}");
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
    let ServiceKind::AuditsS3(audits) = &service.kind;
    assert_eq!(audits.queue.name(), "cloudtrail");
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
        at in 0_usize..6_000, length in 0_usize..40, with in "[a-z0-9:\\[\\]{}'\"&*|>$ \n-]{0,6}",
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
