//! Decoding a tree into typed values, collecting every error on the way.
//!
//! A decoder that returns `None` has recorded why, so its caller reads on and gives up only at the end. The code that reads a
//! mapping is its own table of keys: what it did not ask for is unknown.

mod field;
mod mapping;
mod scalar;

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Platform;
use super::report::{Finding, Severity};
use super::source::Source;
use super::tree::Flaw;

pub(super) use field::Field;
pub(super) use mapping::Mapping;

/// What decoding knows besides the tree, and what it has found so far.
pub(super) struct Context<'a> {
    pub(super) file: Arc<str>,
    pub(super) source: &'a Source<'a>,
    /// What relative paths start from.
    pub(super) base_dir: &'a Path,
    /// The environment's variables.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) platform: Platform,
    pub(super) findings: RefCell<Vec<Finding>>,
}

impl Context<'_> {
    /// Records a finding about `span`.
    pub(super) fn record(
        &self,
        severity: Severity,
        span: Range<usize>,
        path: &str,
        message: String,
        help: String,
    ) {
        self.findings.borrow_mut().push(Finding {
            severity,
            file: Arc::clone(&self.file),
            position: Some(self.source.position(span.start)),
            span,
            path: path.to_owned(),
            message,
            help: (!help.is_empty()).then_some(help),
        });
    }

    /// Records what is wrong with the YAML itself.
    pub(super) fn record_flaw(&self, flaw: Flaw) {
        let help = flaw.help.unwrap_or_default();
        self.record(Severity::Error, flaw.span, "", flaw.message, help);
    }

    /// Whether an error has been recorded.
    pub(super) fn has_errors(&self) -> bool {
        let findings = self.findings.borrow();
        findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}
