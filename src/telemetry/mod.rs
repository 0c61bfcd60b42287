//! The collector's own log: the text form that operators of the vendor's collector know, and the same as JSON.
//!
//! The library only ever emits `tracing` events; nothing here is installed unless a program calls [`install`].

mod text;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

pub use text::TextFormat;

/// In which form the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `2024-05-31T18:40:27.031    INFO InputProcess::… -> Creating user session`
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, `level`, `origin`, `message`, and each event's own fields.
    Json,
}

/// Installs the log on standard error for the whole process. `RUST_LOG` decides what is shown, where it is set; otherwise
/// everything of ours from `INFO` up, or from `DEBUG` up if `debug` is set, and warnings of the libraries below.
///
/// # Errors
/// Something else has been installed before.
pub fn install(
    format: LogFormat,
    debug: bool,
) -> Result<(), tracing_subscriber::util::TryInitError> {
    let default = if debug {
        "warn,cloudweir=debug"
    } else {
        "warn,cloudweir=info"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.event_format(TextFormat).finish().try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .try_init(),
    }
}
