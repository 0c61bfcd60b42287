//! A record is accepted if and only if a JSON parser takes it for an object, and has the members which that finds.
#![no_main]

use cloudweir::source::object::members::Members;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NAMES: [&str; 3] = ["eventSource", "a", ""];

fuzz_target!(|record: &str| {
    let members = Members::of(record, &NAMES);
    match serde_json::from_str(record) {
        Ok(Value::Object(object)) => {
            let members = members.expect("a valid object");
            for (i, name) in NAMES.iter().enumerate() {
                assert_eq!(members.get(i), object.get(*name).and_then(Value::as_str));
            }
        }
        Ok(_) => assert!(members.is_err()),
        // A DOM has limits of its own: depth, numbers out of range.
        Err(_) => {}
    }
});
