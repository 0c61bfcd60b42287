//! What a file may say, and what becomes of it.

use std::time::Duration;

use cloudweir::config;
use cloudweir::config::model::{
    Backoff, Confirm, Credentials, OutputKind, Persistence, Receiver, RequestLimit, ServiceKind,
    Transport,
};

use super::{accepted, around, fixtures, warnings};

/// The only output of a file whose output is `yaml`.
fn receiver(yaml: &str) -> (Receiver, Vec<String>) {
    let loaded = accepted(&around("", "").replace("{screen: {type: console}}", yaml));
    let warnings = warnings(&loaded);
    let receiver = match &loaded.config.outputs[0].kind {
        OutputKind::Devo(receiver) => receiver.clone(),
        OutputKind::Syslog(syslog) => syslog.receiver.clone(),
        other => panic!("{other:?}"),
    };
    (receiver, warnings)
}

#[test]
fn a_short_file_has_the_documented_defaults() {
    let loaded = accepted(&around("", ""));
    assert_eq!(warnings(&loaded), [""; 0]);
    let globals = &loaded.config.globals;
    assert_eq!(globals.max_in_flight_bytes, 64 << 20);
    assert_eq!(globals.shutdown_timeout, Duration::from_secs(30));
    assert_eq!(
        (globals.supervision.max_restarts, globals.supervision.window),
        (10, Duration::from_secs(60))
    );
    let directory = fixtures().join("state");
    assert_eq!(globals.persistence, Persistence::Sled { directory });

    let input = &loaded.config.inputs[0];
    assert!(matches!(input.credentials, Credentials::DefaultChain));
    assert!(input.request_limits.is_empty() && input.environment.is_none());
    let service = &input.services[0];
    assert_eq!(
        (service.name.as_str(), service.request_period),
        ("audit-events-all", Duration::from_secs(60))
    );
    assert!(!service.auto_event_type);
    assert!(matches!(
        service.modules.as_slice(),
        [ServiceKind::AuditsS3(_)]
    ));

    let (devo, _) = receiver(
        "{d: {type: devo_platform, config: {address: h, chain: chain.crt, cert: mydomain.crt, key: mydomain.key}}}",
    );
    assert_eq!((devo.port, devo.concurrent_connections), (443, 2));
    assert_eq!(
        (devo.delivery.confirm, devo.delivery.settle),
        (Confirm::Tcp, Duration::from_secs(2))
    );
    assert_eq!(
        (devo.delivery.stall_timeout, devo.stats_period),
        (Duration::from_secs(60), Duration::from_secs(60))
    );
}

#[test]
fn keys_of_the_vendor_load_each_without_effect_with_one_warning() {
    let globals = "globals:\n  queue_max_size_in_messages: 1000\n  queue_wrap_max_size_in_messages: 100\n  \
        queue_max_elapsed_time_in_sec: 60\n  queue_generate_metrics: false\n  generate_collector_details: false\n  \
        multiprocessing: false\n  balanced_output: true\n";
    let input =
        "autoconfig: {enabled: true}\n    use_time_slots_for_retrievals: false\n    retries: 3";
    let service = "gap_until_now_in_minutes: 15\n        time_slot_in_hours: 1";
    let output = "{d: {type: syslog, config: {address: h, port: 1, connecting_retries: 5, sending_retries: 5, \
        sending_max_wait_in_seconds: 5, compression_level: 6, compression_buffer_in_bytes: 51200}}}";
    let text = around(input, service).replace("{screen: {type: console}}", output);
    let loaded = accepted(&(globals.to_owned() + &text));
    let warnings = warnings(&loaded);
    assert_eq!(warnings.len(), 7 + 3 + 2 + 5, "{warnings:#?}");
    assert!(
        warnings
            .iter()
            .all(|warning| warning.contains("has no effect here: "))
    );
    assert!(warnings[0].starts_with("collector.yaml:2:3: globals.queue_max_size_in_messages: "));
}

#[test]
fn keys_of_the_vendor_that_have_an_effect_are_mapped() {
    let text = "globals:\n  persistence: {type: filesystem, config: {directory_name: kept}}\n  queue_max_size_in_mb: 32\n  \
        sender_stats_period_in_sec: 30\n  sender_concurrent_connections: 5\n"
        .to_owned()
        + &around(
            "requests_per_second: 5\n    requests_limits: [{period: 1d, number_of_requests: 1000}]\n    environment: prod\n    environment_in_event: true",
            "",
        )
        .replace(
            "{screen: {type: console}}",
            "{d: {type: devo_platform, config: {url: 'ssl://h:1443', chain_loc: chain.crt, cert_loc: mydomain.crt, key_loc: mydomain.key, \
             threshold_for_using_gzip_in_transport_layer: 1.1, connecting_initial_wait_in_seconds: 2, connecting_max_wait_in_seconds: 60}}}",
        );
    let loaded = accepted(&text);
    assert_eq!(warnings(&loaded), [""; 0]);
    let directory = fixtures().join("kept");
    assert_eq!(
        loaded.config.globals.persistence,
        Persistence::Sled { directory }
    );
    assert_eq!(loaded.config.globals.max_in_flight_bytes, 32 << 20);
    let OutputKind::Devo(devo) = &loaded.config.outputs[0].kind else {
        panic!("{:?}", loaded.config.outputs);
    };
    assert_eq!(
        (devo.host.as_str(), devo.port, devo.concurrent_connections),
        ("h", 1443, 5)
    );
    assert_eq!(devo.stats_period, Duration::from_secs(30));
    let [initial, max] = [2, 60].map(Duration::from_secs);
    assert_eq!(devo.backoff, Backoff { initial, max });
    let Transport::Tls {
        identity: Some(identity),
        ..
    } = &devo.transport
    else {
        panic!("{:?}", devo.transport);
    };
    assert_eq!(identity.key, fixtures().join("certs/mydomain.key"));
    let input = &loaded.config.inputs[0];
    let limit = |seconds, requests: u32| RequestLimit {
        period: Duration::from_secs(seconds),
        requests: requests.try_into().unwrap(),
    };
    assert_eq!(input.request_limits, [limit(1, 5), limit(86_400, 1000)]);
    assert!(input.environment_in_event);
}

#[test]
fn what_weakens_a_guarantee_warns() {
    let memory =
        accepted(&("globals: {persistence: {type: memory}}\n".to_owned() + &around("", "")));
    assert_eq!(memory.config.globals.persistence, Persistence::Memory);
    assert!(warnings(&memory)[0].contains("nothing survives"));

    let (relay, warnings) = receiver(
        "{r: {type: syslog, config: {address: h, port: 1, type: SSL, tls: {verify_hostname: false}}}}",
    );
    assert!(matches!(
        relay.transport,
        Transport::Tls {
            verify_hostname: false,
            chain: None,
            identity: None
        }
    ));
    assert!(warnings[0].contains("whatever its name"), "{warnings:?}");
}

#[test]
fn the_admin_endpoint_warns_unless_it_is_off() {
    let with = |admin: &str| {
        let loaded = accepted(&(format!("globals: {{admin: {admin}}}\n") + &around("", "")));
        warnings(&loaded)
    };
    assert_eq!(with("{listen: null}"), [""; 0]);
    assert!(with("{listen: 127.0.0.1:9464}")[0].contains("not available yet"));
}

#[test]
fn what_is_disabled_is_left_out_whatever_it_is() {
    let text = around("", "")
        + "      cwl_1: {enabled: false, types: [logs], anything: goes}\n  other: {enabled: false, nonsense: [1]}\n";
    let loaded = accepted(&text);
    assert_eq!(loaded.config.inputs.len(), 1);
    assert_eq!(loaded.config.inputs[0].services.len(), 1);
}

#[test]
fn endpoints_go_from_general_to_particular() {
    let loaded = accepted(&around(
        "endpoint_url: http://all:1\n    endpoint_urls: {sts: http://sts:2}",
        "endpoint_url: http://own:3",
    ));
    let input = &loaded.config.inputs[0];
    assert_eq!(input.endpoints.sts.as_deref(), Some("http://sts:2"));
    assert_eq!(input.endpoints.s3.as_deref(), Some("http://all:1"));
    assert_eq!(
        input.services[0].endpoints.sqs.as_deref(),
        Some("http://own:3")
    );
    assert_eq!(
        input.services[0].endpoints.sts.as_deref(),
        Some("http://sts:2")
    );
}

/// `format.yaml` has every key of the format, whether it is available yet or not.
#[test]
fn the_whole_format_is_known_and_only_what_is_to_come_is_refused() {
    let text = std::fs::read_to_string(fixtures().join("format.yaml")).unwrap();
    let env = |name: &str| (name == "AWS_KEY").then(|| "AKIAIOSFODNN7EXAMPLE".to_owned());
    let report = config::parse("format.yaml", &text, &fixtures(), &env).unwrap_err();
    let others: Vec<String> = report
        .errors()
        .iter()
        .filter(|error| !error.message.starts_with("not available yet: "))
        .map(config::Finding::line)
        .collect();
    assert_eq!(others, [""; 0]);
    let refused: Vec<&str> = report
        .errors()
        .iter()
        .map(|error| error.path.as_str())
        .collect();
    for path in [
        "outputs.devo_eu.config.compression",
        "inputs.aws.credentials.target_assume_role",
        "inputs.aws.services.audit-events-all.types[0]",
        "inputs.aws.services.ec2",
    ] {
        assert!(refused.contains(&path), "{path} in {refused:?}");
    }
}

#[test]
fn one_queue_name_in_two_accounts_is_two_queues() {
    let second = around("credentials: {profile: other}", "")
        .split_once("inputs:\n")
        .unwrap()
        .1
        .replace("aws:", "aws2:");
    assert_eq!(accepted(&(around("", "") + &second)).config.inputs.len(), 2);
}

#[test]
fn json_is_yaml() {
    let text = r#"{"outputs": {"screen": {"type": "console", "config": {"format": "message"}}},
        "inputs": {"aws": {"id": "1", "services": {"audit-events-all": {"types": ["audits_s3"],
        "regions": ["us-east-2"], "audit_sqs_queue_name": "q", "auto_event_type": true}}}}}"#;
    assert!(accepted(text).config.inputs[0].services[0].auto_event_type);
}
