//! No secret shows anywhere: not in a model's debug print, not in an error, not in a rendered snippet.

use std::fs;

use cloudweir::config::model::Credentials;
use cloudweir::config::{self, Loaded, Report};
use secrecy::ExposeSecret;

use super::{around, fixtures, no_variables, read};

/// All that anyone can print of a refused configuration.
fn everything_printed(report: Report) -> String {
    let plain = format!("{report}\n{report:?}\n{:?}", report.errors());
    format!("{plain}\n{:?}", miette::Report::new(report.annotated()))
}

fn secret_of(loaded: &Loaded) -> &str {
    match &loaded.config.inputs[0].credentials {
        Credentials::Static { access_secret, .. } => access_secret.expose_secret(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_come_from_text_variables_and_files_and_never_show() {
    let env = |name: &str| (name == "SECRET").then(|| "hunter2-of-the-variable".to_owned());
    let sources = [
        ("hunter2-of-the-text", "hunter2-of-the-text"),
        ("${SECRET}", "hunter2-of-the-variable"),
        ("file:secrets/aws", "hunter2-of-the-file"),
    ];
    for (source, expected) in sources {
        let input = format!(
            "credentials: {{access_key: AKIAHUNTER, access_secret: '{source}', session_token: hunter4}}"
        );
        let text = around(&input, "");
        let loaded = config::parse("c.yaml", &text, &fixtures(), &env).unwrap();
        assert_eq!(secret_of(&loaded), expected);
        let printed = format!("{loaded:?} {loaded:#?}").to_lowercase();
        assert!(!printed.contains("hunter"), "{printed}");
    }
}

#[test]
fn no_report_shows_a_secret_of_its_file() {
    for entry in fs::read_dir(fixtures().join("wrong")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let printed = everything_printed(read(&text).unwrap_err());
        for secret in ["hunter", "AKIAIOSFODNN7EXAMPLE"] {
            assert!(!printed.contains(secret), "{}: {printed}", path.display());
        }
    }
}

#[test]
fn a_file_that_is_not_yaml_shows_none_of_its_text() {
    let text = "credentials:\n  access_secret: hunter2: [hunter3\n hunter4\n";
    let report = read(text).unwrap_err();
    let place = report.errors()[0].line();
    let printed = everything_printed(report);
    assert!(!printed.contains("hunter"), "{printed}");
    assert!(place.starts_with("collector.yaml:2:"), "{place}");
    assert!(printed.contains("collector.yaml:2:"), "{printed}");
}

#[test]
fn a_private_key_given_as_the_configuration_is_not_shown() {
    let text = "-----BEGIN PRIVATE KEY-----\nhunter2\nhunter3\n-----END PRIVATE KEY-----\n";
    let printed = everything_printed(read(text).unwrap_err());
    assert!(!printed.contains("hunter"), "{printed}");
    assert!(printed.contains("expected a mapping"), "{printed}");
}

#[test]
fn an_error_quotes_the_variable_and_not_its_content() {
    let env = |_: &str| Some("hunter2".to_owned());
    let text = around("requests_per_second: ${LIMIT}", "start_time: ${TIME}");
    let report = config::parse("c.yaml", &text, &fixtures(), &env).unwrap_err();
    assert_eq!(report.errors().len(), 2);
    assert!(
        report.to_string().contains("`${LIMIT}` is not an integer"),
        "{report}"
    );
    assert!(!everything_printed(report).contains("hunter"));
}

#[test]
fn an_unset_variable_of_a_disabled_input_does_not_matter() {
    let text =
        around("", "") + "  other: {enabled: false, credentials: {access_key: '${NOBODY}'}}\n";
    assert!(config::parse("c.yaml", &text, &fixtures(), &no_variables).is_ok());
}
