//! What is wrong with a configuration, or questionable: findings with their place, and the report that holds all errors of a
//! file. Nothing in here holds a secret: messages quote the file, never a variable, and the text kept for snippets is masked.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::source::Position;

/// Whether a finding keeps the collector from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// The collector starts; what was written has no effect or deserves a second look.
    Warning,
}

/// One thing to tell about a configuration. It displays as `path: message`; see [`Finding::line`] for all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{separator}{message}", separator = if path.is_empty() { "" } else { ": " })]
pub struct Finding {
    /// Whether it is an error.
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// Line and column; `None` where it is about the file as a whole.
    pub position: Option<Position>,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// The key's path, such as `inputs.aws.services.audit-events-all.regions[0]`; empty at the root.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A finding that does not keep the collector from starting.
pub type Warning = Finding;

impl Finding {
    /// Everything in one line: `file:line:column: path: message; help`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.file.to_string();
        if let Some(Position { line: row, column }) = self.position {
            line += &format!(":{row}:{column}");
        }
        line += &format!(": {self}");
        if let Some(help) = &self.help {
            line += &format!("; {help}");
        }
        line
    }
}

impl Diagnostic for Finding {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.position?;
        let label = LabeledSpan::underline(self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// The most errors of a file that are printed; who has more mends these first.
const PRINTED: usize = 50;

/// All errors of one file, in the file's order. It displays as plain text, a line for each.
#[derive(Debug)]
pub struct Report {
    file: Arc<str>,
    shown: Option<NamedSource<String>>,
    errors: Vec<Finding>,
}

impl Report {
    /// `shown` is the file's text without its secrets; without it there are no snippets.
    pub(super) fn new(file: Arc<str>, shown: Option<String>, mut errors: Vec<Finding>) -> Self {
        errors.sort_by_key(|error| error.span.start);
        Self {
            shown: shown.map(|text| NamedSource::new(&*file, text)),
            file,
            errors,
        }
    }

    /// The errors in the file's order; never empty.
    #[must_use]
    pub fn errors(&self) -> &[Finding] {
        &self.errors
    }

    /// The report for a terminal: what a renderer of [`Diagnostic`]s makes snippets of the file from.
    #[must_use]
    pub fn annotated(self) -> AnnotatedReport {
        AnnotatedReport(self)
    }

    fn printed(&self) -> impl Iterator<Item = &Finding> {
        self.errors.iter().take(PRINTED)
    }

    fn summary(&self) -> String {
        let count = self.errors.len();
        let errors = match count {
            1 => "1 error".into(),
            more if more > PRINTED => format!("the first {PRINTED} of {more} errors"),
            more => format!("{more} errors"),
        };
        format!("{errors} in {}, nothing was started", self.file)
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.printed() {
            writeln!(formatter, "{}", error.line())?;
        }
        formatter.write_str(&self.summary())
    }
}

/// A [`Report`] whose errors are related diagnostics under one summary. Its text of the file is without secrets.
#[derive(Debug)]
pub struct AnnotatedReport(Report);

impl std::error::Error for AnnotatedReport {}

impl fmt::Display for AnnotatedReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.shown {
            Some(_) => formatter.write_str(&self.0.summary()),
            // Without the text a renderer does not tell the places either.
            None => self.0.fmt(formatter),
        }
    }
}

impl Diagnostic for AnnotatedReport {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.shown.as_ref().map(|shown| shown as &dyn SourceCode)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.0.shown.as_ref()?;
        Some(Box::new(
            self.0.printed().map(|error| error as &dyn Diagnostic),
        ))
    }
}
