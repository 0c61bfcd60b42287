//! Tests of matching, counting and the JSON form.

use std::time::Duration;

use super::*;

#[test]
fn a_counted_fault_strikes_only_matching_calls_and_then_stops() {
    let faults = Faults::default();
    let id = faults.add(
        Fault::once("s3:GetObject", FaultKind::Throttle)
            .on("logs/")
            .times(Times::Count(2)),
    );
    assert_eq!(faults.strike("s3:PutObject", "logs/a").fault, None);
    assert_eq!(faults.strike("s3:GetObject", "other/a").fault, None);
    for _ in 0..2 {
        assert_eq!(
            faults.strike("s3:GetObject", "logs/a").fault,
            Some(FaultKind::Throttle)
        );
    }
    assert_eq!(faults.strike("s3:GetObject", "logs/a").fault, None);
    assert_eq!(faults.hits(id), 2);
}

#[test]
fn latencies_add_up_and_the_first_other_fault_wins() {
    let faults = Faults::default();
    faults.add(Fault::once("*", FaultKind::Latency { millis: 5 }));
    faults.add(Fault::once("sqs:*", FaultKind::InternalError));
    let spared = faults.add(Fault::once("sqs:*", FaultKind::Throttle));
    faults.add(Fault::once("sqs:*", FaultKind::Latency { millis: 7 }));
    let strike = faults.strike("sqs:SendMessage", "q");
    assert_eq!(strike.latency, Duration::from_millis(12));
    assert_eq!(strike.fault, Some(FaultKind::InternalError));
    assert_eq!(faults.hits(spared), 0);
}

#[test]
fn a_chance_is_reproducible_from_its_seed() {
    let draw = |seed| {
        let faults = Faults::default();
        faults.add(Fault::once("*", FaultKind::Throttle).times(Times::Chance {
            probability: 0.5,
            seed,
        }));
        (0..64)
            .map(|_| faults.strike("s3:GetObject", "").fault.is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}

#[test]
fn the_json_forms_are_read() {
    for (json, times) in [
        ("3", Times::Count(3)),
        ("\"forever\"", Times::Forever),
        (
            r#"{"probability":0.25,"seed":9}"#,
            Times::Chance {
                probability: 0.25,
                seed: 9,
            },
        ),
    ] {
        let text = format!(
            r#"{{"operation":"s3:GetObject","times":{json},"fault":{{"kind":"reset_mid_body","after_bytes":10}}}}"#
        );
        let fault: Fault = serde_json::from_str(&text).expect("a fault");
        assert_eq!(fault.times, times);
        assert_eq!(fault.fault, FaultKind::ResetMidBody { after_bytes: 10 });
    }
    assert!(serde_json::from_str::<Times>("\"often\"").is_err());
}
