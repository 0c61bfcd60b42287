//! Every file of `wrong/` is refused with the report that stands beside it. `UPDATE_EXPECTED=1` writes the reports anew.

use std::fs;

use cloudweir::config::{self, Platform};
use miette::Diagnostic;

use super::{around, fixtures, no_variables};

#[test]
fn each_wrong_file_gets_its_own_report_with_the_place() {
    let mut seen = 0;
    let mut differing = Vec::new();
    for entry in fs::read_dir(fixtures().join("wrong")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let report = match config::parse(name, &text, &fixtures(), &no_variables) {
            Ok(_) => panic!("{name} was accepted"),
            Err(report) => report,
        };
        for error in report.errors() {
            assert!(error.position.is_some(), "{name}: {error} has no place");
            assert!(text.get(error.span.clone()).is_some(), "{name}: {error}");
        }
        let actual = format!("{report}\n");
        let expected_path = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected_path, &actual).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if actual != expected {
            differing.push(format!("{name}:\n{actual}expected:\n{expected}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(seen >= 25, "only {seen} files");
}

#[test]
fn confirmation_by_tcp_is_refused_where_the_system_does_not_tell() {
    let relay = |delivery: &str| {
        around("", "").replace(
            "screen: {type: console}",
            &format!("relay: {{type: syslog, config: {{address: a, port: 514{delivery}}}}}"),
        )
    };
    let on = |platform, delivery: &str| {
        let text = relay(delivery);
        config::parse_for(platform, "c.yaml", &text, &fixtures(), &no_variables)
    };
    for delivery in ["", ", delivery: {confirm: tcp}"] {
        assert!(on(Platform::Linux, delivery).is_ok());
        let report = on(Platform::Other, delivery).unwrap_err();
        assert!(report.to_string().contains("needs Linux"), "{report}");
    }
    assert!(on(Platform::Other, ", delivery: {confirm: write}").is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = config::load(&directory.path().join("nowhere.yaml"), &no_variables).unwrap_err();
    assert!(
        missing.to_string().contains("nowhere.yaml: cannot read it"),
        "{missing}"
    );

    let binary = directory.path().join("binary.yaml");
    fs::write(&binary, b"outputs:\n  a: \xff\n").unwrap();
    let report = config::load(&binary, &no_variables).unwrap_err();
    assert!(
        report
            .to_string()
            .contains("not UTF-8 from line 2, column 6"),
        "{report}"
    );

    let huge = directory.path().join("huge.yaml");
    fs::write(&huge, "# padding\n".repeat(1 << 17)).unwrap();
    let report = config::load(&huge, &no_variables).unwrap_err();
    assert!(report.to_string().contains("it has more than"), "{report}");
}

#[test]
fn the_report_renders_with_snippets_that_point_at_the_value() {
    let text = around("requests_per_second: none", "");
    let report = super::read(&text).unwrap_err().annotated();
    let error = report.related().unwrap().next().unwrap();
    let label = error.labels().unwrap().next().unwrap();
    assert_eq!(&text[label.offset()..label.offset() + label.len()], "none");
    let rendered = format!("{:?}", miette::Report::new(report));
    assert!(rendered.contains("requests_per_second: none"), "{rendered}");
}
