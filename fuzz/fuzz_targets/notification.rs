//! Any message is a notification or an error with a short message.
#![no_main]

use cloudweir::source::sqs::notification::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Err(error) = parse(body) {
        let error = error.to_string();
        assert!(error.chars().count() < 1000, "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
});
