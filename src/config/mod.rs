//! The configuration file: read, checked as a whole, and turned into the model that the rest of the program works with.
//!
//! [`load`] and [`parse`] collect every error of a file, each with its place; see [`Report`]. The stages: `tree` (YAML with the
//! place of every value), `decode` (typed values out of a tree), `read` (what the keys mean, section by section), [`model`].
//! What the format has but this version does not do stands in `availability`; the vendor's keys without effect in `vendor`.
//!
//! Nothing here connects to anything; the only files read are the configuration, secrets (`file:`), and the certificates'
//! existence.

mod availability;
mod decode;
mod interpolate;
pub mod model;
mod nearest;
mod quantity;
mod read;
mod region;
mod report;
mod source;
mod tree;
mod vendor;

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use model::Config;
pub use report::{AnnotatedReport, Finding, Report, Severity, Warning};
pub use source::Position;

/// The largest file that is read: one of a thousand accounts has less.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says.
    pub config: Config,
    /// What it says without effect, or against better advice, in the file's order.
    pub warnings: Vec<Warning>,
}

/// The system that the collector runs on, as far as a configuration depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Linux, which tells what the peer's TCP has acknowledged.
    Linux,
    /// Any other.
    Other,
}

impl Platform {
    /// The one that this program was built for.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(target_os = "linux") {
            Self::Linux
        } else {
            Self::Other
        }
    }
}

/// Loads the file at `path`; `env` looks up the environment's variables. Relative paths in it start at its directory.
///
/// # Errors
/// All that is wrong with it.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    let name = path.display().to_string();
    let base_dir = path.parent().unwrap_or(Path::new(""));
    match read_text(path) {
        Ok(text) => parse(&name, &text, base_dir, env),
        Err(message) => {
            let file: Arc<str> = name.into();
            let error = Finding {
                severity: Severity::Error,
                file: Arc::clone(&file),
                position: None,
                span: 0..0,
                path: String::new(),
                message,
                help: Some("give a readable YAML file in UTF-8".into()),
            };
            Err(Report::new(file, None, vec![error]))
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let size = File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read it: {error}"))?;
    if size as u64 > MAX_FILE_BYTES {
        return Err(format!("it has more than {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        let Position { line, column } = source::Source::new(&before).position(valid);
        format!("it is not UTF-8 from line {line}, column {column} on")
    })
}

/// Reads a configuration out of `text`. `name` is for messages, `base_dir` is where relative paths start.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(
    name: &str,
    text: &str,
    base_dir: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Report> {
    parse_for(Platform::current(), name, text, base_dir, env)
}

/// Like [`parse`], for a system that need not be this one.
///
/// # Errors
/// All that is wrong with it.
pub fn parse_for(
    platform: Platform,
    name: &str,
    text: &str,
    base_dir: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Report> {
    let file: Arc<str> = name.into();
    let source = source::Source::new(text);
    let context = decode::Context {
        file: Arc::clone(&file),
        source: &source,
        base_dir,
        variable: env,
        platform,
        findings: RefCell::default(),
    };
    let document = match tree::parse(&source) {
        Ok(document) => document,
        Err(flaw) => {
            context.record_flaw(flaw);
            // Where secrets stand in text that is not YAML nobody can say, so none of it is shown.
            return Err(Report::new(file, None, context.findings.take()));
        }
    };
    for flaw in document.flaws {
        context.record_flaw(flaw);
    }
    let config = read::config(&decode::Field::root(&context, &document.root));
    let (errors, mut warnings): (Vec<_>, Vec<_>) = context
        .findings
        .take()
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    match config {
        Some(config) if errors.is_empty() => {
            warnings.sort_by_key(|warning| warning.span.start);
            Ok(Loaded { config, warnings })
        }
        _ => {
            // What is no mapping is no configuration, but perhaps a private key given by mistake.
            let shown = matches!(document.root.value, tree::Value::Map(_))
                .then(|| source::shown(text, &document.root));
            Err(Report::new(file, shown, errors))
        }
    }
}
